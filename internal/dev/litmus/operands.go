package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A context is what an instruction can name: the variables of the test and the
// labels of the thread.
type context struct {
	variable func(name string) (int, bool)
	labels   map[string]int
	at       int // the instruction's index
}

// An operandParser takes the operands of one instruction, from left to right. It
// keeps its first error for finish.
type operandParser struct {
	name           string
	operands       []string
	context        *context
	register       func(string) (number int, wide, ok bool)
	constantPrefix string

	wide bool // the last register that held data, and not an address, was wide
	err  error
}

func (p *operandParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(p.name+": "+format, args...)
	}
}

func (p *operandParser) word() string {
	if len(p.operands) == 0 {
		p.fail("an operand is missing")
		return ""
	}
	word := p.operands[0]
	p.operands = p.operands[1:]
	return word
}

func (p *operandParser) anyRegister() operand {
	word := p.word()
	number, wide, ok := p.register(word)
	if !ok {
		p.fail("%q is no register", word)
	}
	p.wide = wide
	return register(number)
}

func (p *operandParser) anyOperand() operand {
	word := p.word()
	if number, wide, ok := p.register(word); ok {
		p.wide = p.wide || wide
		return register(number)
	}
	v, err := strconv.ParseInt(strings.TrimPrefix(word, p.constantPrefix), 0, 64)
	if err != nil {
		p.fail("%q is neither a register nor a number", word)
	}
	return constant(v)
}

// address takes [variable], [register] or [register,register] with or without
// SXTW.
func (p *operandParser) address(i *instruction) {
	word := p.word()
	inner, ok := strings.CutPrefix(word, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !ok || !closed {
		p.fail("%q is no address", word)
		return
	}
	parts := strings.Split(inner, ",")
	part := func(n int) operand {
		text := strings.TrimSpace(parts[n])
		if number, _, ok := p.register(text); ok {
			return register(number)
		}
		if v, ok := p.context.variable(text); ok {
			return constant(address(v))
		}
		p.fail("%q is neither a register nor a variable", text)
		return operand{}
	}
	if len(parts) > 3 || len(parts) == 3 && strings.TrimSpace(parts[2]) != "SXTW" {
		p.fail("the address %q is not known", word)
		return
	}
	i.base = part(0)
	if len(parts) > 1 {
		i.index = part(1)
	}
}

// label takes the name of a label below the instruction.
func (p *operandParser) label() int {
	word := p.word()
	at, ok := p.context.labels[word]
	switch {
	case !ok:
		p.fail("there is no label %q", word)
	case at <= p.context.at:
		p.fail("label %q is above the branch, and threads have no loops", word)
	}
	return at
}

func (p *operandParser) finish() error {
	if p.err == nil && len(p.operands) > 0 {
		return errors.New(p.name + ": too many operands")
	}
	return p.err
}
