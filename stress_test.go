package zeropool

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// stressVariable names the environment variable that makes the stress tests run
// longer: a whole number from 1 on, the factor by which their rounds are
// multiplied. Unset means 1.
const stressVariable = "ZEROPOOL_STRESS"

// stressFactor returns what stressVariable says.
func stressFactor() int {
	s := os.Getenv(stressVariable)
	if s == "" {
		return 1
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		panic(fmt.Sprintf("%s=%q: a whole number from 1 on is needed", stressVariable, s))
	}
	return n
}

// stressRounds scales the rounds of a stress test: a tenth in short mode, times
// stressFactor otherwise.
func stressRounds(n int) int {
	if testing.Short() {
		return max(n/10, 1)
	}
	return n * stressFactor()
}
