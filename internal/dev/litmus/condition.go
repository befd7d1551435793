package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A place is what a condition can ask for: a register of a thread, or a variable
// where thread is negative.
type place struct {
	thread, number int
}

// A condition is a question about one final state. It lists the places that it
// looks at, and holds is given their values in that order.
type condition struct {
	places []place
	names  []string
	holds  func(values []int64) bool
}

var conditionToken = regexp.MustCompile(`/\\|\\/|[()~=]|\[\w+\]|\d+:\w+|-?\w+`)

type conditionParser struct {
	tokens   []string
	variable func(name string) (int, bool)
	register func(name string) (int, bool)
	threads  int
	result   condition
}

func (p *conditionParser) parse(text string) (condition, error) {
	if left := strings.TrimSpace(conditionToken.ReplaceAllString(text, "")); left != "" {
		return condition{}, fmt.Errorf("condition: %q is not understood", left)
	}
	p.tokens = conditionToken.FindAllString(text, -1)
	holds, err := p.either()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("condition: %q after its end", p.tokens[0])
	}
	p.result.holds = holds
	return p.result, err
}

func (p *conditionParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *conditionParser) take(token string) bool {
	if p.next() != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *conditionParser) either() (func([]int64) bool, error) {
	left, err := p.both()
	for err == nil && p.take(`\/`) {
		first := left
		var right func([]int64) bool
		right, err = p.both()
		left = func(v []int64) bool { return first(v) || right(v) }
	}
	return left, err
}

func (p *conditionParser) both() (func([]int64) bool, error) {
	left, err := p.one()
	for err == nil && p.take(`/\`) {
		first := left
		var right func([]int64) bool
		right, err = p.one()
		left = func(v []int64) bool { return first(v) && right(v) }
	}
	return left, err
}

func (p *conditionParser) one() (func([]int64) bool, error) {
	switch {
	case p.take("~") || p.take("not"):
		inner, err := p.one()
		return func(v []int64) bool { return !inner(v) }, err
	case p.take("true"):
		return func([]int64) bool { return true }, nil
	case p.take("false"):
		return func([]int64) bool { return false }, nil
	case p.take("("):
		inner, err := p.either()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("condition: a closing parenthesis is missing")
		}
		return inner, err
	}
	return p.comparison()
}

func (p *conditionParser) comparison() (func([]int64) bool, error) {
	name := p.next()
	at, err := p.place(name)
	if err != nil {
		return nil, err
	}
	p.tokens = p.tokens[1:]
	if !p.take("=") {
		return nil, fmt.Errorf("condition: no = after %s", name)
	}
	if p.next() == "" {
		return nil, fmt.Errorf("condition: no value for %s", name)
	}
	value, err := parseValue(p.next(), p.variable)
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	p.tokens = p.tokens[1:]
	i := len(p.result.places)
	p.result.places = append(p.result.places, at)
	p.result.names = append(p.result.names, name)
	return func(v []int64) bool { return v[i] == value }, nil
}

func (p *conditionParser) place(name string) (place, error) {
	if number, rest, ok := strings.Cut(name, ":"); ok {
		thread, err := strconv.Atoi(number)
		if err != nil || thread >= p.threads {
			return place{}, fmt.Errorf("condition: there is no thread %s", number)
		}
		if r, ok := p.register(rest); ok {
			return place{thread, r}, nil
		}
		return place{}, fmt.Errorf("condition: %s is no register", rest)
	}
	if v, ok := p.variable(strings.Trim(name, "[]")); ok {
		return place{-1, v}, nil
	}
	return place{}, fmt.Errorf("condition: there is no variable %q", name)
}

// parseValue reads a number or the name of a variable, which means its address.
func parseValue(text string, variable func(string) (int, bool)) (int64, error) {
	if v, ok := variable(text); ok {
		return address(v), nil
	}
	v, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number nor a variable", text)
	}
	return v, nil
}
