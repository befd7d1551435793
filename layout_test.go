package zeropool

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
)

// TestLayout checks what constants at compile time cannot: where the allocator
// puts a lane, and what the assembly takes for granted.
func TestLayout(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 8 {
		for what, got := range map[string][2]uintptr{
			"size of a slot":             {unsafe.Sizeof(slot{}), 24},
			"size of a Task":             {unsafe.Sizeof(Task{}), 16},
			"size of a Future":           {unsafe.Sizeof(Future{}), 24},
			"offset of a slot's state":   {unsafe.Offsetof(slot{}.state), 0},
			"owned after full":           {owned - full, 1},
			"rest of a slot's alignment": {unsafe.Sizeof(slot{}) % 8, 0},
		} {
			if got[0] != got[1] {
				t.Errorf("%s is %d, want %d", what, got[0], got[1])
			}
		}
	}
	var l lane
	if d := unsafe.Offsetof(l.shared) - unsafe.Offsetof(l.ack); d < lineSize {
		t.Errorf("the thieves' words are %d bytes behind the owner's", d)
	}
	if d := unsafe.Offsetof(l.slots) - unsafe.Offsetof(l.mu); d < lineSize {
		t.Errorf("what never changes is %d bytes behind the thieves' words", d)
	}
	for _, capacity := range []int{2, 8, 64, 1024, 2048} {
		l := newLane(nil, capacity, 0)
		for what, p := range map[string]unsafe.Pointer{
			"tail": unsafe.Pointer(&l.tail), "stolen": unsafe.Pointer(&l.stolen),
			"slots": l.slots, "begun": unsafe.Pointer(&l.begun.v), "the last slot": unsafe.Pointer(l.at(uint64(capacity - 1))),
		} {
			if uintptr(p)%8 != 0 {
				t.Errorf("capacity %d: %s is at %p, which is no place for 64-bit atomics", capacity, what, p)
			}
		}
	}
}

// goBuild runs go build for this package with these compiler flags and returns
// what the compiler said.
func goBuild(t *testing.T, gcflags string) string {
	t.Helper()
	testenv.NeedsProcesses(t)
	if testing.Short() {
		t.Skip("builds the package")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command here")
	}
	cmd := exec.Command(tool, "build", "-gcflags="+gcflags, ".")
	cmd.Env = append(os.Environ(), "GOARCH="+runtime.GOARCH, "GOOS="+runtime.GOOS)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go build -gcflags=%s: %v\n%s", gcflags, err, out)
	}
	return string(out)
}

// No function has a first argument that the collector looks at though the compiler need
// not have stored it: see callFunc. The compiler lists what has its address taken; of
// arguments, the first lies at offset 0.
func TestFirstArgumentsHaveNoAddress(t *testing.T) {
	known := map[string]bool{
		"(*worker).start": true, // sends it to a channel, so it is stored; and nothing above it recovers
	}
	list := regexp.MustCompile(`(?m)^(\S+)\.stkobj SRODATA.*\n((?:\t0x.*\n)+)`)
	line := regexp.MustCompile(`(?m)^\t0x[0-9a-f]+((?: [0-9a-f]{2})+)`)
	functions := 0
	for _, m := range list.FindAllStringSubmatch(goBuild(t, "-S"), -1) {
		functions++
		var b []byte
		for _, l := range line.FindAllStringSubmatch(m[2], -1) {
			part, err := hex.DecodeString(strings.ReplaceAll(l[1], " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, part...)
		}
		// The number of objects, a word; then for each its offset, size, and two more.
		for b = b[unsafe.Sizeof(uintptr(0)):]; len(b) >= 16; b = b[16:] {
			name := m[1][strings.LastIndex(m[1], "zeropool.")+len("zeropool."):]
			if binary.NativeEndian.Uint32(b) == 0 && !known[name] && strings.Contains(m[1], "zeropool.") {
				t.Errorf("%s takes the address of its first argument", name)
			}
		}
	}
	if functions == 0 {
		t.Error("the compiler's listing names no object on a stack: has it changed?")
	}
}

// slotStore matches a statement that stores a task, or a word of one, in a slot, or the
// Group beside it.
var slotStore = regexp.MustCompile(`^\s*((r\.)?s\.(fn|params)|\*\(\*\*Group\)\(unsafe\.Pointer\(o\)\)) = `)

// TestWriteBarriers checks that the compiler puts a write barrier at every
// statement that stores pointer words in a slot, and that the statements are
// where the comment of the lane says.
func TestWriteBarriers(t *testing.T) {
	barriers := map[string]bool{} // "file:line"
	for _, m := range regexp.MustCompile(`(?m)^\.[/\\](\w+\.go):(\d+):\d+: write barrier$`).FindAllStringSubmatch(goBuild(t, "-d=wb"), -1) {
		barriers[m[1]+":"+m[2]] = true
	}
	found := map[string]map[string]int{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		forEachLine(t, file, func(n int, line string) {
			if !slotStore.MatchString(line) {
				return
			}
			line = strings.TrimPrefix(strings.TrimSpace(line), "r.")
			if found[file] == nil {
				found[file] = map[string]int{}
			}
			found[file][line]++
			if !barriers[file+":"+strconv.Itoa(n)] {
				t.Errorf("%s:%d: no write barrier at %q", file, n, line)
			}
		})
	}
	for file, want := range map[string]map[string]int{
		"submit.go": {"s.fn = fn": 1, "s.params = params": 1},
		"queue.go":  {"s.fn = fn": 1, "s.params = params": 1, "*(**Group)(unsafe.Pointer(o)) = g": 1},
		"run.go":    {"s.fn = nil": 2, "s.params = nil": 2, "s.params = unsafe.Pointer(&outcome{err})": 1},
		"join.go":   {"s.fn = nil": 1, "s.params = nil": 1},
	} {
		for line, n := range want {
			if found[file][line] != n {
				t.Errorf("%s no longer contains %q %d times, but %d: where are its pointers stored now?", file, line, n, found[file][line])
			}
		}
	}
}

// TestStubsDoNotLetPointersEscape checks the compiler's view of the assembly:
// no argument outlives a call.
func TestStubsDoNotLetPointersEscape(t *testing.T) {
	if _, ok := asmRules[runtime.GOARCH]; !ok {
		t.Skip("no assembly for this architecture")
	}
	out := goBuild(t, "-m")
	param := regexp.MustCompile(`(\w+) \*`)
	for _, file := range []string{"queue_asm.go"} {
		noescape := false
		forEachLine(t, file, func(n int, line string) {
			if line == "//go:noescape" {
				noescape = true
			}
			if !strings.HasPrefix(line, "func ") {
				return
			}
			for _, m := range param.FindAllStringSubmatch(line, -1) {
				if !noescape {
					t.Errorf("%s:%d: takes a pointer and is not marked go:noescape", file, n)
				}
				if !regexp.MustCompile(regexp.QuoteMeta(file) + ":" + strconv.Itoa(n) + `:\d+: ` + m[1] + ` does not escape`).MatchString(out) {
					t.Errorf("%s:%d: %s escapes", file, n, m[1])
				}
			}
			noescape = false
		})
	}
}

func forEachLine(t *testing.T, file string, f func(n int, line string)) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		f(n, lines.Text())
	}
}

// asmRules are what an assembly file of one architecture may not do.
var asmRules = map[string]struct {
	calls    *regexp.Regexp // instructions that leave the function
	reserved *regexp.Regexp // registers that belong to Go, the linker or the frame
	stores   *regexp.Regexp // instructions that may write memory
}{
	"amd64": {
		calls:    regexp.MustCompile(`^(CALL|SYSCALL|INT|JMP)$`),
		reserved: regexp.MustCompile(`\b(R14|R15|X15|BP|BPB|SP|SPB)\b`),
		stores:   regexp.MustCompile(`^(V?MOV|XCHG|CMPXCHG|XADD|ADD|SUB|INC|DEC|AND|OR|XOR|NEG|NOT|SHL|SHR|STOS|PUSH|POP|SET|BTS|BTR|BTC)`),
	},
	"arm64": {
		calls:    regexp.MustCompile(`^(CALL|BL|BLR|SVC)$`),
		reserved: regexp.MustCompile(`\b(R18|R18_PLATFORM|R2[6789]|R30|RSP|LR)\b`),
		stores:   regexp.MustCompile(`^(V?F?MOV|ST|CAS|SWP|LDADD|LDCLR|LDEOR|LDOR)`),
	},
}

var (
	asmText     = regexp.MustCompile(`^TEXT ·(\w+)\(SB\), NOSPLIT, \$0-\d+$`)
	asmDefine   = regexp.MustCompile(`^#define (\w+)(\([^)]*\))?\s+(\S+)`)
	asmFence    = regexp.MustCompile(`^ADDL\s+\$0, 0\(SP\)$`) // of LOCK: a full fence
	asmTaskWord = regexp.MustCompile(`\bslot_(fn|params)`)
	asmMemory   = regexp.MustCompile(`\((\w+)\)(\(\w+\*\d\))?$`)
	asmSymbol   = regexp.MustCompile(`(\S+)\(SB\)`)
	asmSplit    = regexp.MustCompile(`,\s*`)
)

// asmProblems reads an assembly file and returns what it does against the rules
// of a lane: see the comment in queue_asm.go.
func asmProblems(arch, text string) (problems []string) {
	rules := asmRules[arch]
	complain := func(n int, what, line string) {
		problems = append(problems, strconv.Itoa(n)+": "+what+": "+line)
	}
	for n, line := range strings.Split(text, "\n") {
		n++
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), `\`))
		if d := asmDefine.FindStringSubmatch(line); d != nil {
			if rules.reserved.MatchString(d[3]) {
				complain(n, "names a reserved register", line)
			}
			continue
		}
		if line == "" || line[0] == '#' || strings.HasSuffix(line, ":") {
			continue
		}
		if strings.HasPrefix(line, "TEXT") {
			if !asmText.MatchString(line) {
				complain(n, "not NOSPLIT, or it has a frame", line)
			}
			continue
		}
		for _, instruction := range strings.Split(line, ";") {
			instruction = strings.TrimSpace(instruction)
			op, rest, _ := strings.Cut(instruction, " ")
			operands := asmSplit.Split(strings.TrimSpace(rest), -1)
			if op == "DATA" || op == "GLOBL" {
				complain(n, "defines data", line)
			}
			if rules.calls.MatchString(op) {
				complain(n, "leaves the function", line)
			}
			if rules.reserved.MatchString(rest) && !asmFence.MatchString(instruction) {
				complain(n, "uses a reserved register", line)
			}
			for _, m := range asmSymbol.FindAllStringSubmatch(rest, -1) {
				complain(n, "names a symbol: "+m[1], line)
			}
			if last := operands[len(operands)-1]; (last == "g" || strings.Contains(last, "(TLS)")) && op != "CMP" {
				complain(n, "writes the g", line)
			}
			if !rules.stores.MatchString(op) {
				continue
			}
			// A move writes its last operand; exchanges write memory wherever
			// they name it.
			written := operands[len(operands)-1:]
			if strings.HasPrefix(op, "XCHG") || arch == "arm64" && !strings.Contains(op, "MOV") {
				written = operands
			}
			for _, o := range written {
				m := asmMemory.FindStringSubmatch(o)
				switch {
				case m == nil || m[1] == "FP":
				case strings.HasPrefix(o, "slot_state("):
				case asmTaskWord.MatchString(o):
					complain(n, "writes a word that the collector takes for a pointer", line)
				case arch == "amd64" && m[1] == "SL":
					complain(n, "writes to a slot, but not to slot_state", line)
				case arch == "arm64" && m[1] == "SL" && o != "(SL)":
					complain(n, "writes to a slot beyond its first word", line)
				}
			}
		}
	}
	return problems
}

// No assembly stores pointers, has a frame or calls, which the collector would
// not forgive, and none is built where it must not be.
func TestAssemblyRules(t *testing.T) {
	for arch := range asmRules {
		var files []string
		for _, dir := range []string{".", "internal/cpu"} {
			found, err := filepath.Glob(filepath.Join(dir, "*_"+arch+".s"))
			if err != nil || len(found) == 0 {
				t.Fatalf("%s: no assembly for %s: %v", dir, arch, err)
			}
			files = append(files, found...)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range asmProblems(arch, string(b)) {
				t.Errorf("%s:%s", file, p)
			}
			if !strings.Contains(string(b), "//go:build gc && !purego && !race && !msan && !asan\n") {
				t.Errorf("%s: is built under purego, race or a sanitizer", file)
			}
		}
	}
}

// TestAssemblyRulesCanFail shows the checker some of what it is there for.
func TestAssemblyRulesCanFail(t *testing.T) {
	for _, c := range []struct{ arch, text string }{
		{"amd64", "TEXT ·f(SB), NOSPLIT, $8-0"},
		{"amd64", "TEXT ·f(SB), $0-0"},
		{"amd64", "	CALL runtime·gcWriteBarrier2(SB)"},
		{"amd64", "	MOVQ $0, slot_fn(SL)"},
		{"amd64", "	MOVQ BX, slot_params(AX)"},
		{"amd64", "	MOVQ BX, 16(SL)"},
		{"amd64", "	XCHGQ 16(SL), BX"},
		{"amd64", "	MOVQ AX, (TLS)"},
		{"amd64", "	ADDL $1, 0(SP)"},
		{"amd64", "	MOVQ R14, AX"},
		{"amd64", "#define p R15"},
		{"amd64", "	MOVQ runtime·writeBarrier(SB), AX"},
		{"arm64", "	MOVD ZR, slot_params(SL)"},
		{"arm64", "	STP (R16, R17), 8(SL)"},
		{"arm64", "	STLR R16, slot_fn(R3)"},
		{"arm64", "	SWPALD R1, slot_fn(R3), R2"},
		{"arm64", "	MOVD R0, g"},
		{"arm64", "	MOVD R28, R0"},
		{"arm64", "	BL ·f(SB)"},
	} {
		if len(asmProblems(c.arch, c.text)) == 0 {
			t.Errorf("%s: no complaint about %q", c.arch, c.text)
		}
	}
}
