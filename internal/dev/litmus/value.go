package main

// A value is what a register holds on a path through a thread: a number, or an
// expression over what the thread's reads will return.
type value struct {
	reads uint64 // the reads it is made from, one bit for each event of the thread
	kind  valueKind
	known int64 // of a number
	read  int   // of the value of a read: its event
	how   arithmetic
	left  *value
	right *value
	wide  bool
}

type valueKind uint8

const (
	number valueKind = iota
	ofRead
	computed
)

func numberValue(v int64) *value { return &value{known: v} }

func readValue(event int) *value { return &value{kind: ofRead, read: event, reads: 1 << event} }

// compute applies the operation where it can. What is the same whatever the reads
// return is a number, as in EOR W0,W0,W0: the dependency is not kept here but with
// the register.
func compute(how arithmetic, left, right *value, wide bool) *value {
	switch {
	case how == second:
		return narrow(right, wide)
	case left.kind == number && right.kind == number:
		return numberValue(width(how.apply(left.known, right.known), wide))
	case left == right && (how == xor || how == subtract || how == andNot):
		return numberValue(0)
	case how == and && (isNumber(left, 0) || isNumber(right, 0)):
		return numberValue(0)
	case isNumber(right, 0) && (how == add || how == subtract || how == or || how == xor):
		return narrow(left, wide)
	}
	return &value{kind: computed, how: how, left: left, right: right, wide: wide, reads: left.reads | right.reads}
}

func isNumber(v *value, n int64) bool { return v.kind == number && v.known == n }

// narrow cuts a value to the width. That of a read has been cut by the read.
func narrow(v *value, wide bool) *value {
	switch {
	case wide || v.kind == ofRead && !v.wide || v.kind == computed && !v.wide:
		return v
	case v.kind == number:
		return numberValue(width(v.known, wide))
	}
	return &value{kind: computed, how: second, left: v, right: v, reads: v.reads}
}

// of returns the number that the value is, given what the reads returned.
func (v *value) of(reads []int64) int64 {
	switch v.kind {
	case number:
		return v.known
	case ofRead:
		return reads[v.read]
	default:
		return width(v.how.apply(v.left.of(reads), v.right.of(reads)), v.wide)
	}
}
