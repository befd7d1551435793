package main

// A test is what a litmus file says: a program of a few threads, the state in
// which it starts, and a question about the states in which it can end.
type test struct {
	name     string
	model    func(*test) (outcomes, error)
	expected string // Never, Sometimes or Always; empty when the file does not say

	variables []string // a variable's number is its index
	memory    []int64  // the value with which each variable starts
	threads   []thread

	quantifier string // exists, ~exists or forall
	condition  condition
}

type thread struct {
	code      []instruction
	registers [registerCount]int64 // the values with which they start
}

// Registers of both architectures go by number.
const (
	zeroRegister  = 31 // reads as zero, and writes to it are lost
	flagLeft      = 32 // the two sides of the last comparison
	flagRight     = 33
	registerCount = 34
)

// address is the value that stands for the address of a variable. It fits 32
// bits, so a register of either width holds it.
func address(variable int) int64 { return int64(variable+1) << 12 }

// at returns the variable with the address.
func (t *test) at(v int64) (variable int, ok bool) {
	for n := range t.variables {
		if address(n) == v {
			return n, true
		}
	}
	return 0, false
}

// An operand is a register or a constant.
type operand struct {
	isRegister bool
	register   int
	constant   int64
}

func constant(v int64) operand { return operand{constant: v} }
func register(r int) operand   { return operand{isRegister: true, register: r} }

type opcode uint8

const (
	opNone           opcode = iota
	opCompute               // to = arithmetic(a, b)
	opCompare               // the flags take a and b
	opBranch                // to the instruction target, if relation holds between a and b
	opLoad                  // to = variable
	opLoadExclusive         // opLoad, and the thread now watches the variable
	opStore                 // variable = a
	opStoreExclusive        // opStore if still watching; status = 0 when stored, else 1
	opUpdate                // to = variable, variable = arithmetic(variable, a), at once
	opSwapIfEqual           // to = variable, and variable = b if it was a, at once
	opFence                 // of the kind fence
	opMembarrier            // every other thread executes a full fence somewhere
)

type arithmetic uint8

const (
	add arithmetic = iota
	subtract
	and
	or
	xor
	andNot
	second // the second of the two, for moves and swaps
)

func (a arithmetic) apply(x, y int64) int64 {
	switch a {
	case add:
		return x + y
	case subtract:
		return x - y
	case and:
		return x & y
	case or:
		return x | y
	case xor:
		return x ^ y
	case andNot:
		return x &^ y
	default:
		return y
	}
}

type relation uint8

const (
	always relation = iota
	equal
	notEqual
	less
	lessOrEqual
	greater
	greaterOrEqual
)

func (r relation) holds(x, y int64) bool {
	switch r {
	case equal:
		return x == y
	case notEqual:
		return x != y
	case less:
		return x < y
	case lessOrEqual:
		return x <= y
	case greater:
		return x > y
	case greaterOrEqual:
		return x >= y
	default:
		return true
	}
}

type fenceKind uint8

const (
	fenceFull        fenceKind = iota
	fenceLoad                  // earlier loads before all that is later
	fenceStore                 // earlier stores before later stores
	fenceInstruction           // ISB
	fenceNothing               // one that adds nothing to the model's order
)

// An instruction is of no particular architecture: the parsers of both make
// these, and each model takes from them what matters to it.
type instruction struct {
	op         opcode
	arithmetic arithmetic
	relation   relation
	fence      fenceKind
	to, status int
	a, b       operand
	base       operand // the address is base + index
	index      operand
	target     int
	wide       bool // 64 bits, and not 32
	setsFlags  bool

	acquire   bool // LDAR and the like
	acquirePC bool // LDAPR: not ordered after an earlier release
	release   bool
	noResult  bool // a read whose result is thrown away does not count for a load fence
}

// width returns v as a register or variable of the instruction's width holds it.
func (i *instruction) width(v int64) int64 { return width(v, i.wide) }

func width(v int64, wide bool) int64 {
	if wide {
		return v
	}
	return int64(int32(v))
}
