package main

import (
	"fmt"
	"strings"
	"testing"
)

// A verdict is what somebody else has published about a shape. The threads of
// code are divided by |, and their instructions by semicolons. In AArch64 the
// registers W21, W22, W23 start as 1, 2, 3, and X10, X11, X12 as the addresses of
// x, y and z.
type verdict struct {
	name, expected, code, condition string
}

const (
	allowed   = "allowed"
	forbidden = "forbidden"
)

func (v *verdict) check(t *testing.T, arch, initial string) {
	t.Helper()
	threads := strings.Split(v.code, "|")
	seen := verdictTest(t, arch, initial, threads, v.condition)
	if (seen != "Never") != (v.expected == allowed) {
		t.Errorf("%s %s: %s, but it is %s", arch, v.name, seen, v.expected)
	}
}

// litmusText makes the text of a litmus file.
func litmusText(arch, initial string, threads []string, condition string) string {
	var columns [][]string
	rows := 0
	state := "x=0; y=0; z=0; " + initial
	for n, thread := range threads {
		column := strings.Split(thread, ";")
		columns = append(columns, column)
		rows = max(rows, len(column))
		if arch == "AArch64" {
			for i, name := range []string{"x", "y", "z"} {
				state += fmt.Sprintf(" %d:X%d=%s; %d:X%d=%d;", n, 10+i, name, n, 21+i, i+1)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s test\n{%s}\n", arch, state)
	for row := -1; row < rows; row++ {
		for n, column := range columns {
			if n > 0 {
				b.WriteString("|")
			}
			switch {
			case row < 0:
				fmt.Fprintf(&b, " P%d ", n)
			case row < len(column):
				b.WriteString(column[row])
			}
		}
		b.WriteString(";\n")
	}
	return b.String() + "exists (" + condition + ")\n"
}

func verdictTest(t *testing.T, arch, initial string, threads []string, condition string) string {
	t.Helper()
	text := litmusText(arch, initial, threads, condition)
	parsed, err := parse(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	o, err := parsed.model(parsed)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return parsed.observation(o)
}

// The verdicts that the authors of Arm's model ship with its executable form: the
// catalogue of herdtools7, catalogue/aarch64/tests/kinds.txt. The programs have the
// shape of the catalogue's under the same names.
func TestVerdictsCatalogueAArch64(t *testing.T) {
	const mp, sb, lb = `1:X0=1 /\ 1:X1=0`, `0:X0=0 /\ 1:X0=0`, `0:X0=1 /\ 1:X0=1`
	for _, v := range []verdict{
		{"2+2W", allowed, `STR W22,[x]; STR W21,[y] | STR W22,[y]; STR W21,[x]`, `x=2 /\ y=2`},
		{"2+2W+dmb.sy+po", allowed, `STR W22,[x]; DMB SY; STR W21,[y] | STR W22,[y]; STR W21,[x]`, `x=2 /\ y=2`},
		{"2+2W+dmb.sys", forbidden, `STR W22,[x]; DMB SY; STR W21,[y] | STR W22,[y]; DMB SY; STR W21,[x]`, `x=2 /\ y=2`},
		{"LB", allowed, `LDR W0,[x]; STR W21,[y] | LDR W0,[y]; STR W21,[x]`, lb},
		{"LB+dmb.sy+po", allowed, `LDR W0,[x]; DMB SY; STR W21,[y] | LDR W0,[y]; STR W21,[x]`, lb},
		{"LB+dmb.sys", forbidden, `LDR W0,[x]; DMB SY; STR W21,[y] | LDR W0,[y]; DMB SY; STR W21,[x]`, lb},
		{"MP", allowed, `STR W21,[x]; STR W21,[y] | LDR W0,[y]; LDR W1,[x]`, mp},
		{"MP+dmb.sy+po", allowed, `STR W21,[x]; DMB SY; STR W21,[y] | LDR W0,[y]; LDR W1,[x]`, mp},
		{"MP+po+dmb.sy", allowed, `STR W21,[x]; STR W21,[y] | LDR W0,[y]; DMB SY; LDR W1,[x]`, mp},
		{"MP+dmb.sys", forbidden, `STR W21,[x]; DMB SY; STR W21,[y] | LDR W0,[y]; DMB SY; LDR W1,[x]`, mp},
		{"R", allowed, `STR W21,[x]; STR W21,[y] | STR W22,[y]; LDR W0,[x]`, `y=2 /\ 1:X0=0`},
		{"R+dmb.sy+po", allowed, `STR W21,[x]; DMB SY; STR W21,[y] | STR W22,[y]; LDR W0,[x]`, `y=2 /\ 1:X0=0`},
		{"R+po+dmb.sy", allowed, `STR W21,[x]; STR W21,[y] | STR W22,[y]; DMB SY; LDR W0,[x]`, `y=2 /\ 1:X0=0`},
		{"R+dmb.sys", forbidden, `STR W21,[x]; DMB SY; STR W21,[y] | STR W22,[y]; DMB SY; LDR W0,[x]`, `y=2 /\ 1:X0=0`},
		{"S", allowed, `STR W22,[x]; STR W21,[y] | LDR W0,[y]; STR W21,[x]`, `1:X0=1 /\ x=2`},
		{"S+dmb.sy+po", allowed, `STR W22,[x]; DMB SY; STR W21,[y] | LDR W0,[y]; STR W21,[x]`, `1:X0=1 /\ x=2`},
		{"S+po+dmb.sy", allowed, `STR W22,[x]; STR W21,[y] | LDR W0,[y]; DMB SY; STR W21,[x]`, `1:X0=1 /\ x=2`},
		{"S+dmb.sys", forbidden, `STR W22,[x]; DMB SY; STR W21,[y] | LDR W0,[y]; DMB SY; STR W21,[x]`, `1:X0=1 /\ x=2`},
		{"SB", allowed, `STR W21,[x]; LDR W0,[y] | STR W21,[y]; LDR W0,[x]`, sb},
		{"SB+dmb.sy+po", allowed, `STR W21,[x]; DMB SY; LDR W0,[y] | STR W21,[y]; LDR W0,[x]`, sb},
		{"SB+dmb.sys", forbidden, `STR W21,[x]; DMB SY; LDR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[x]`, sb},
		{"CoRR", forbidden, `STR W21,[x] | LDR W0,[x]; LDR W1,[x]`, `1:X0=1 /\ 1:X1=0`},
		{"CoRW1", forbidden, `LDR W0,[x]; STR W21,[x]`, `0:X0=1`},
		{"CoRW2", forbidden, `STR W21,[x] | LDR W0,[x]; STR W22,[x]`, `x=1 /\ 1:X0=1`},
		{"CoWR", forbidden, `STR W21,[x]; LDR W0,[x]`, `0:X0=0`},
		{"CoWW", forbidden, `STR W21,[x]; STR W22,[x]`, `x=1`},

		// A release is ordered before a later acquire, but not before LDAPR.
		{"SB+dmb.sy+rel-acq", forbidden, `STR W21,[x]; DMB SY; LDR W0,[y] | STLR W21,[y]; LDAR W0,[x]`, sb},
		{"SB+dmb.sy+rel-acqpc", allowed, `STR W21,[x]; DMB SY; LDR W0,[y] | STLR W21,[y]; LDAPR W0,[x]`, sb},
		{"MP+rel+acq", forbidden, `STR W21,[x]; STLR W21,[y] | LDAR W0,[y]; LDR W1,[x]`, mp},
		{"MP+rel+acqpc", forbidden, `STR W21,[x]; STLR W21,[y] | LDAPR W0,[y]; LDR W1,[x]`, mp},

		// An acquire that reads the thread's own write.
		{"MP+rel+swp-acq", forbidden, `STR W21,[x]; STLR W21,[y] | SWP W22,W0,[y]; LDAR W6,[y]; LDR W1,[x]`, mp},
		{"MP+rel+swp-acqpc", forbidden, `STR W21,[x]; STLR W21,[y] | SWP W22,W0,[y]; LDAPR W6,[y]; LDR W1,[x]`, mp},
		{"MP+rel+rmw-lrs-acq", forbidden, `STR W21,[x]; STLR W21,[y] | SWP W22,W0,[y]; LDAR W7,[y]; EOR W8,W7,W7; LDR W1,[x]`, mp},
		{"MP+rel+addr-lrs-acq", forbidden, `STR W21,[x]; STLR W21,[y] | LDR W0,[y]; EOR W4,W0,W0; STR W21,[X12,W4,SXTW]; LDAR W7,[z]; LDR W1,[x]`, mp},
		{"MP+rel+data-lrs-acq", forbidden, `STR W21,[x]; STLR W21,[y] | LDR W0,[y]; STR W0,[z]; LDAR W7,[z]; LDR W1,[x]`, mp},
		{"MP+rel+ctrl-lrs-acq", allowed, `STR W21,[x]; STLR W21,[y] | LDR W0,[y]; CMP W0,#1; B.EQ L0; L0:; STR W21,[z]; LDAR W7,[z]; LDR W1,[x]`, mp},
		{"MP+rel+addr-po-loc-addr", allowed, `STR W21,[x]; STLR W21,[y] | LDR W0,[y]; EOR W4,W0,W0; LDR W6,[X12,W4,SXTW]; LDR W7,[z]; EOR W8,W7,W7; LDR W1,[X10,W8,SXTW]`, mp},

		// Atomic instructions, and those whose result is thrown away.
		{"LB+rel+LDADD", forbidden, `LDR W0,[y]; STLR W21,[x] | LDR W0,[x]; ORR W9,W0,#1; LDADD W9,W4,[y]`, lb},
		{"LB+rel+STADD", forbidden, `LDR W0,[y]; STLR W21,[x] | LDR W0,[x]; ORR W9,W0,#1; STADD W9,[y]`, lb},
		{"LB+dmb.sy+data-amo.swp", forbidden, `LDR W0,[x]; EOR W2,W0,W0; ADD W4,W2,#1; SWP W4,W5,[y] | LDR W0,[y]; DMB SY; STR W21,[x]`, lb},
		{"LB+SWP-RsRt-addr+rel", allowed, `LDR W0,[x]; SWP W0,W13,[z]; EOR W14,W13,W13; ADD W2,W14,#1; STR W2,[y] | LDR W0,[y]; STLR W21,[x]`, lb},
		{"MP+rel+LDADD-dmb.ld", forbidden, `STR W21,[x]; STLR W21,[y] | LDADD W21,W0,[y]; DMB LD; LDR W1,[x]`, `y=2 /\ 1:X1=0`},
		{"MP+rel+LDADDnoret-dmb.ld", allowed, `STR W21,[x]; STLR W21,[y] | LDADD W21,WZR,[y]; DMB LD; LDR W1,[x]`, `y=2 /\ 1:X1=0`},
		{"MP+rel+SWP-dmb.ld", forbidden, `STR W21,[x]; STLR W21,[y] | SWP W22,W0,[y]; DMB LD; LDR W1,[x]`, mp},
		{"MP+rel+SWPnoret-dmb.ld", allowed, `STR W21,[x]; STLR W21,[y] | SWP W22,WZR,[y]; DMB LD; LDR W1,[x]`, `y=2 /\ 1:X1=0`},
		{"MP+rel+SWPacq", forbidden, `STR W21,[x]; STLR W21,[y] | SWPA W22,W0,[y]; LDR W1,[x]`, mp},
		{"MP+rel+SWPacq-noret", allowed, `STR W21,[x]; STLR W21,[y] | SWPA W22,WZR,[y]; LDR W1,[x]`, `y=2 /\ 1:X1=0`},

		// What depends on what in a compare-and-swap.
		{"LB+rel+CAS", forbidden, `LDR W0,[y]; STLR W21,[x] | LDR W0,[x]; AND W9,W0,#2; CAS W9,W21,[y]`, lb},
		{"LB+rel+CAS+BIS", forbidden, `LDR W0,[y]; STLR W21,[x] | LDR W0,[x]; ORR W9,W0,#1; MOV W4,#0; CAS W4,W9,[y]`, lb},
		{"LB+rel+BEQ", allowed, `LDR W0,[x]; STLR W21,[y] | LDR W3,[y]; CMP W0,#1; B.EQ over; MOV W1,W3; over:; MOV W8,#7; STR W8,[x]`, `0:X0=7 /\ 1:X3=1`},
		{"LB+rel+BEQ2", forbidden, `LDR W0,[x]; STLR W21,[y] | LDR W3,[y]; CMP W0,#1; MOV W1,#7; B.EQ over; MOV W1,W3; over:; MOV W8,#7; STR W1,[x]`, `0:X0=1 /\ 1:X3=1`},
		{"LB+rel+BEQ3", allowed, `LDR W0,[x]; STLR W21,[y] | LDR W3,[y]; CMP X0,#0; MOV X1,#7; B.EQ over; MOV X1,X3; over:; MOV W8,#7; STR W1,[x]`, `0:X0=7 /\ 1:X3=1`},
		{"LB+rel+CAS-ok-RsRs-addr", allowed, `LDR W0,[x]; STLR W21,[y]; STR W23,[z] | LDR W3,[y]; MOV W0,W3; CAS W3,WZR,[z]; EOR W3,W3,W3; STR W21,[X10,W3,SXTW]`, lb},
		{"LB+rel+CAS-ok-MRs-addr", forbidden, `LDR W0,[x]; STLR W21,[y] | MOV W0,#1; CAS W0,WZR,[y]; EOR W4,W0,W0; STR W21,[X10,W4,SXTW]`, lb},
		{"MP+rel+CAS-ok-RsRs-addr", allowed, `STR W21,[x]; STLR W21,[y] | LDR W2,[y]; MOV W0,W2; CAS W2,W3,[z]; AND W5,W2,#2; LDR W1,[X10,W5,SXTW]`, `1:X0=1 /\ 1:X1=0 /\ 1:X2=1`},
		{"MP+rel+CAS-ok-MRs-addr", allowed, `STR W21,[x]; STLR W21,[y] | MOV W0,#1; CAS W0,WZR,[y]; EOR W3,W0,W0; LDR W1,[X10,W3,SXTW]`, `1:X0=1 /\ 1:X1=0`},
		{"MP+rel+CAS-ok-dmb.ld", forbidden, `STR W21,[x]; STLR W22,[y] | MOV W2,#2; CAS W2,W23,[y]; DMB LD; LDR W1,[x]`, `y=3 /\ 1:X1=0`},
		{"MP+rel+CASacq-ok", forbidden, `STR W21,[x]; STLR W22,[y] | MOV W2,#2; CASA W2,W23,[y]; LDR W1,[x]`, `y=3 /\ 1:X1=0`},
	} {
		initial := ""
		if strings.Contains(v.name, "CAS-ok-RsRs") {
			initial = "z=1;"
			v.code = strings.ReplaceAll(v.code, "; STR W23,[z]", "")
		}
		v.check(t, "AArch64", initial)
	}
	for _, v := range []verdict{
		{"CAS+data1", allowed, `STR W21,[y]; STLR W21,[x] | LDR W0,[x]; MOV W5,W0; MOV W6,#1; CAS W0,W6,[x]; STR W4,[y]`, `1:X5=1 /\ y=1`},
		{"CAS+data2", allowed, `STR W21,[y]; STLR W21,[x] | LDR W0,[x]; MOV W5,W0; CAS W0,W6,[z]; LDR W0,[z]; EOR X0,X0,X0; ADD X3,X11,X0; LDR W4,[X3]`, `1:X5=1 /\ 1:X4=0`},
		{"MP+rel+CAS-addr", allowed, `STR W21,[y]; STLR W21,[x] | LDR W0,[x]; MOV W5,W0; CAS W0,W6,[z]; LDR W0,[z]; EOR W0,W0,W0; LDR W4,[X11,W0,SXTW]`, `1:X5=1 /\ 1:X4=0`},
		{"MP+rel+CASacq-noret-ok", allowed, `STR W21,[x]; STLR WZR,[z] | CASA WZR,W22,[z]; LDR W0,[x]`, `z=2 /\ 1:X0=0`},
		{"MP+rel+CASnoret-ok-dmb.ld", allowed, `STR W21,[x]; STLR WZR,[z] | CAS WZR,W22,[z]; DMB LD; LDR W0,[x]`, `z=2 /\ 1:X0=0`},
	} {
		v.check(t, "AArch64", "z=1;")
	}
	both := verdict{"MP+rel+CAS-ok-bothRs-addr", forbidden,
		`STR W21,[x]; STLR W21,[z]; STLR W21,[y] | LDR W1,[y]; MOV W9,W1; MOV W3,#5; CAS W1,W3,[z]; EOR W5,W1,W1; LDR W7,[X10,W5,SXTW]`,
		`1:X9=1 /\ 1:X7=0 /\ 1:X1=1 /\ z=5`}
	both.check(t, "AArch64", "z=3;")
}

// Dependencies. Maranget, Sarkar, Sewell: "A Tutorial Introduction to the ARM and
// POWER Relaxed Memory Models" (2012), whose verdicts on
// these shapes hold for ARMv8 as well: Pulte, Flur, Deacon, French, Sarkar, Sewell:
// "Simplifying ARM Concurrency" (POPL 2018).
func TestVerdictsDependenciesAArch64(t *testing.T) {
	const mp, lb = `1:X0=1 /\ 1:X1=0`, `0:X0=1 /\ 1:X0=1`
	const writer = `STR W21,[x]; DMB SY; STR W21,[y] | `
	for _, v := range []verdict{
		{"MP+dmb.sy+addr", forbidden, writer + `LDR W0,[y]; EOR W2,W0,W0; LDR W1,[X10,W2,SXTW]`, mp},
		{"MP+dmb.sy+ctrl", allowed, writer + `LDR W0,[y]; CBNZ W0,L; L:; LDR W1,[x]`, mp},
		{"MP+dmb.sy+ctrlisb", forbidden, writer + `LDR W0,[y]; CBNZ W0,L; L:; ISB; LDR W1,[x]`, mp},
		{"MP+dmb.sy+addr-isb", forbidden, writer + `LDR W0,[y]; EOR W2,W0,W0; LDR W3,[X12,W2,SXTW]; ISB; LDR W1,[x]`, mp},
		{"MP+dmb.sy+isb", allowed, writer + `LDR W0,[y]; ISB; LDR W1,[x]`, mp},
		{"MP+dmb.sy+dmb.ld", forbidden, writer + `LDR W0,[y]; DMB ISHLD; LDR W1,[x]`, mp},
		{"MP+dmb.st+addr", forbidden, `STR W21,[x]; DMB ISHST; STR W21,[y] | LDR W0,[y]; EOR W2,W0,W0; LDR W1,[X10,W2,SXTW]`, mp},
		{"LB+addrs", forbidden, `LDR W0,[x]; EOR W2,W0,W0; STR W21,[X11,W2,SXTW] | LDR W0,[y]; EOR W2,W0,W0; STR W21,[X10,W2,SXTW]`, lb},
		{"LB+datas", forbidden, `LDR W0,[x]; STR W0,[y] | LDR W0,[y]; STR W0,[x]`, lb},
		{"LB+ctrls", forbidden, `LDR W0,[x]; CBNZ W0,L; L:; STR W21,[y] | LDR W0,[y]; CBNZ W0,L; L:; STR W21,[x]`, lb},
		{"LB+data+po", allowed, `LDR W0,[x]; STR W0,[y] | LDR W0,[y]; STR W21,[x]`, lb},
		{"S+dmb.sy+data", forbidden, `STR W22,[x]; DMB SY; STR W21,[y] | LDR W0,[y]; STR W0,[x]`, `1:X0=1 /\ x=2`},
		{"S+dmb.sy+ctrl", forbidden, `STR W22,[x]; DMB SY; STR W21,[y] | LDR W0,[y]; CBNZ W0,L; L:; STR W21,[x]`, `1:X0=1 /\ x=2`},
		// A write on a path that is only predicted can be read by its own thread.
		{"PPOCA", allowed, writer + `LDR W0,[y]; CBZ W0,L; STR W21,[z]; LDR W3,[z]; EOR W4,W3,W3; LDR W1,[X10,W4,SXTW]; L:`, mp + ` /\ 1:X3=1`},
		{"PPOAA", forbidden, writer + `LDR W0,[y]; EOR W2,W0,W0; STR W21,[X12,W2,SXTW]; LDR W3,[z]; EOR W4,W3,W3; LDR W1,[X10,W4,SXTW]`, mp + ` /\ 1:X3=1`},
		{"RSW", allowed, writer + `LDR W0,[y]; EOR W2,W0,W0; LDR W3,[X12,W2,SXTW]; LDR W4,[z]; EOR W5,W4,W4; LDR W1,[X10,W5,SXTW]`, mp},
		{"RDW", forbidden, writer + `LDR W0,[y]; EOR W2,W0,W0; LDR W3,[X12,W2,SXTW]; LDR W4,[z]; EOR W5,W4,W4; LDR W1,[X10,W5,SXTW] | STR W21,[z]`, mp + ` /\ 1:X3=0 /\ 1:X4=1`},
		{"LB+addrs+WW", forbidden, `LDR W0,[x]; EOR W2,W0,W0; STR W21,[X12,W2,SXTW]; STR W21,[y] | LDR W0,[y]; EOR W2,W0,W0; STR W21,[X12,W2,SXTW]; STR W21,[x]`, lb},
		{"LB+datas+WW", allowed, `LDR W0,[x]; STR W0,[z]; STR W21,[y] | LDR W0,[y]; STR W0,[z]; STR W21,[x]`, lb},
	} {
		v.check(t, "AArch64", "")
	}
}

// Three and four threads. Pulte et al. (POPL 2018): ARMv8 is
// multi-copy atomic, so what one other thread has seen every thread sees, and
// WRC+addrs and IRIW+addrs are forbidden, which they were not before.
func TestVerdictsManyThreadsAArch64(t *testing.T) {
	for _, v := range []verdict{
		{"WRC", allowed, `STR W21,[x] | LDR W0,[x]; STR W21,[y] | LDR W0,[y]; LDR W1,[x]`, `1:X0=1 /\ 2:X0=1 /\ 2:X1=0`},
		{"WRC+addrs", forbidden, `STR W21,[x] | LDR W0,[x]; EOR W2,W0,W0; STR W21,[X11,W2,SXTW] | LDR W0,[y]; EOR W2,W0,W0; LDR W1,[X10,W2,SXTW]`, `1:X0=1 /\ 2:X0=1 /\ 2:X1=0`},
		{"WRC+rel+acq", forbidden, `STR W21,[x] | LDR W0,[x]; STLR W21,[y] | LDAR W0,[y]; LDR W1,[x]`, `1:X0=1 /\ 2:X0=1 /\ 2:X1=0`},
		{"WRC+rel+po", allowed, `STR W21,[x] | LDR W0,[x]; STLR W21,[y] | LDR W0,[y]; LDR W1,[x]`, `1:X0=1 /\ 2:X0=1 /\ 2:X1=0`},
		{"IRIW", allowed, `STR W21,[x] | STR W21,[y] | LDR W0,[x]; LDR W1,[y] | LDR W0,[y]; LDR W1,[x]`, `2:X0=1 /\ 2:X1=0 /\ 3:X0=1 /\ 3:X1=0`},
		{"IRIW+addrs", forbidden, `STR W21,[x] | STR W21,[y] | LDR W0,[x]; EOR W2,W0,W0; LDR W1,[X11,W2,SXTW] | LDR W0,[y]; EOR W2,W0,W0; LDR W1,[X10,W2,SXTW]`, `2:X0=1 /\ 2:X1=0 /\ 3:X0=1 /\ 3:X1=0`},
		{"IRIW+acqpcs", forbidden, `STR W21,[x] | STR W21,[y] | LDAPR W0,[x]; LDR W1,[y] | LDAPR W0,[y]; LDR W1,[x]`, `2:X0=1 /\ 2:X1=0 /\ 3:X0=1 /\ 3:X1=0`},
		{"IRIW+dmb.sy+po", allowed, `STR W21,[x] | STR W21,[y] | LDR W0,[x]; DMB SY; LDR W1,[y] | LDR W0,[y]; LDR W1,[x]`, `2:X0=1 /\ 2:X1=0 /\ 3:X0=1 /\ 3:X1=0`},
		{"ISA2", allowed, `STR W21,[x]; STR W21,[y] | LDR W0,[y]; STR W21,[z] | LDR W0,[z]; LDR W1,[x]`, `1:X0=1 /\ 2:X0=1 /\ 2:X1=0`},
		{"ISA2+dmb.sy+data+addr", forbidden, `STR W21,[x]; DMB SY; STR W21,[y] | LDR W0,[y]; STR W0,[z] | LDR W0,[z]; EOR W2,W0,W0; LDR W1,[X10,W2,SXTW]`, `1:X0=1 /\ 2:X0=1 /\ 2:X1=0`},
		{"ISA2+dmb.sy+po+addr", allowed, `STR W21,[x]; DMB SY; STR W21,[y] | LDR W0,[y]; STR W21,[z] | LDR W0,[z]; EOR W2,W0,W0; LDR W1,[X10,W2,SXTW]`, `1:X0=1 /\ 2:X0=1 /\ 2:X1=0`},
		{"ISA2+rel+acq-rel+acq", forbidden, `STR W21,[x]; STLR W21,[y] | LDAR W0,[y]; STLR W21,[z] | LDAR W0,[z]; LDR W1,[x]`, `1:X0=1 /\ 2:X0=1 /\ 2:X1=0`},
		// A chain of releases and acquires does not order a store before a later load.
		{"Z6.0+rel+acq-rel+po", allowed, `STR W21,[x]; STLR W21,[y] | LDAR W0,[y]; STLR W21,[z] | STR W22,[z]; LDR W1,[x]`, `1:X0=1 /\ z=2 /\ 2:X1=0`},
		{"Z6.0+rel+acq-rel+dmb.sy", forbidden, `STR W21,[x]; STLR W21,[y] | LDAR W0,[y]; STLR W21,[z] | STR W22,[z]; DMB SY; LDR W1,[x]`, `1:X0=1 /\ z=2 /\ 2:X1=0`},
		{"RWC+dmb.sys", forbidden, `STR W21,[x] | LDR W0,[x]; DMB SY; LDR W1,[y] | STR W21,[y]; DMB SY; LDR W0,[x]`, `1:X0=1 /\ 1:X1=0 /\ 2:X0=0`},
		{"RWC+addr+po", allowed, `STR W21,[x] | LDR W0,[x]; EOR W2,W0,W0; LDR W1,[X11,W2,SXTW] | STR W21,[y]; LDR W0,[x]`, `1:X0=1 /\ 1:X1=0 /\ 2:X0=0`},
		{"3.SB+dmb.sys", forbidden, `STR W21,[x]; DMB SY; LDR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[z] | STR W21,[z]; DMB SY; LDR W0,[x]`, `0:X0=0 /\ 1:X0=0 /\ 2:X0=0`},
	} {
		v.check(t, "AArch64", "")
	}
}

// Releases, acquires, exclusives and atomic instructions with both. The Arm
// Architecture Reference Manual, B2.3, barrier-ordered-before and
// atomic-ordered-before: a release is ordered before a later acquire; an atomic
// instruction with both is a barrier for what follows; a pair of exclusives is no
// barrier; a read of an own write is ordered after the read half of its
// instruction only if it is an acquire. That a pair is no barrier is why Linux has
// a DMB after its exclusive loops (commit 8e86f0b409a4, "arm64: atomics: fix use of
// acquire + release for full barrier semantics"). RfiRmwBis is in the tests at
// diy.inria.fr/cats7/model-aarch64.
func TestVerdictsAtomicsAArch64(t *testing.T) {
	const sb = `0:X0=0 /\ 1:X0=0`
	const pair = `LDAXR W3,[x]; STLXR W4,W21,[x]`
	for _, v := range []verdict{
		{"SB+rel-acqs", forbidden, `STLR W21,[x]; LDAR W0,[y] | STLR W21,[y]; LDAR W0,[x]`, sb},
		{"SB+rel-acqpcs", allowed, `STLR W21,[x]; LDAPR W0,[y] | STLR W21,[y]; LDAPR W0,[x]`, sb},
		{"SB+rel-pos", allowed, `STLR W21,[x]; LDR W0,[y] | STLR W21,[y]; LDR W0,[x]`, sb},
		{"SB+po-acqs", allowed, `STR W21,[x]; LDAR W0,[y] | STR W21,[y]; LDAR W0,[x]`, sb},
		{"SB+swpals", forbidden, `SWPAL W21,W3,[x]; LDR W0,[y] | SWPAL W21,W3,[y]; LDR W0,[x]`, sb},
		{"SB+swpls", allowed, `SWPL W21,W3,[x]; LDR W0,[y] | SWPL W21,W3,[y]; LDR W0,[x]`, sb},
		{"SB+swpls-acqs", forbidden, `SWPL W21,W3,[x]; LDAR W0,[y] | SWPL W21,W3,[y]; LDAR W0,[x]`, sb},
		{"SB+casal+dmb.sy", forbidden, `MOV W3,#0; CASAL W3,W21,[x]; LDR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[x]`, sb},
		{"SB+failed-casal+dmb.sy", allowed, `STR W21,[x]; MOV W3,#3; CASAL W3,W21,[z]; LDR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[x]`, sb},
		{"SB+between-casal+dmb.sy", forbidden, `STR W21,[x]; MOV W3,#0; CASAL W3,W21,[z]; LDR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[x]`, sb},
		{"SB+pair-po+dmb.sy", allowed, pair + `; LDR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[x]`, sb + ` /\ 0:X4=0`},
		{"SB+pair-acq+dmb.sy", forbidden, pair + `; LDAR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[x]`, sb + ` /\ 0:X4=0`},
		{"SB+pair-dmb.sy+dmb.sy", forbidden, pair + `; DMB SY; LDR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[x]`, sb + ` /\ 0:X4=0`},
		{"SB+between-pair", allowed, `STR W21,[z]; ` + pair + `; LDR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[z]`, sb + ` /\ 0:X4=0`},
		{"MP+pair", forbidden, `STR W21,[y]; ` + pair + ` | LDAXR W0,[x]; STXR W4,W22,[x]; LDR W1,[y]`, `1:X0=1 /\ 1:X1=0 /\ 0:X4=0 /\ 1:X4=0`},
		{"two increments", forbidden, `LDADD W21,W3,[x] | LDADD W21,W3,[x]`, `x=1`},
		{"two exclusive increments", forbidden, `LDXR W3,[x]; ADD W5,W3,#1; STXR W4,W5,[x] | LDXR W3,[x]; ADD W5,W3,#1; STXR W4,W5,[x]`, `0:X4=0 /\ 1:X4=0 /\ x=1`},
		{"two winners", forbidden, `MOV W0,#0; CAS W0,W21,[x] | MOV W0,#0; CAS W0,W22,[x]`, sb},
		{"two swaps", forbidden, `SWP W21,W0,[x] | SWP W22,W0,[x]`, sb},
		{"an exclusive store can fail", allowed, `LDXR W3,[x]; STXR W4,W21,[x]`, `0:X4=1 /\ x=0`},
		{"a swap within a pair", forbidden, `LDXR W3,[x]; STXR W4,W21,[x] | SWP W22,W0,[x]`, `0:X3=0 /\ 0:X4=0 /\ 1:X0=0`},
		{"an exclusive store to another variable than the load's", forbidden, `LDXR W3,[x]; STXR W4,W21,[y]`, `0:X4=0`},
		{"SB+dmb.sts", allowed, `STR W21,[x]; DMB ST; LDR W0,[y] | STR W21,[y]; DMB ST; LDR W0,[x]`, sb},
		{"LB+dmb.lds", forbidden, `LDR W0,[x]; DMB LD; STR W21,[y] | LDR W0,[y]; DMB LD; STR W21,[x]`, `0:X0=1 /\ 1:X0=1`},
		// An own write can be read before the read half of its instruction has taken
		// place, unless by an acquire or because the value is not known yet.
		{"MP+rel+swp-po-addr", allowed, `STR W21,[x]; STLR W21,[y] | SWP W22,W0,[y]; LDR W6,[y]; EOR W8,W6,W6; LDR W1,[X10,W8,SXTW]`, `1:X0=1 /\ 1:X1=0 /\ 1:X6=2`},
		{"MP+rel+ldadd-po-addr", forbidden, `STR W21,[x]; STLR W21,[y] | LDADD W21,W0,[y]; LDR W6,[y]; EOR W8,W6,W6; LDR W1,[X10,W8,SXTW]`, `1:X0=1 /\ 1:X1=0`},
		// A write of another thread is after the read of a pair in time, and yet not
		// between the two in the order of writes, as that read an own earlier write.
		{"RfiRmwBis", allowed, `STR W21,[x]; DMB SY; STR W21,[z] | LDR W0,[z]; CBZ W0,L; STR W22,[z]; LDXR W4,[z]; STXR W6,W23,[z]; AND W9,W4,#128; LDR W7,[X10,W9,SXTW]; L:`, `z=3 /\ 1:X7=0 /\ 1:X6=0 /\ 1:X4=2 /\ 1:X0=1`},
		{"its status is no dependency", allowed, `LDXR W3,[x]; STXR W4,W21,[x]; STR W4,[y] | LDR W0,[y]; DMB SY; LDR W1,[x]`, `0:X4=0 /\ 1:X0=0 /\ 1:X1=0`},
		{"an exclusive store is not ordered before what its status decides", allowed, `STR W23,[y]; LDXR W3,[x]; STXR W4,W21,[x]; CBNZ W4,L; STR W21,[y]; L: | LDR W0,[y]; DMB SY; LDR W1,[x]`, `0:X4=0 /\ 1:X0=1 /\ 1:X1=0`},
	} {
		v.check(t, "AArch64", "")
	}
}

// A membarrier orders as a full fence does in its own thread and, against it, in
// every other. The table in the manual page membarrier(2): a thread without any
// fence is ordered against one that calls it, and not against a fence.
func TestVerdictsMembarrier(t *testing.T) {
	for _, v := range []verdict{
		{"SB+po+membarrier", forbidden, `STR W21,[x]; LDR W0,[y] | STR W21,[y]; MEMBARRIER; LDR W0,[x]`, `0:X0=0 /\ 1:X0=0`},
		{"SB+po+dmb.sy", allowed, `STR W21,[x]; LDR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[x]`, `0:X0=0 /\ 1:X0=0`},
		{"SB+dmb.sy+membarrier", forbidden, `STR W21,[x]; DMB SY; LDR W0,[y] | STR W21,[y]; MEMBARRIER; LDR W0,[x]`, `0:X0=0 /\ 1:X0=0`},
		{"SB+membarriers", forbidden, `STR W21,[x]; MEMBARRIER; LDR W0,[y] | STR W21,[y]; MEMBARRIER; LDR W0,[x]`, `0:X0=0 /\ 1:X0=0`},
		{"SB+po+membarrier-before", allowed, `STR W21,[x]; LDR W0,[y] | MEMBARRIER; STR W21,[y]; LDR W0,[x]`, `0:X0=0 /\ 1:X0=0`},
		{"SB+po+membarrier-after", allowed, `STR W21,[x]; LDR W0,[y] | STR W21,[y]; LDR W0,[x]; MEMBARRIER`, `0:X0=0 /\ 1:X0=0`},
		{"SB+pos and a membarrier elsewhere", allowed, `STR W21,[x]; LDR W0,[y] | STR W21,[y]; LDR W0,[x] | MEMBARRIER`, `0:X0=0 /\ 1:X0=0`},
		{"MP+po+membarrier", forbidden, `STR W21,[x]; STR W21,[y] | LDR W0,[y]; MEMBARRIER; LDR W1,[x]`, `1:X0=1 /\ 1:X1=0`},
		{"MP+membarrier+po", forbidden, `STR W21,[x]; MEMBARRIER; STR W21,[y] | LDR W0,[y]; LDR W1,[x]`, `1:X0=1 /\ 1:X1=0`},
		{"LB+po+membarrier", forbidden, `LDR W0,[x]; STR W21,[y] | LDR W0,[y]; MEMBARRIER; STR W21,[x]`, `0:X0=1 /\ 1:X0=1`},
		{"2+2W+po+membarrier", forbidden, `STR W22,[x]; STR W21,[y] | STR W22,[y]; MEMBARRIER; STR W21,[x]`, `x=2 /\ y=2`},
		{"3.SB+po+po+membarrier", allowed, `STR W21,[x]; LDR W0,[y] | STR W21,[y]; LDR W0,[z] | STR W21,[z]; MEMBARRIER; LDR W0,[x]`, `0:X0=0 /\ 1:X0=0 /\ 2:X0=0`},
		{"3.SB+po+dmb.sy+membarrier", forbidden, `STR W21,[x]; LDR W0,[y] | STR W21,[y]; DMB SY; LDR W0,[z] | STR W21,[z]; MEMBARRIER; LDR W0,[x]`, `0:X0=0 /\ 1:X0=0 /\ 2:X0=0`},
		{"IRIW+po+membarrier", forbidden, `STR W21,[x] | STR W21,[y] | LDR W0,[x]; LDR W1,[y] | LDR W0,[y]; MEMBARRIER; LDR W1,[x]`, `2:X0=1 /\ 2:X1=0 /\ 3:X0=1 /\ 3:X1=0`},
		// The interrupt lets an exclusive store fail.
		{"a fence within a pair", forbidden, `LDXR W3,[x]; LDR W0,[z]; LDR W1,[y]; STXR W4,W21,[x] | STR W21,[z]; MEMBARRIER; STR W21,[y]`, `0:X0=0 /\ 0:X1=1 /\ 0:X4=0`},
		{"a fence within a failed pair", allowed, `LDXR W3,[x]; LDR W0,[z]; LDR W1,[y]; STXR W4,W21,[x] | STR W21,[z]; MEMBARRIER; STR W21,[y]`, `0:X0=0 /\ 0:X1=1 /\ 0:X4=1`},
		{"a fence before or after", allowed, `LDR W0,[z]; LDR W1,[y] | STR W21,[z]; MEMBARRIER; STR W21,[y]`, `0:X0=1 /\ 0:X1=0`},
		{"a fence in between", allowed, `LDR W0,[z]; LDR W1,[y] | STR W21,[z]; MEMBARRIER; STR W21,[y]`, `0:X0=0 /\ 0:X1=1`},
	} {
		v.check(t, "AArch64", "")
	}
	for _, v := range []verdict{
		{"SB+po+membarrier", forbidden, `MOV [x],$1; MOV EAX,[y] | MOV [y],$1; MEMBARRIER; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0`},
		{"SB+po+mfence", allowed, `MOV [x],$1; MOV EAX,[y] | MOV [y],$1; MFENCE; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0`},
		{"SB+mfence+membarrier", forbidden, `MOV [x],$1; MFENCE; MOV EAX,[y] | MOV [y],$1; MEMBARRIER; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0`},
		{"SB+membarriers", forbidden, `MOV [x],$1; MEMBARRIER; MOV EAX,[y] | MOV [y],$1; MEMBARRIER; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0`},
		{"SB+po+membarrier-before", allowed, `MOV [x],$1; MOV EAX,[y] | MEMBARRIER; MOV [y],$1; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0`},
		{"SB+pos and a membarrier elsewhere", allowed, `MOV [x],$1; MOV EAX,[y] | MOV [y],$1; MOV EAX,[x] | MEMBARRIER`, `0:EAX=0 /\ 1:EAX=0`},
		{"3.SB+po+po+membarrier", allowed, `MOV [x],$1; MOV EAX,[y] | MOV [y],$1; MOV EAX,[z] | MOV [z],$1; MEMBARRIER; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0 /\ 2:EAX=0`},
		{"3.SB+po+mfence+membarrier", forbidden, `MOV [x],$1; MOV EAX,[y] | MOV [y],$1; MFENCE; MOV EAX,[z] | MOV [z],$1; MEMBARRIER; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0 /\ 2:EAX=0`},
	} {
		v.check(t, "X86", "")
	}
}

// The examples of the Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 3A, section "Examples Illustrating the Memory-Ordering
// Principles" (8-1 to 8-10), and the tests n5, n6, n4b, amd5 and amd10 of Owens,
// Sarkar, Sewell: "A better x86 memory model: x86-TSO" (TPHOLs 2009) and of Sewell
// et al., Communications of the ACM 53(7), 2010.
func TestVerdictsManualsX86(t *testing.T) {
	for _, v := range []verdict{
		{"8-1 MP", forbidden, `MOV [x],$1; MOV [y],$1 | MOV EAX,[y]; MOV EBX,[x]`, `1:EAX=1 /\ 1:EBX=0`},
		{"8-2 LB", forbidden, `MOV EAX,[x]; MOV [y],$1 | MOV EBX,[y]; MOV [x],$1`, `0:EAX=1 /\ 1:EBX=1`},
		{"8-3 SB", allowed, `MOV [x],$1; MOV EAX,[y] | MOV [y],$1; MOV EBX,[x]`, `0:EAX=0 /\ 1:EBX=0`},
		{"8-4 own store", forbidden, `MOV [x],$1; MOV EAX,[x]`, `0:EAX=0`},
		{"8-5 forwarding", allowed, `MOV [x],$1; MOV EAX,[x]; MOV EBX,[y] | MOV [y],$1; MOV ECX,[y]; MOV EDX,[x]`, `0:EBX=0 /\ 1:EDX=0`},
		{"8-6 WRC", forbidden, `MOV [x],$1 | MOV EAX,[x]; MOV [y],$1 | MOV EBX,[y]; MOV ECX,[x]`, `1:EAX=1 /\ 2:EBX=1 /\ 2:ECX=0`},
		{"8-7 IRIW", forbidden, `MOV [x],$1 | MOV [y],$1 | MOV EAX,[x]; MOV EBX,[y] | MOV ECX,[y]; MOV EDX,[x]`, `2:EAX=1 /\ 2:EBX=0 /\ 3:ECX=1 /\ 3:EDX=0`},
		{"8-8 locked IRIW", forbidden, `MOV EAX,$1; XCHG [x],EAX | MOV EBX,$1; XCHG [y],EBX | MOV ECX,[x]; MOV EDX,[y] | MOV ESI,[y]; MOV EDI,[x]`, `2:ECX=1 /\ 2:EDX=0 /\ 3:ESI=1 /\ 3:EDI=0`},
		{"8-9 load after lock", forbidden, `MOV EAX,$1; XCHG [x],EAX; MOV EBX,[y] | MOV ECX,$1; XCHG [y],ECX; MOV EDX,[x]`, `0:EBX=0 /\ 1:EDX=0`},
		{"8-10 store after lock", forbidden, `MOV EAX,$1; XCHG [x],EAX; MOV [y],$1 | MOV EBX,[y]; MOV ECX,[x]`, `1:EBX=1 /\ 1:ECX=0`},
		{"n6", allowed, `MOV [x],$1; MOV EAX,[x]; MOV EBX,[y] | MOV [y],$2; MOV [x],$2`, `0:EAX=1 /\ 0:EBX=0 /\ x=1`},
		{"n5", forbidden, `MOV [x],$1; MOV EAX,[x] | MOV [x],$2; MOV EBX,[x]`, `0:EAX=2 /\ 1:EBX=1`},
		{"n4b", forbidden, `MOV EAX,[x]; MOV [x],$1 | MOV ECX,[x]; MOV [x],$2`, `0:EAX=2 /\ 1:ECX=1`},
		{"amd5", forbidden, `MOV [x],$1; MFENCE; MOV EAX,[y] | MOV [y],$1; MFENCE; MOV EBX,[x]`, `0:EAX=0 /\ 1:EBX=0`},
		{"amd10", forbidden, `MOV [x],$1; MFENCE; MOV EAX,[x]; MOV EBX,[y] | MOV [y],$1; MFENCE; MOV ECX,[y]; MOV EDX,[x]`, `0:EBX=0 /\ 1:EDX=0`},
	} {
		v.check(t, "X86", "")
	}
}

// The remaining shapes under TSO. Alglave, Maranget, Tautschnig: "Herding Cats"
// (TOPLAS 2014): of program order, TSO keeps all but a store before a
// load, and MFENCE keeps that too.
func TestVerdictsShapesX86(t *testing.T) {
	for _, v := range []verdict{
		{"2+2W", forbidden, `MOV [x],$2; MOV [y],$1 | MOV [y],$2; MOV [x],$1`, `x=2 /\ y=2`},
		{"S", forbidden, `MOV [x],$2; MOV [y],$1 | MOV EAX,[y]; MOV [x],$1`, `1:EAX=1 /\ x=2`},
		{"R", allowed, `MOV [x],$1; MOV [y],$1 | MOV [y],$2; MOV EAX,[x]`, `y=2 /\ 1:EAX=0`},
		{"R+mfence+po", allowed, `MOV [x],$1; MFENCE; MOV [y],$1 | MOV [y],$2; MOV EAX,[x]`, `y=2 /\ 1:EAX=0`},
		{"R+po+mfence", forbidden, `MOV [x],$1; MOV [y],$1 | MOV [y],$2; MFENCE; MOV EAX,[x]`, `y=2 /\ 1:EAX=0`},
		{"SB+mfence+po", allowed, `MOV [x],$1; MFENCE; MOV EAX,[y] | MOV [y],$1; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0`},
		{"SB+lfences", allowed, `MOV [x],$1; LFENCE; MOV EAX,[y] | MOV [y],$1; LFENCE; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0`},
		{"SB+lock-before", allowed, `LOCK INC [z]; MOV [x],$1; MOV EAX,[y] | MOV [y],$1; MFENCE; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0`},
		{"SB+lock-between", forbidden, `MOV [x],$1; LOCK INC [z]; MOV EAX,[y] | MOV [y],$1; MFENCE; MOV EAX,[x]`, `0:EAX=0 /\ 1:EAX=0`},
		{"SB+failed-cmpxchg-between", forbidden, `MOV [x],$1; MOV EAX,$5; LOCK CMPXCHG [z],ECX; MOV EBX,[y] | MOV [y],$1; MFENCE; MOV EAX,[x]`, `0:EBX=0 /\ 1:EAX=0`},
		{"ISA2", forbidden, `MOV [x],$1; MOV [y],$1 | MOV EAX,[y]; MOV [z],$1 | MOV EAX,[z]; MOV EBX,[x]`, `1:EAX=1 /\ 2:EAX=1 /\ 2:EBX=0`},
		{"RWC", allowed, `MOV [x],$1 | MOV EAX,[x]; MOV EBX,[y] | MOV [y],$1; MOV EAX,[x]`, `1:EAX=1 /\ 1:EBX=0 /\ 2:EAX=0`},
		{"RWC+po+mfence", forbidden, `MOV [x],$1 | MOV EAX,[x]; MOV EBX,[y] | MOV [y],$1; MFENCE; MOV EAX,[x]`, `1:EAX=1 /\ 1:EBX=0 /\ 2:EAX=0`},
		{"CoRR", forbidden, `MOV [x],$1 | MOV EAX,[x]; MOV EBX,[x]`, `1:EAX=1 /\ 1:EBX=0`},
		{"CoWW", forbidden, `MOV [x],$1; MOV [x],$2`, `x=1`},
		{"CoRW1", forbidden, `MOV EAX,[x]; MOV [x],$1`, `0:EAX=1`},
		{"CoRW2", forbidden, `MOV [x],$1 | MOV EAX,[x]; MOV [x],$2`, `1:EAX=1 /\ x=1`},
		{"two increments", forbidden, `LOCK INC [x] | LOCK INC [x]`, `x=1`},
		{"two additions", forbidden, `MOV EAX,$1; LOCK XADD [x],EAX | MOV EAX,$1; LOCK XADD [x],EAX`, `0:EAX=0 /\ 1:EAX=0`},
		{"a failed cmpxchg stores nothing", forbidden, `MOV EAX,$5; MOV ECX,$1; LOCK CMPXCHG [x],ECX`, `x=1`},
		{"two winners", forbidden, `MOV EAX,$0; MOV ECX,$1; LOCK CMPXCHG [x],ECX; JNE L; MOV [y],$1; L: | MOV EAX,$0; MOV ECX,$2; LOCK CMPXCHG [x],ECX; JNE L; MOV [z],$1; L:`, `y=1 /\ z=1`},
	} {
		v.check(t, "X86", "")
	}
}
