package main

import (
	"strings"
	"testing"
)

const minimal = `AArch64 minimal
{ x=0; 0:X1=x; }
 P0          ;
 MOV W0,#1   ;
 STR W0,[X1] ;
exists (x=1)
`

// A file that is not understood is refused with one error that names what is
// wrong: no test is run other than as it was written.
func TestParseRefuses(t *testing.T) {
	if _, err := parse(minimal); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, names string }{
		{"AArch64 minimal", "PPC minimal", "PPC"},
		{"AArch64 minimal", "AArch64", "first line"},
		{"{ x=0", " x=0", "braces"},
		{"x; }", "x; ", "no end"},
		{"x=0;", "x;", `"x"`},
		{"x=0;", "x=one.half;", "one.half"},
		{"x=0;", "3x=0;", "3x"},
		{"0:X1=x", "1:X1=x", "thread 1"},
		{"0:X1=x", "0:X31=x", "X31"},
		{"0:X1=x", "0:XZR=x", "XZR"},
		{" P0          ;", " P1          ;", "P1"},
		{" MOV W0,#1   ;", " MOV W0,#1   ", "semicolon"},
		{" MOV W0,#1   ;", " MOV W0,#1 | ;", "2 columns"},
		{"MOV W0,#1", "MOV W0", "missing"},
		{"MOV W0,#1", "MOV W0,#1,#2", "too many"},
		{"MOV W0,#1", "MOV W0,#one", "#one"},
		{"MOV W0,#1", "MOV Q0,#1", "Q0"},
		{"MOV W0,#1", "FMOV W0,#1", "FMOV"},
		{"MOV W0,#1", "DMB OSHST", "OSHST"},
		{"MOV W0,#1", "B.HI L", "B.HI"},
		{"MOV W0,#1", "CBZ W0,L", `"L"`},
		{"MOV W0,#1", "L: CBZ W0,L", "loops"},
		{"MOV W0,#1", "L: L: MOV W0,#1", "two labels"},
		{"STR W0,[X1]", "STR W0,[y]", `"y"`},
		{"STR W0,[X1]", "STR W0,X1", "address"},
		{"STR W0,[X1]", "STR W0,[X1,W2,UXTW]", "UXTW"},
		{"exists (x=1)", "", "exists"},
		{"exists (x=1)", "exists (x=1", "parenthesis"},
		{"exists (x=1)", "exists (y=1)", `"y"`},
		{"exists (x=1)", "exists (1:X0=1)", "thread 1"},
		{"exists (x=1)", "exists (0:EAX=1)", "EAX"},
		{"exists (x=1)", "exists (x=one)", `"one"`},
		{"exists (x=1)", "exists (x=)", `")"`},
		{"exists (x=1)", "exists (x>1)", ">"},
		{"exists (x=1)", "exists (x=1) x", `"x"`},
		{"exists (x=1)", "exists", `""`},
		{"{ x=0", "(* Expected: Perhaps *)\n{ x=0", "Perhaps"},
		{"{ x=0", "(* Expected: Never\n * Expected: Always\n *)\n{ x=0", "two lines"},
	} {
		text := strings.Replace(minimal, c.old, c.new, 1)
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%q for %q: %v", c.new, c.old, err)
		}
	}
	x86 := strings.NewReplacer("AArch64", "X86", "0:X1=x; ", "", "MOV W0,#1", "MOV EAX,$1", "STR W0,[X1]", "MOV [x],EAX").Replace(minimal)
	if _, err := parse(x86); err != nil {
		t.Fatal(err)
	}
	for new, names := range map[string]string{
		"INC [x]": "locked", "ADD EAX,[x]": "locked", "XADD [x],EAX": "locked", "LOCK INC EAX": "LOCK",
		"MOV [x],[x]": "[x]", "JA L": "JA", "PAUSE": "PAUSE", "MOV [W1],EAX": "W1",
	} {
		if _, err := parse(strings.Replace(x86, "MOV [x],EAX", new, 1)); err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%q: %v", new, err)
		}
	}
}

// A parser of what people write does not panic, whatever it is given.
func FuzzParse(f *testing.F) {
	f.Add(minimal)
	f.Add(litmusText("X86", "", []string{"MOV [x],$1; LOCK CMPXCHG [y],ECX; JNE L; MFENCE; L:", "MEMBARRIER; XCHG EAX,[x]"}, `0:EAX=0 \/ ~(x=1 /\ [y]=2)`))
	f.Add(litmusText("AArch64", "", []string{"LDXR W0,[X10,W1,SXTW]; STXR W2,W0,[x]; CBNZ W2,L; DMB ISH; L: CASAL W0,W21,[y]"}, `not 0:X0=-1`))
	f.Fuzz(func(t *testing.T, text string) { _, _ = parse(text) })
}

// Each quantifier judges as in herd7, and a line Expected goes before it.
func TestCheck(t *testing.T) {
	sometimes := strings.Replace(minimal, "STR W0,[X1] ", "STR W0,[X1] ; LDXR W2,[X1] ; STXR W3,W0,[X1]", 1)
	sometimes = strings.ReplaceAll(sometimes, " ; ", " ;\n")
	for _, c := range []struct {
		text, name, expected, question string
		ok                             bool
	}{
		{minimal, "a", "", "exists (x=1)", true},
		{minimal, "a", "", "exists (x=0)", false},
		{minimal, "a", "", "~exists (x=0)", true},
		{minimal, "a", "", "~exists (x=1)", false},
		{minimal, "a", "", "forall (x=1)", true},
		{minimal, "a", "", "forall (x=0)", false},
		{minimal, "a", "", "forall (x=1 /\\ 0:X0=1 \\/ false)", true},
		{minimal, "a", "", "exists (x=1 /\\ not (0:X1=x))", false},
		{minimal, "a", "Always", "exists (x=1)", true},
		{minimal, "a", "Sometimes", "exists (x=1)", false},
		{minimal, "a", "Never", "exists (x=0)", true},
		{minimal, "a", "Never", "exists (x=1)", false},
		{sometimes, "a", "Sometimes", "exists (0:X3=1)", true},
		{sometimes, "a", "Sometimes", "exists (0:X3=0)", true},
		{sometimes, "a", "", "forall (0:X3=0)", false},
		{sometimes, "a-weak", "Sometimes", "exists (0:X3=0)", true},
		{sometimes, "a-weak", "Never", "exists (0:X3=2)", false},
		{sometimes, "a-weak", "", "~exists (0:X3=2)", false},
	} {
		text := strings.Replace(c.text, "minimal", c.name, 1)
		text = strings.Replace(text, "exists (x=1)", c.question, 1)
		if c.expected != "" {
			text = strings.Replace(text, "{", "(* Expected: "+c.expected+" *)\n{", 1)
		}
		parsed, err := parse(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if _, seen, err := parsed.check(); (err == nil) != c.ok {
			t.Errorf("%s, %s, %q: %s, %v", c.name, c.question, c.expected, seen, err)
		}
	}
}

// A program that could access what is no variable is refused: leaving that
// execution out could hide an outcome. Where a branch guards the access, it is none.
func TestAddressOfNoVariable(t *testing.T) {
	for arch, threads := range map[string][2][]string{
		"AArch64": {{`LDR X0,[x]; STR W21,[X0]`, `STR X11,[x]`}, {`LDR X0,[x]; CBZ X0,L; STR W21,[X0]; L:`, `STR X11,[x]`}},
		"X86":     {{`MOV RAX,[x]; MOV [RAX],$1`, `MOV [x],RSI`}, {`MOV RAX,[x]; CMP RAX,$0; JE L; MOV [RAX],$1; L:`, `MOV [x],RSI`}},
	} {
		initial := "1:RSI=y;"
		if arch == "AArch64" {
			initial = ""
		}
		for guarded, code := range threads {
			text := litmusText(arch, initial, code, "y=1")
			parsed, err := parse(text)
			if err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			o, err := parsed.model(parsed)
			switch {
			case guarded == 0 && (err == nil || !strings.Contains(err.Error(), "thread 0")):
				t.Errorf("%s: %v", arch, err)
			case guarded == 1 && (err != nil || parsed.observation(o) != "Sometimes"):
				t.Errorf("%s, guarded: %v", arch, err)
			}
		}
	}
}
