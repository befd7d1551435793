package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// An architecture is how a file of it is read, and the model that judges it.
type architecture struct {
	register    func(name string) (int, bool)
	instruction func(name string, operands []string, c *context) (instruction, error)
	model       func(*test) (outcomes, error)
}

var architectures = map[string]architecture{
	"AArch64": {registerAArch64, parseAArch64, armOutcomes},
	"X86":     {registerX86, parseX86, tsoOutcomes},
	"X86_64":  {registerX86, parseX86, tsoOutcomes},
}

var (
	commentPattern  = regexp.MustCompile(`(?s)\(\*.*?\*\)`)
	expectedPattern = regexp.MustCompile(`(?m)^[( *]*Expected: *(.*?)[ *)]*$`)
	namePattern     = regexp.MustCompile(`^[A-Za-z_]\w*$`)
	threadPattern   = regexp.MustCompile(`^\s*P0\s*(\||;)`)
	questionPattern = regexp.MustCompile(`(?m)^\s*(exists|~exists|~ *exists|forall)\b`)
	labelPattern    = regexp.MustCompile(`^\s*(\w+):`)
)

// maxThreads bounds the search, and the masks of threads in it.
const maxThreads = 8

// parse reads a litmus file. Its error names the place and what is wrong there.
func parse(text string) (*test, error) {
	t := &test{}
	for _, m := range expectedPattern.FindAllStringSubmatch(strings.Join(commentPattern.FindAllString(text, -1), "\n"), -1) {
		if t.expected != "" {
			return nil, fmt.Errorf("two lines with Expected")
		}
		t.expected = m[1]
		if t.expected != "Never" && t.expected != "Sometimes" && t.expected != "Always" {
			return nil, fmt.Errorf("expected: %q is not Never, Sometimes or Always", t.expected)
		}
	}
	text = commentPattern.ReplaceAllString(text, "")

	first, rest, _ := strings.Cut(text, "\n")
	fields := strings.Fields(first)
	if len(fields) != 2 {
		return nil, fmt.Errorf("the first line is not an architecture and a name")
	}
	arch, ok := architectures[fields[0]]
	if !ok {
		return nil, fmt.Errorf("the architecture %q is not AArch64 or X86", fields[0])
	}
	t.name, t.model = fields[1], arch.model

	before, body, ok := strings.Cut(rest, "{")
	if !ok || strings.TrimSpace(before) != "" {
		return nil, fmt.Errorf("no initial state in braces after the first line")
	}
	initial, body, ok := strings.Cut(body, "}")
	if !ok {
		return nil, fmt.Errorf("the initial state has no end")
	}
	at := questionPattern.FindStringSubmatchIndex(body)
	if at == nil {
		return nil, fmt.Errorf("no exists, ~exists or forall")
	}
	code, question := body[:at[0]], body[at[3]:]
	t.quantifier = strings.ReplaceAll(body[at[2]:at[3]], " ", "")

	cells, err := splitCode(code)
	if err != nil {
		return nil, err
	}
	t.threads = make([]thread, len(cells))
	if err := t.parseInitial(initial, arch); err != nil {
		return nil, err
	}
	for n := range cells {
		if err := t.parseThread(n, cells[n], arch); err != nil {
			return nil, err
		}
	}
	p := conditionParser{variable: t.variable, register: arch.register, threads: len(t.threads)}
	t.condition, err = p.parse(question)
	return t, err
}

func (t *test) variable(name string) (int, bool) {
	for i, v := range t.variables {
		if v == name {
			return i, true
		}
	}
	return 0, false
}

// parseInitial reads assignments, each with a semicolon. A variable exists if one
// of them names it, on either side.
func (t *test) parseInitial(text string, arch architecture) error {
	type assignment struct{ to, value string }
	var all []assignment
	declare := func(name string) {
		if _, known := t.variable(name); !known && namePattern.MatchString(name) {
			t.variables = append(t.variables, name)
			t.memory = append(t.memory, 0)
		}
	}
	for _, part := range strings.Split(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		to, value, ok := strings.Cut(part, "=")
		a := assignment{strings.TrimSpace(to), strings.TrimSpace(value)}
		if !ok || a.to == "" || a.value == "" {
			return fmt.Errorf("initial state: %q is no assignment", part)
		}
		all = append(all, a)
		declare(a.to)
		declare(a.value)
	}
	for _, a := range all {
		value, err := parseValue(a.value, t.variable)
		if err != nil {
			return fmt.Errorf("initial state: %w", err)
		}
		number, name, isRegister := strings.Cut(a.to, ":")
		if !isRegister {
			v, ok := t.variable(a.to)
			if !ok {
				return fmt.Errorf("initial state: %q is no name of a variable", a.to)
			}
			t.memory[v] = value
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= len(t.threads) {
			return fmt.Errorf("initial state: there is no thread %s", number)
		}
		r, ok := arch.register(name)
		if !ok || r == zeroRegister {
			return fmt.Errorf("initial state: %q is no register that can have a value", name)
		}
		t.threads[n].registers[r] = value
	}
	return nil
}

// splitCode returns the lines of each thread.
func splitCode(text string) ([][]string, error) {
	var threads [][]string
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		row, after, ok := strings.Cut(line, ";")
		if !ok || strings.TrimSpace(after) != "" {
			return nil, fmt.Errorf("the row %q does not end with a semicolon", strings.TrimSpace(line))
		}
		cells := strings.Split(row, "|")
		if threads == nil {
			if !threadPattern.MatchString(line) {
				return nil, fmt.Errorf("the row %q is not P0 | P1 | ... ;", strings.TrimSpace(line))
			}
			for n, cell := range cells {
				if strings.TrimSpace(cell) != fmt.Sprintf("P%d", n) {
					return nil, fmt.Errorf("column %d has the head %q", n, strings.TrimSpace(cell))
				}
			}
			if len(cells) > maxThreads {
				return nil, fmt.Errorf("%d threads, at most %d", len(cells), maxThreads)
			}
			threads = make([][]string, len(cells))
			continue
		}
		if len(cells) != len(threads) {
			return nil, fmt.Errorf("the row %q has %d columns and not %d", strings.TrimSpace(line), len(cells), len(threads))
		}
		for n, cell := range cells {
			if cell = strings.TrimSpace(cell); cell != "" {
				threads[n] = append(threads[n], cell)
			}
		}
	}
	if threads == nil {
		return nil, fmt.Errorf("no threads")
	}
	return threads, nil
}

func (t *test) parseThread(n int, cells []string, arch architecture) error {
	c := &context{variable: t.variable, labels: map[string]int{}}
	var lines []string
	for _, cell := range cells {
		for {
			m := labelPattern.FindStringSubmatch(cell)
			if m == nil {
				break
			}
			if _, known := c.labels[m[1]]; known {
				return fmt.Errorf("thread %d: two labels %q", n, m[1])
			}
			c.labels[m[1]] = len(lines)
			cell = cell[len(m[0]):]
		}
		if cell = strings.TrimSpace(cell); cell != "" {
			lines = append(lines, cell)
		}
	}
	for at, line := range lines {
		c.at = at
		name, operands := splitInstruction(line)
		i, err := arch.instruction(name, operands, c)
		if err != nil {
			return fmt.Errorf("thread %d: %q: %w", n, line, err)
		}
		t.threads[n].code = append(t.threads[n].code, i)
	}
	return nil
}

// splitInstruction splits at the commas outside of brackets.
func splitInstruction(line string) (name string, operands []string) {
	name, rest, _ := strings.Cut(line, " ")
	name = strings.ToUpper(name)
	if name == "LOCK" {
		var second string
		second, rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
		name += " " + strings.ToUpper(second)
	}
	depth, from := 0, 0
	for i, r := range rest {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth == 0 {
				operands = append(operands, strings.TrimSpace(rest[from:i]))
				from = i + 1
			}
		}
	}
	if last := strings.TrimSpace(rest[from:]); last != "" || len(operands) > 0 {
		operands = append(operands, last)
	}
	return name, operands
}
