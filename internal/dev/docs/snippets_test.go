package docs

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/zeropool-go/zeropool" // so that go test keeps no result of another state of it
	"github.com/zeropool-go/zeropool/internal/dev/testenv"
)

// preamble declares what snippets use without declaring it. A name means the same in
// all of them.
const preamble = `package snippet

import (
	"context"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

type (
	T   struct{}
	R   struct{}
	A   struct{}
	B   struct{}
	In  struct{}
	Out struct{}
)

var (
	p, pool *zeropool.Pool
	ctx     context.Context
	d       time.Duration

	params, arg T
	xs, v       []T
	ys, out     []R
	lo, hi      []T
	urls        []string
	zero        R
	in          In
	a           A
	b           B

	f     func()
	fn    func(*T)
	fe    func(*T) error
	fr    func(*T) R
	fre   func(*T) (R, error)
	fa    func(*A)
	fb    func(*B)
	fold  func(R, *T) R
	merge func(R, R) R
	sort  func(*[]T)
	fetch func(context.Context, string) error
	work  func(In) Out
)
`

// otherModules are the pages that show a module of its own, on which the pool's module
// does not depend.
var otherModules = []string{"docs/remote.md"}

// rightColumn is where zeropool's side of a comparison begins, tabs being 4 wide.
const rightColumn = 47

var (
	goFence     = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
	declaration = regexp.MustCompile(`^(type|func) `)
	elided      = regexp.MustCompile(`\{ (\.\.\.|…) \}`)
)

// TestSnippets: the Go of README.md and of docs/*.md compiles against the pool as it
// is, so that nobody copies a call that does not exist, or not with these parameters.
// Not looked at are
//   - the left columns of docs/migrate.md, which show other libraries: see rightHalf;
//   - the pages of otherModules;
//   - the program at the head of the README: TestFirstProgram runs it.
//
// What may be wrong in a program is not wrong in a snippet: an unused variable, and :=
// for one that an alternative some lines above has declared. { ... } is any body.
func TestSnippets(t *testing.T) {
	check := checker(t)
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, path := range append(paths, filepath.Join(root, "README.md")) {
		page, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		page = filepath.ToSlash(page)
		if slices.Contains(otherModules, page) {
			continue
		}
		text := read(t, path)
		for _, at := range goFence.FindAllStringSubmatchIndex(text, -1) {
			lines := strings.Split(text[at[2]:at[3]], "\n")
			first := 1 + strings.Count(text[:at[2]], "\n")
			if page == "README.md" && strings.HasPrefix(lines[0], "package ") {
				continue
			}
			if page == "docs/migrate.md" {
				if err := rightHalf(lines); err != nil {
					t.Errorf("%s, snippet at line %d: %v", page, first, err)
					continue
				}
			}
			count++
			if err := check(page, first, lines); err != nil {
				t.Errorf("snippet at line %d of %s:\n%v", first, page, err)
			}
		}
	}
	if count < 14 {
		t.Errorf("only %d snippets were found", count)
	}
}

// TestWrongSnippets: TestSnippets notices a name that does not exist, wrong parameters,
// a type that does not fit, and a snippet in which nothing is left to check.
func TestWrongSnippets(t *testing.T) {
	check := checker(t)
	if err := check("right", 1, []string{"err := zeropool.ForEach(p, xs, fn)"}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"err := zeropool.ForEvery(p, xs, fn)",
		"err := p.ForEach(xs, fn)",
		"err := zeropool.ForEach(p, xs, fe)",
		"err := zeropool.ForEach(xs, fn)",
		"err := zeropool.ForEach(p, unknown, fn)",
		"f := zeropool.Submit(p, &arg, fn); f = p.NewGroup()",
		"// nothing",
	} {
		if check("wrong", 1, []string{line}) == nil {
			t.Errorf("%s: passes", line)
		}
	}
}

// rightHalf leaves of the lines of a snippet with two columns the right one. A snippet
// has two if three spaces stand together in it; code is indented by tabs.
func rightHalf(lines []string) error {
	if !strings.Contains(strings.Join(lines, "\n"), "   ") {
		return nil
	}
	for i, line := range lines {
		wide := []rune(strings.ReplaceAll(line, "\t", "    "))
		left, right := wide, []rune(nil)
		if len(wide) >= rightColumn {
			left, right = wide[:rightColumn], wide[rightColumn:]
			if left[rightColumn-1] != ' ' {
				return fmt.Errorf("no space before column %d: %s", rightColumn, line)
			}
		}
		if strings.Contains(strings.TrimSpace(string(left)), "   ") {
			return fmt.Errorf("a column begins before column %d: %s", rightColumn, line)
		}
		lines[i] = string(right)
	}
	return nil
}

// checker returns a function that compiles a snippet, which begins at a line of a page.
func checker(t *testing.T) func(page string, first int, lines []string) error {
	t.Helper()
	testenv.NeedsProcesses(t)
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip(err)
	}
	// Where the compiler says what the pool, and all that it imports, exports.
	cmd := exec.Command(tool, "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", ".")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=") // this machine's, whatever the test was built for
	cmd.Stderr = t.Output()
	list, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(list)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[path] = file
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })

	return func(page string, first int, lines []string) error {
		var outside, inside strings.Builder
		for i, line := range lines {
			to := &inside
			if declaration.MatchString(line) {
				to = &outside // a function cannot declare methods
			}
			fmt.Fprintf(to, "//line %s:%d\n%s\n", page, first+i, elided.ReplaceAllString(line, `{ panic("$1") }`))
		}
		source := preamble + outside.String() + "func _() {\n" + inside.String() + "}\n"
		file, err := parser.ParseFile(fset, "preamble", source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if len(file.Decls[len(file.Decls)-1].(*ast.FuncDecl).Body.List) == 0 {
			return errors.New("there is no statement in it")
		}
		var wrong []error
		config := types.Config{Importer: imports, Error: func(err error) {
			if e, ok := err.(types.Error); !ok || !e.Soft {
				wrong = append(wrong, err)
			}
		}}
		config.Check("snippet", fset, []*ast.File{file}, nil) // its error is the first one that Error got
		return errors.Join(wrong...)
	}
}
