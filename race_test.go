//go:build race

package zeropool

const raceEnabled = true
