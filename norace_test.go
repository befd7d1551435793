//go:build !race

package zeropool

const raceEnabled = false
