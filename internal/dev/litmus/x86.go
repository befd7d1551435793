package main

import (
	"fmt"
	"strings"
)

var registersX86 = []string{"AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP"}

func registerX86(name string) (number int, ok bool) {
	number, _, ok = widthX86(name)
	return number, ok
}

func widthX86(name string) (number int, wide, ok bool) {
	name = strings.ToUpper(name)
	for i, r := range registersX86 {
		if name == "E"+r || name == "R"+r {
			return i, name[0] == 'R', true
		}
	}
	for i := 8; i < 16; i++ {
		if wide := fmt.Sprintf("R%d", i); name == wide || name == wide+"D" {
			return i, name == wide, true
		}
	}
	return 0, false, false
}

var arithmeticX86 = map[string]arithmetic{"ADD": add, "SUB": subtract, "AND": and, "OR": or, "XOR": xor}

var relationX86 = map[string]relation{
	"JMP": always, "JE": equal, "JZ": equal, "JNE": notEqual, "JNZ": notEqual,
	"JL": less, "JLE": lessOrEqual, "JG": greater, "JGE": greaterOrEqual,
}

// parseX86 makes the instruction of a name and its operands. All that reads and
// writes a variable must be locked.
func parseX86(name string, operands []string, c *context) (instruction, error) {
	name, locked := strings.CutPrefix(name, "LOCK ")
	name = strings.TrimSpace(name)
	inMemory := func(i int) bool { return i < len(operands) && strings.HasPrefix(operands[i], "[") }
	p := operandParser{name: name, operands: operands, context: c, register: widthX86, constantPrefix: "$"}
	if name == "XCHG" && inMemory(1) {
		p.operands = []string{operands[1], operands[0]}
	}
	if locked && !inMemory(0) {
		return instruction{}, fmt.Errorf("LOCK %s does not write a variable", name)
	}
	i := instruction{to: zeroRegister}
	operation, isArithmetic := arithmeticX86[name]
	switch {
	case name == "MOV" && inMemory(0):
		i.op = opStore
		p.address(&i)
		i.a = p.anyOperand()
	case name == "MOV" && inMemory(1):
		i.op = opLoad
		i.to = p.anyRegister().register
		p.address(&i)
	case name == "MOV":
		i.op, i.arithmetic = opCompute, second
		i.to = p.anyRegister().register
		i.b = p.anyOperand()
	case name == "XCHG" && (inMemory(0) || inMemory(1)):
		i.op, i.arithmetic = opUpdate, second
		p.address(&i)
		i.a = p.anyRegister()
		i.to = i.a.register
	case name == "XADD" && locked:
		i.op, i.setsFlags = opUpdate, true
		p.address(&i)
		i.a = p.anyRegister()
		i.to = i.a.register
	case name == "CMPXCHG" && locked:
		i.op, i.setsFlags = opSwapIfEqual, true
		p.address(&i)
		i.a, i.to = register(0), 0
		i.b = p.anyRegister()
	case (name == "INC" || name == "DEC") && (locked || !inMemory(0)):
		i.arithmetic, i.setsFlags = add, true
		if name == "DEC" {
			i.arithmetic = subtract
		}
		if locked {
			i.op = opUpdate
			p.address(&i)
			i.a = constant(1)
			break
		}
		i.op = opCompute
		i.a = p.anyRegister()
		i.to = i.a.register
		i.b = constant(1)
	case isArithmetic && (locked || !inMemory(0) && !inMemory(1)):
		i.arithmetic, i.setsFlags = operation, true
		if locked {
			i.op = opUpdate
			p.address(&i)
			i.a = p.anyOperand()
			break
		}
		i.op = opCompute
		i.a = p.anyRegister()
		i.to = i.a.register
		i.b = p.anyOperand()
	case name == "CMP" && !inMemory(0) && !inMemory(1):
		i.op = opCompare
		i.a = p.anyRegister()
		i.b = p.anyOperand()
	case len(operands) == 1 && strings.HasPrefix(name, "J"):
		r, ok := relationX86[name]
		if !ok {
			return i, fmt.Errorf("the instruction %s is not known", name)
		}
		i.op, i.relation = opBranch, r
		i.a, i.b = register(flagLeft), register(flagRight)
		i.target = p.label()
	case name == "MFENCE":
		i.op, i.fence = opFence, fenceFull
	case name == "LFENCE" || name == "SFENCE":
		i.op, i.fence = opFence, fenceNothing
	case name == "NOP":
	case name == "MEMBARRIER":
		i.op = opMembarrier
	default:
		return i, fmt.Errorf("the instruction %s is not known, or not with these operands: all that both reads and writes a variable must be locked", name)
	}
	i.wide = p.wide
	return i, p.finish()
}
