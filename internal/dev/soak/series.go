package main

import "slices"

// A series is one quantity, measured at each rest of the pools.
type series struct {
	name   string
	unit   string
	values []float64
	// slack and share say by how much it may have grown without being said to
	// grow.
	slack, share float64
}

// fewRests is how many values a series must have before it can be judged.
const fewRests = 6

// verdict compares the medians of the last two thirds; the first third is for
// warming up. The series is flat if the last third's median is not above limit.
func (s *series) verdict() (second, last, limit float64, flat bool) {
	n := len(s.values)
	if n < fewRests {
		return 0, 0, 0, true
	}
	second = median(s.values[n/3 : n-n/3])
	last = median(s.values[n-n/3:])
	limit = second*(1+s.share) + s.slack
	return second, last, limit, last <= limit
}

func (s *series) add(v float64) { s.values = append(s.values, v) }

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
