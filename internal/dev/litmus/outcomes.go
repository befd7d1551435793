package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Outcomes are the final states of a test, as far as its condition looks at
// them: the values of the condition's places, by their bytes.
type outcomes map[string][]int64

func (o outcomes) add(values []int64) {
	var key []byte
	for _, v := range values {
		key = binary.AppendVarint(key, v)
	}
	if _, known := o[string(key)]; !known {
		o[string(key)] = values
	}
}

// observation says in how many of the final states the condition holds, in the
// words of the litmus files.
func (t *test) observation(o outcomes) string {
	holds := 0
	for _, values := range o {
		if t.condition.holds(values) {
			holds++
		}
	}
	switch holds {
	case 0:
		return "Never"
	case len(o):
		return "Always"
	default:
		return "Sometimes"
	}
}

// check runs the test and returns what was observed, with an error if that is
// not what the file expects: its line Expected, and without one that which the
// quantifier claims. The weakened twin of a test is there to show the outcome.
func (t *test) check() (outcomes, string, error) {
	o, err := t.model(t)
	if err != nil {
		return nil, "", err
	}
	seen := t.observation(o)
	expected := []string{t.expected}
	if t.expected == "" {
		expected = map[string][]string{"exists": {"Sometimes", "Always"}, "~exists": {"Never"}, "forall": {"Always"}}[t.quantifier]
	}
	if strings.HasSuffix(t.name, "-weak") && slices.Contains(expected, "Never") {
		return o, seen, fmt.Errorf("a test whose name ends in -weak must expect its outcome")
	}
	if !slices.Contains(expected, seen) {
		return o, seen, fmt.Errorf("%s, expected %s", seen, strings.Join(expected, " or "))
	}
	return o, seen, nil
}

// states returns a line for each final state, with a star where the condition
// holds.
func (t *test) states(o outcomes) []string {
	var lines []string
	for _, values := range o {
		mark := ' '
		if t.condition.holds(values) {
			mark = '*'
		}
		line := fmt.Sprintf("%c", mark)
		for i, v := range values {
			if slices.Index(t.condition.names, t.condition.names[i]) < i {
				continue
			}
			line += fmt.Sprintf(" %s=%s", t.condition.names[i], t.valueName(v))
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func (t *test) valueName(v int64) string {
	if n, ok := t.at(v); ok {
		return t.variables[n]
	}
	return fmt.Sprint(v)
}
