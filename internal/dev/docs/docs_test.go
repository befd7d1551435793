package docs

import (
	"encoding/xml"
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"hash/crc32"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
)

// root is the repository's folder.
const root = "../../.."

// pages returns the Markdown files of the repository.
func pages(t *testing.T) []string { return files(t, ".md") }

// files returns the repository's files whose names end so.
func files(t *testing.T, suffix string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata"):
			return filepath.SkipDir
		case strings.HasSuffix(path, suffix):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("%d pages were found", len(files))
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	fence = regexp.MustCompile("(?ms)^\\s*```.*?^\\s*```\\s*$")
	code  = regexp.MustCompile("`[^`\n]*`")
	link  = regexp.MustCompile(`\]\(([^)\s]*)(?:\s+"[^"]*")?\)`)
	head  = regexp.MustCompile(`(?m)^#+\s+(.*?)\s*#*$`)
)

// prose is a page without its code, in which nothing is a link.
func prose(page string) string {
	return code.ReplaceAllString(fence.ReplaceAllString(page, ""), "")
}

// anchors returns what the headings of a page can be linked by, as GitHub names
// them: in small letters, hyphens for spaces, no punctuation, and a number where
// a heading comes again.
func anchors(page string) []string {
	var names []string
	seen := map[string]bool{}
	for _, m := range head.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		unique := name
		for n := 1; seen[unique]; n++ {
			unique = name + "-" + string(rune('0'+n))
		}
		seen[unique] = true
		names = append(names, unique)
	}
	return names
}

// TestLinks: every link of the documents leads to a file of the repository and,
// where it names one, to a heading there. What is on the network is not fetched.
func TestLinks(t *testing.T) {
	count := 0
	for _, page := range pages(t) {
		text := read(t, page)
		for _, m := range link.FindAllStringSubmatch(prose(text), -1) {
			count++
			if err := follow(page, text, m[1]); err != nil {
				t.Errorf("%s: (%s): %v", page, m[1], err)
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d links were found", count)
	}
}

func follow(page, text, target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	if u.Scheme != "" {
		if u.Scheme != "https" || u.Host == "" {
			return errors.New("want https and a host")
		}
		return nil
	}
	if u.Path != "" {
		path := filepath.Join(filepath.Dir(page), u.Path)
		if rel, err := filepath.Rel(root, path); err != nil || strings.HasPrefix(rel, "..") {
			return errors.New("outside the repository")
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if u.Fragment == "" || info.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		other, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text = string(other)
	}
	if u.Fragment != "" && !slices.Contains(anchors(text), u.Fragment) {
		return errors.New("no such heading")
	}
	return nil
}

// terms returns the words of the terms that the glossary defines.
func terms(t *testing.T) map[string]bool {
	t.Helper()
	text := read(t, filepath.Join(root, "docs", "protocol.md"))
	_, text, begins := strings.Cut(text, "\n## 1. Terms\n")
	text, _, ends := strings.Cut(text, "\n## ")
	if !begins || !ends {
		t.Fatal("docs/protocol.md has no section of terms")
	}
	words := map[string]bool{}
	add := func(s string) {
		for _, w := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' }) {
			words[strings.ToLower(w)] = true
		}
	}
	emphasis := regexp.MustCompile(`\*([a-z ]+)\*`)
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		add(cells[1])
		for _, m := range emphasis.FindAllStringSubmatch(cells[2], -1) {
			add(m[1])
		}
	}
	if !words["lane"] || !words["publish"] {
		t.Fatalf("the terms are %v", words)
	}
	return words
}

// TestPicture: the picture of a task's way has no word that the glossary does not
// define, is well-formed, and two documents show it.
func TestPicture(t *testing.T) {
	known := terms(t)
	d := xml.NewDecoder(strings.NewReader(read(t, filepath.Join(root, "docs", "img", "task.svg"))))
	inText, count := false, 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			inText = e.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if !inText {
				continue
			}
			for _, w := range strings.FieldsFunc(string(e), func(r rune) bool { return r == ' ' || r == ',' }) {
				count++
				if !known[w] {
					t.Errorf("the picture says %q, which the glossary of docs/protocol.md does not define", w)
				}
			}
		}
	}
	for _, w := range []string{"push", "take", "attach", "steal", "board", "batch", "park", "lease"} {
		if !strings.Contains(read(t, filepath.Join(root, "docs", "img", "task.svg")), w) {
			t.Errorf("the picture does not show %q", w)
		}
	}
	if count < 20 {
		t.Errorf("only %d words were found in the picture", count)
	}
	for page, target := range map[string]string{"README.md": "](docs/img/task.svg)", "docs/design.md": "](img/task.svg)"} {
		if !strings.Contains(read(t, filepath.Join(root, page)), target) {
			t.Errorf("%s does not show the picture", page)
		}
	}
}

// TestFirstScreen: a stranger reaches the table of the README within 60 lines.
func TestFirstScreen(t *testing.T) {
	before, _, found := strings.Cut(read(t, filepath.Join(root, "README.md")), "<!-- benchmarks: begin")
	if !found {
		t.Fatal("the README has no table")
	}
	if n := strings.Count(before, "\n"); n > 60 {
		t.Errorf("%d lines come before the table of the README, want at most 60", n)
	}
}

// TestNames: every test and every script that a document names exists.
func TestNames(t *testing.T) {
	sources := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, m := range function.FindAllStringSubmatch(read(t, path), -1) {
			sources[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]*)`")
	script := regexp.MustCompile("`(ci/[a-z0-9]+)[` ]")
	count := 0
	for _, page := range pages(t) {
		text := read(t, page)
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			if count++; !sources[m[1]] {
				t.Errorf("%s: there is no %s", page, m[1])
			}
		}
		for _, m := range script.FindAllStringSubmatch(text, -1) {
			count++
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d names were found", count)
	}
}

// TestEdges: the functions that docs/protocol.md names for an ordering edge exist, and
// carry its label; and it names all that carry one.
func TestEdges(t *testing.T) {
	sources := map[string]string{} // by name, with the type in front if it is a method
	for _, path := range files(t, ".go") {
		if dir := filepath.Dir(path); dir != root && dir != filepath.Join(root, "internal", "park") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		for name, source := range functions(t, path, read(t, path)) {
			sources[strings.TrimSuffix(name, "Generic")] += source
		}
	}
	// find returns the full name of a function that the table names without its type.
	find := func(name string) (found []string) {
		for full := range sources {
			_, method, _ := strings.Cut(full, ".")
			if full == name {
				return []string{name}
			} else if method == name {
				found = append(found, full)
			}
		}
		return found
	}
	row := regexp.MustCompile(`(?m)^\| ([A-Z]\d(?: / [A-Z]\d)?) \|.*\| (.*) \|$`)
	rows := row.FindAllStringSubmatch(read(t, filepath.Join(root, "docs", "protocol.md")), -1)
	if len(rows) < 10 {
		t.Fatalf("only %d edges were found", len(rows))
	}
	table := map[string][]string{} // functions by label
	for _, r := range rows {
		labels := strings.Split(r[1], " / ")
		for i, side := range strings.Split(r[2], " / ") {
			label := labels[min(i, len(labels)-1)]
			for _, name := range code.FindAllString(side, -1) {
				full := find(strings.Trim(name, "`"))
				if len(full) != 1 {
					t.Errorf("edge %s: %s is the name of %d functions: %v", r[1], name, len(full), full)
				} else if table[label] = append(table[label], full[0]); !strings.Contains(sources[full[0]], label) {
					t.Errorf("edge %s, %s: there is no label in %s", r[1], label, full[0])
				}
			}
		}
	}
	word, pair := regexp.MustCompile(`\b[A-Z]\d\b`), regexp.MustCompile(`pairs with [A-Z]\d`)
	for name, source := range sources {
		for _, label := range word.FindAllString(pair.ReplaceAllString(source, ""), -1) {
			if functions, ok := table[label]; ok && !slices.Contains(functions, name) {
				t.Errorf("edge %s: docs/protocol.md does not name %s", label, name)
			}
		}
	}
}

// newFiles and newCalls are what the first version did not have: sources of the root
// package, and exported calls in others. lease.go is there because it parked pinned threads.
var (
	newFiles = []string{"grouplimit.go", "join.go", "lease.go", "mapreduce.go"}
	newCalls = []string{
		"SubmitErr", "SubmitErrTo", "Pool.GoErr", "Group.GoErr", "Pool.NewGroupContext", "Group.Cancel", "Group.cancelIn",
		"ForEachErr", "elementsErr.run", "Pool.ForErr", "rangesErr.run", "Pool.errLoop", "Pool.stops",
		"Pool.labels", "runner.relabel", "runner.beginBusy", "runner.endBusy", "Future.DoneChan", "Pool.Load", "Pool.Name", "Pool.Placement",
		"Pool.QueueCapacity", "Version", "Stats.LogValue", "WorkerStats.LogValue", "PanicError.LogValue", "WithPinning", "Pinning.String",
	}
)

// firstVersionLines is how many lines of code the root package of the first version had.
const firstVersionLines = 4170

// TestSize: the core is smaller than that of the first version. Lines of code are those
// of the root package's sources, assembly too, that are neither blank nor comments.
func TestSize(t *testing.T) {
	all, added, sources := 0, 0, 0
	paths, err := filepath.Glob(filepath.Join(root, "*.[gs]*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		ext := filepath.Ext(path)
		if ext != ".go" && ext != ".s" || strings.HasSuffix(path, "_test.go") {
			continue
		}
		sources++
		text := read(t, path)
		n := codeLines(text)
		all += n
		switch {
		case slices.Contains(newFiles, filepath.Base(path)):
			added += n
		case ext == ".go":
			for name, source := range functions(t, path, text) {
				if slices.Contains(newCalls, name) {
					added += codeLines(source)
				}
			}
		}
	}
	t.Logf("%d lines in %d sources; %d without %d of what the first version did not have", all, sources, all-added, added)
	if all-added >= firstVersionLines {
		t.Errorf("the core has %d lines of code without what the first version did not have, which had %d", all-added, firstVersionLines)
	}
}

// codeLines counts the lines that are neither blank nor comments.
func codeLines(text string) (n int) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	return n
}

// functions returns the sources of the functions of a file, with their comments, by their
// names: those of methods with their types in front.
func functions(t *testing.T, path, text string) map[string]string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name, begin := f.Name.Name, f.Pos()
		if f.Doc != nil {
			begin = f.Doc.Pos()
		}
		if f.Recv != nil {
			of := f.Recv.List[0].Type
			if star, ok := of.(*ast.StarExpr); ok {
				of = star.X
			}
			name = fmt.Sprint(of) + "." + name
		}
		rest, _, _ := strings.Cut(text[fset.Position(f.End()).Offset:], "\n") // a comment behind it
		sources[name] = text[fset.Position(begin).Offset:fset.Position(f.End()).Offset] + rest
	}
	return sources
}

// TestPromises: every test and fuzz target, in every module of the repository, has a
// comment, in which it says which promise it protects.
func TestPromises(t *testing.T) {
	count := 0
	for _, path := range files(t, "_test.go") {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || f.Name.Name == "TestMain" || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			if count++; strings.TrimSpace(f.Doc.Text()) == "" {
				t.Errorf("%s: %s does not say which promise it protects", path, f.Name.Name)
			}
		}
	}
	if count < 300 {
		t.Errorf("only %d tests were found", count)
	}
}

// TestFirstProgram: the program at the head of the README is whole, and runs.
func TestFirstProgram(t *testing.T) {
	testenv.NeedsProcesses(t)
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(read(t, filepath.Join(root, "README.md")), "```go\n")
	program, _, found := strings.Cut(rest, "```\n")
	if !found || !strings.HasPrefix(program, "package main\n") {
		t.Fatalf("the README does not begin with a program: %.60q", program)
	}
	if text, err := format.Source([]byte(program)); err != nil || string(text) != program {
		t.Errorf("it is not formatted: %v", err)
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, "run", file)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=") // this machine's, whatever the test was built for
	out, err := cmd.CombinedOutput()
	if want := fmt.Sprintf("%08x\n", crc32.ChecksumIEEE([]byte("hello"))); err != nil || string(out) != want {
		t.Errorf("it prints %q, %v; want %q", out, err, want)
	}
}

// TestDatedFigures: a line of a document that says on what day something was
// measured says of what commit, too.
func TestDatedFigures(t *testing.T) {
	day := regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`)
	commit := regexp.MustCompile(`\bcommit [0-9a-f]{7,40}\b`)
	for _, page := range pages(t) {
		text := read(t, page)
		if strings.HasPrefix(text, "<!-- Generated by") {
			continue // its tables have a column of commits
		}
		for n, line := range strings.Split(fence.ReplaceAllString(text, ""), "\n") {
			if strings.HasPrefix(line, "## v") {
				continue // a version and its day
			}
			if day.MatchString(line) && !commit.MatchString(line) {
				t.Errorf("%s, line %d without code: a day without a commit: %.80s", page, n+1, line)
			}
		}
	}
}

// TestEveryCallHasAnExample: every exported function and method of the root package has
// an example that runs, options too. Those of the interfaces of fmt, errors and log/slog
// are shown by their type's.
func TestEveryCallHasAnExample(t *testing.T) {
	names, err := filepath.Glob(root + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	pkg, err := doc.NewFromFiles(fset, files, "github.com/zeropool-go/zeropool")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	check := func(of string, funcs []*doc.Func) {
		for _, f := range funcs {
			switch f.Name {
			case "String", "Error", "LogValue":
				continue
			}
			count++
			runs := func(e *doc.Example) bool { return e.Output != "" || e.EmptyOutput }
			if !slices.ContainsFunc(f.Examples, runs) {
				t.Errorf("%s%s has no example that runs", of, f.Name)
			}
		}
	}
	check("", pkg.Funcs)
	for _, typ := range pkg.Types {
		check("", typ.Funcs)
		check(typ.Name+".", typ.Methods)
	}
	if count < 40 {
		t.Errorf("only %d calls were found", count)
	}
}
