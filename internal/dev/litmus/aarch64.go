package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

func registerAArch64(name string) (number int, ok bool) {
	number, _, ok = widthAArch64(name)
	return number, ok
}

func widthAArch64(name string) (number int, wide, ok bool) {
	name = strings.ToUpper(name)
	if name == "XZR" || name == "WZR" {
		return zeroRegister, name == "XZR", true
	}
	if len(name) < 2 || name[0] != 'X' && name[0] != 'W' {
		return 0, false, false
	}
	n, err := strconv.Atoi(name[1:])
	if err != nil || n < 0 || n > 30 || strconv.Itoa(n) != name[1:] {
		return 0, false, false
	}
	return n, name[0] == 'X', true
}

// atomicAArch64 splits the name of a read-modify-write instruction into what it
// does and how it is ordered.
var atomicAArch64 = regexp.MustCompile(`^(CAS|SWP|LDADD|LDSET|LDCLR|LDEOR|STADD|STSET|STCLR|STEOR)(AL|A|L|)$`)

var arithmeticAArch64 = map[string]arithmetic{
	"ADD": add, "SUB": subtract, "AND": and, "ORR": or, "EOR": xor, "BIC": andNot,
	"LDADD": add, "LDSET": or, "LDCLR": andNot, "LDEOR": xor, "SWP": second,
	"STADD": add, "STSET": or, "STCLR": andNot, "STEOR": xor,
}

var relationAArch64 = map[string]relation{
	"B": always, "B.EQ": equal, "B.NE": notEqual, "B.LT": less, "B.LE": lessOrEqual, "B.GT": greater, "B.GE": greaterOrEqual,
}

var fenceAArch64 = map[string]fenceKind{
	"SY": fenceFull, "ISH": fenceFull, "LD": fenceLoad, "ISHLD": fenceLoad, "ST": fenceStore, "ISHST": fenceStore,
}

// parseAArch64 makes the instruction of a name and its operands.
func parseAArch64(name string, operands []string, c *context) (instruction, error) {
	p := operandParser{name: name, operands: operands, context: c, register: widthAArch64, constantPrefix: "#"}
	var i instruction
	switch m := atomicAArch64.FindStringSubmatch(name); {
	case m != nil:
		i.acquire = strings.Contains(m[2], "A")
		i.release = strings.Contains(m[2], "L")
		i.arithmetic = arithmeticAArch64[m[1]]
		i.op = opUpdate
		switch {
		case m[1] == "CAS":
			i.op = opSwapIfEqual
			i.a = p.anyRegister()
			i.to = i.a.register
			i.b = p.anyRegister()
		case strings.HasPrefix(m[1], "ST"):
			i.a = p.anyRegister()
			i.to = zeroRegister
		default:
			i.a = p.anyRegister()
			i.to = p.anyRegister().register
		}
		if i.to == zeroRegister {
			i.noResult, i.acquire = true, false
		}
		p.address(&i)
	case name == "MOV":
		i.op, i.arithmetic = opCompute, second
		i.to = p.anyRegister().register
		i.b = p.anyOperand()
	case name == "ADD" || name == "SUB" || name == "AND" || name == "ORR" || name == "EOR" || name == "BIC":
		i.op, i.arithmetic = opCompute, arithmeticAArch64[name]
		i.to = p.anyRegister().register
		i.a = p.anyRegister()
		i.b = p.anyOperand()
	case name == "CMP":
		i.op = opCompare
		i.a = p.anyRegister()
		i.b = p.anyOperand()
	case name == "CBZ" || name == "CBNZ":
		i.op, i.relation = opBranch, equal
		if name == "CBNZ" {
			i.relation = notEqual
		}
		i.a = p.anyRegister()
		i.target = p.label()
	case strings.HasPrefix(name, "B") && len(operands) == 1:
		r, ok := relationAArch64[name]
		if !ok {
			return i, fmt.Errorf("the instruction %s is not known", name)
		}
		i.op, i.relation = opBranch, r
		i.a, i.b = register(flagLeft), register(flagRight)
		i.target = p.label()
	case name == "LDR" || name == "LDAR" || name == "LDAPR" || name == "LDXR" || name == "LDAXR":
		i.op = opLoad
		if strings.HasSuffix(name, "XR") {
			i.op = opLoadExclusive
		}
		i.acquire = name == "LDAR" || name == "LDAXR"
		i.acquirePC = name == "LDAPR"
		i.to = p.anyRegister().register
		p.address(&i)
	case name == "STR" || name == "STLR":
		i.op, i.release = opStore, name == "STLR"
		i.a = p.anyRegister()
		p.address(&i)
	case name == "STXR" || name == "STLXR":
		i.op, i.release = opStoreExclusive, name == "STLXR"
		i.status = p.anyRegister().register
		p.wide = false // the status is always in a W register
		i.a = p.anyRegister()
		p.address(&i)
	case name == "DMB" || name == "DSB":
		i.op = opFence
		kind, ok := fenceAArch64[p.word()]
		if !ok {
			return i, fmt.Errorf("%s %s is not known", name, strings.Join(operands, ","))
		}
		i.fence = kind
	case name == "ISB":
		i.op, i.fence = opFence, fenceInstruction
	case name == "NOP":
	case name == "MEMBARRIER":
		i.op = opMembarrier
	default:
		return i, fmt.Errorf("the instruction %s is not known", name)
	}
	i.wide = p.wide
	return i, p.finish()
}
