package capture

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/topology"
)

const testdata = "../../topology/testdata/"

// load copies a generated tree into memory.
func load(t *testing.T, name string) *Tree {
	t.Helper()
	tree := newTree()
	root := os.DirFS(filepath.Join(testdata, name))
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return tree.add(name, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// set replaces a file or adds it.
func set(t *testing.T, tree *Tree, name, text string) {
	t.Helper()
	d, err := tree.dir(path.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	delete(d.children, path.Base(name))
	if err := tree.add(name, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, root fs.FS, o Options) *Capture {
	t.Helper()
	c, err := Take(root, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pack(t *testing.T, tree *Tree) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := tree.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes of %d: %v", n, b.Len(), err)
	}
	return b.Bytes()
}

func unpack(t *testing.T, archive []byte) *Tree {
	t.Helper()
	tree, err := readArchive(bytes.NewReader(archive), ofCaptures)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// everything is all that somebody who gets a capture can read: names and
// contents of the files, and the printed list.
func everything(t *testing.T, c *Capture) string {
	t.Helper()
	var b strings.Builder
	err := unpack(t, pack(t, c.Tree)).walk(func(name string, n *node) error {
		fmt.Fprintf(&b, "%s\n%s\n", name, n.data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Concat(c.Taken, c.LeftOut) {
		fmt.Fprintf(&b, "%s %s\n", e.Name, e.Words)
	}
	return b.String()
}

// secretTree is a machine with a secret wherever systems have one. Each contains
// the word SECRET in upper or lower case.
func secretTree(t *testing.T) *Tree {
	tree := load(t, "loaded")
	for name, text := range map[string]string{
		// Host, machine and builder.
		"proc/sys/kernel/hostname":       "secret-host\n",
		"proc/sys/kernel/osrelease":      "6.12.7-secret-company\n",
		"proc/version":                   "Linux version 6.12.7 (root@secret-builder)\n",
		"etc/hostname":                   "secret-host\n",
		"etc/machine-id":                 "secretsecretsecret\n",
		"sys/class/dmi/id/board_serial":  "SECRET-SERIAL\n",
		"sys/class/dmi/id/product_uuid":  "SECRET-UUID\n",
		"proc/sys/kernel/random/boot_id": "SECRET-BOOT\n",
		// Kernel arguments: among others, inside those that are kept, and behind --.
		"proc/cmdline": "root=UUID=SECRET isolcpus=managed_irq,domain,2-3,SECRET nohz_full=2-3 rcu_nocbs=2-3 password=SECRET quiet -- --token SECRET isolcpus=SECRET\n",
		// The processor's serial number, in cpuinfo of Arm and in leaf 3.
		"proc/cpuinfo": "processor\t: 0\nmodel name\t: Example Server CPU\nflags\t\t: fpu hypervisor secretflag\nmicrocode\t: 0xSECRET\n\nHardware\t: Example Board\nRevision\t: SECRET\nSerial\t\t: 00000000SECRET\n",
		"cpuid/pu0": "# dumped on secret-host\n1 0 0 0 0 => 16 756e6547 6c65746e 49656e69\n1 1 0 0 0 => 306f2 800 80000000 0\n" +
			"1 3 0 0 0 => 5ec2e7 5ec2e7 5ec2e7 5ec2e7\n1 b 0 0 0 => 1 2 100 0\nSECRET line\n",
		// The process: its name, users and what else status tells.
		"proc/self/status":  "Name:\tsecretd\nUid:\t1000\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\nSECRET:\t1\n",
		"proc/self/environ": "TOKEN=SECRET\x00",
		"proc/stat":         "cpu  1 2 3\ncpu0 1 2 3\nintr SECRET\n",
		// Pods, containers and users in the names of cgroups.
		"proc/self/cgroup": "12:name=SECRET:/secret\n11:memory:/secret\n5:cpuset,secret:/kubepods/secret-a\n0::/kubepods.slice/kubepods-podSECRET.slice/cri-containerd-SECRET.scope\nSECRET\n",
		"proc/self/mountinfo": "20 1 0:5 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/SECRET,upperdir=/SECRET\n" +
			"30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 secret:1 - cgroup2 secret-source rw,nsdelegate,secret=SECRET\n" +
			"31 24 secret:26 /docker/SECRET /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,secret\n" +
			"32 24 0:27 / /mnt/secret\\040disk rw - ext4 /dev/secret rw\nSECRET\n",
		"sys/fs/cgroup/kubepods.slice/kubepods-podSECRET.slice/cri-containerd-SECRET.scope/cpu.max":               "400000 100000\n",
		"sys/fs/cgroup/kubepods.slice/kubepods-podSECRET.slice/cri-containerd-SECRET.scope/cpuset.cpus.effective": "0-7\n",
		"sys/fs/cgroup/kubepods.slice/kubepods-podSECRET.slice/cri-containerd-SECRET.scope/cpu.stat":              "usage_usec 5\nnr_periods 9\nnr_throttled 1\nthrottled_usec 7\nsecret_usec 4\n",
		"sys/fs/cgroup/kubepods.slice/kubepods-podSECRET.slice/cri-containerd-SECRET.scope/cgroup.procs":          "SECRET\n",
		"sys/fs/cgroup/kubepods.slice/cpu.max": "800000 100000\n",
		// A hardware address in the name of an interface, and beside it.
		"sys/class/net/enxSECRET/device/numa_node":        "1\n",
		"sys/class/net/enxSECRET/address":                 "SECRET\n",
		"sys/class/net/secretveth/address":                "SECRET\n",
		"sys/class/nvme/nvme0/serial":                     "SECRET\n",
		"sys/class/nvme/secret-nvme/device/numa_node":     "1\n",
		"sys/devices/system/node/node0/meminfo":           "Node 0 MemTotal: 100 kB\nNode 0 SECRET: 1 kB\n",
		"sys/devices/system/cpu/cpu0/uevent":              "SECRET\n",
		"sys/devices/system/cpu/cpu0/firmware_node/path":  "SECRET\n",
		"sys/devices/system/cpu/vulnerabilities/meltdown": "SECRET\n",
	} {
		set(t, tree, name, text)
	}
	return tree
}

var secret = regexp.MustCompile(`(?i)secret|5ec2e7|meltdown|1000`)

// TestNoSecrets protects the promise that nothing in a capture tells whose
// machine it is.
func TestNoSecrets(t *testing.T) {
	tree := secretTree(t)
	for _, now := range []bool{false, true} {
		c := take(t, tree, Options{Now: now})
		text := everything(t, c)
		for line := range strings.Lines(text) {
			// 100000 is the period of a quota.
			if secret.MatchString(strings.ReplaceAll(line, "100000", "")) {
				t.Errorf("now %v: the capture says %q", now, line)
			}
		}
		for _, want := range []string{
			"isolcpus=managed_irq,domain,2-3,? nohz_full=2-3 rcu_nocbs=2-3\n", "6.12.7", "Example Server CPU", "hypervisor", "Example Board",
			"sys/fs/cgroup/kubepods.slice/cgroup", "400000 100000", "sys/class/net/net0/device/numa_node", "sys/class/nvme/ctrl0/device/numa_node",
			"Cpus_allowed_list:\t0-7", "(malformed line)",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("now %v: the capture lacks %q", now, want)
			}
		}
		if strings.Contains(text, "nr_periods 9") != now {
			t.Errorf("now %v: the throttled periods are there: %v", now, !now)
		}
		original, err := topology.Read(tree)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, tree, c.Tree, original)
	}
}

// TestUnknownFilesStayOut protects the rule that a file for which there is no
// rule is left out, and named.
func TestUnknownFilesStayOut(t *testing.T) {
	tree := load(t, "server")
	rec := newRecorder(tree)
	x := newRedactor(rec, true)
	for _, name := range []string{"proc/self/environ", "proc/version", "proc/meminfo", "etc/passwd", "sys/class/dmi/id/board_serial", "sys/class/net/eth0/address",
		"sys/kernel/notes", "sys/fs/cgroup/cgroup.procs", "sys/fs/cgroup/memory.max", "sys/devices/pci0000:00/0000:00:04.0/serial", "id_rsa"} {
		if kept, words, ok := x.keep(name, []byte("SECRET")); ok || kept != nil || words == "" {
			t.Errorf("%s: %q %q %v", name, kept, words, ok)
		}
	}
}

// TestSameBytes protects the promise that two captures of one machine are equal,
// though its counters run.
func TestSameBytes(t *testing.T) {
	tree := secretTree(t)
	first := pack(t, take(t, tree, Options{}).Tree)
	if again := pack(t, take(t, tree, Options{}).Tree); !bytes.Equal(first, again) {
		t.Error("two captures of one tree differ")
	}
	set(t, tree, "proc/stat", "cpu  9 9 9\ncpu0 9 9 9\nctxt 9\n")
	set(t, tree, "proc/pressure/cpu", "some avg10=99.00 avg60=9.00 avg300=9.00 total=9\n")
	set(t, tree, "proc/self/status", "Name:\tother\nVmRSS:\t9 kB\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\nvoluntary_ctxt_switches:\t9\n")
	set(t, tree, "sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 100 kB\nNode 0 MemFree: 9 kB\n")
	set(t, tree, "sys/fs/cgroup/kubepods.slice/kubepods-podSECRET.slice/cri-containerd-SECRET.scope/cpu.stat", "nr_periods 99\nnr_throttled 9\nthrottled_usec 9\n")
	set(t, tree, "proc/cpuinfo", strings.Replace(string(must(fs.ReadFile(tree, "proc/cpuinfo"))), "flags", "cpu MHz\t\t: 999\nflags", 1))
	if later := pack(t, take(t, tree, Options{}).Tree); !bytes.Equal(first, later) {
		t.Error("a capture made later differs")
	}
	if now := pack(t, take(t, tree, Options{Now: true}).Tree); bytes.Equal(first, now) {
		t.Error("a capture of what changes is no different")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// compare asserts that a capture reads like the machine that it was taken from,
// but for the names of cgroups.
func compare(t *testing.T, before, after fs.FS, original *topology.Topology) {
	t.Helper()
	got, err := topology.Read(after)
	if err != nil {
		t.Fatal(err)
	}
	want := *original
	want.Warnings, want.QuotaPath = nil, ""
	simple := *got
	simple.Warnings, simple.QuotaPath = nil, ""
	if !reflect.DeepEqual(simple, want) {
		t.Errorf("the capture reads as\n%+v\nthe machine as\n%+v", simple, want)
	}
	if path.Base(got.QuotaPath) != path.Base(original.QuotaPath) || strings.Count(got.QuotaPath, "/") != strings.Count(original.QuotaPath, "/") {
		t.Errorf("the quota is that of %s, was %s", got.QuotaPath, original.QuotaPath)
	}
	ids := func(warnings []string) (ids []string) {
		for _, w := range warnings {
			id, _, _ := strings.Cut(w, " ")
			ids = append(ids, id)
		}
		return ids
	}
	if !slices.Equal(ids(got.Warnings), ids(original.Warnings)) {
		t.Errorf("warnings %q, were %q", got.Warnings, original.Warnings)
	}
	was, is := topology.ReadConditions(before, original), topology.ReadConditions(after, got)
	if len(is.Governors) != len(was.Governors) || len(is.Devices) != len(was.Devices) || is.SchedExt != was.SchedExt ||
		len(is.Partitions) != len(was.Partitions) || !slices.Equal(is.IsolatedCPUs, was.IsolatedCPUs) {
		t.Errorf("conditions %+v, were %+v", is, was)
	}
}

// TestCorpusReplays protects the promise that a capture has all that detection
// reads: every machine of the corpus reads alike from its capture.
func TestCorpusReplays(t *testing.T) {
	archives, _ := filepath.Glob("../../../shared/corpus/*/*/fsroot.tar.gz")
	if len(archives) == 0 {
		t.Skip("no corpus: nothing to capture")
	}
	largest := 0
	for _, archive := range archives {
		t.Run(filepath.Base(filepath.Dir(archive)), func(t *testing.T) {
			tree, err := OpenArchive(archive)
			if err != nil {
				t.Fatal(err)
			}
			original, err := topology.Read(tree)
			if err != nil {
				t.Fatal(err)
			}
			c := take(t, tree, Options{Now: true})
			packed := pack(t, c.Tree)
			largest = max(largest, len(packed))
			compare(t, tree, unpack(t, packed), original)
			for _, e := range c.LeftOut {
				t.Errorf("left out: %+v", e)
			}
			if c.Error != nil {
				t.Errorf("no report: %v", c.Error)
			}
		})
	}
	t.Logf("%d captures, the largest of %d bytes", len(archives), largest)
}

// TestReplayIsTheReport protects the promise that a capture shows what its
// report says.
func TestReplayIsTheReport(t *testing.T) {
	placement := topology.Compact
	for _, name := range []string{"server", "hybrid", "container", "loaded"} {
		for _, now := range []bool{false, true} {
			c := take(t, load(t, name), Options{Now: now, Manifest: Manifest{GOMAXPROCS: 3, Placement: &placement}})
			tree := unpack(t, pack(t, c.Tree))
			r, err := Report(tree, topology.Request{}, false)
			if err != nil {
				t.Fatal(err)
			}
			var text, doc bytes.Buffer
			if r.Text(&text) != nil || r.JSON(&doc) != nil {
				t.Fatal("the report cannot be written")
			}
			if got := must(fs.ReadFile(tree, reportFile)); !bytes.Equal(got, text.Bytes()) {
				t.Errorf("%s: %s says\n%s\nthe replay\n%s", name, reportFile, got, text.Bytes())
			}
			if got := must(fs.ReadFile(tree, topologyFile)); !bytes.Equal(got, doc.Bytes()) {
				t.Errorf("%s: %s differs from the replay", name, topologyFile)
			}
			if r.Request.GOMAXPROCS != 3 || r.Request.Placement != topology.Compact {
				t.Errorf("%s: request %+v", name, r.Request)
			}
			if r, err := Report(tree, topology.Request{Placement: topology.Scatter}, true); err != nil || r.Request.Placement != topology.Scatter {
				t.Errorf("%s: with a choice: %+v, %v", name, r.Request, err)
			}
		}
	}
}

// TestTakenIsListed protects the list: it names every file, once.
func TestTakenIsListed(t *testing.T) {
	c := take(t, load(t, "loaded"), Options{Dumps: map[int][]byte{0: []byte("# none\n"), 1: []byte("# none\n")}})
	listed := map[string]int{}
	for _, e := range c.Taken {
		listed[e.Name] = e.Files
	}
	files := map[string]int{}
	err := c.walk(func(name string, n *node) error {
		if n.children == nil {
			if listed[name] == 0 {
				name = number.ReplaceAllString(name, "*")
			}
			files[name]++
		}
		return nil
	})
	if err != nil || !maps.Equal(listed, files) {
		t.Errorf("%v: the list has %v, the capture %v", err, listed, files)
	}
}

// TestNoMachine protects the two ways in which there is no report: nothing to
// capture is an error; a machine that cannot be understood is a capture that
// says so.
func TestNoMachine(t *testing.T) {
	if _, err := Take(newTree(), Options{}); err == nil {
		t.Error("an empty tree gives a capture")
	}
	tree := newTree()
	set(t, tree, "sys/devices/system/cpu/online", "garbage\n")
	c := take(t, tree, Options{})
	m, err := manifest(c.Tree)
	if c.Error == nil || err != nil || !strings.Contains(m.Error, "sys/devices/system/cpu") {
		t.Errorf("error %v, manifest %+v, %v", c.Error, m, err)
	}
	if _, err := Report(c.Tree, topology.Request{}, false); err == nil || err.Error() != m.Error {
		t.Errorf("the replay says %v, the capture %q", err, m.Error)
	}
}

// TestUnreadable protects files that exist and cannot be read: the capture names
// them with the reason.
func TestUnreadable(t *testing.T) {
	tree := load(t, "server")
	set(t, tree, "sys/fs/cgroup/secret-pod/cpu.max/is a directory", "")
	set(t, tree, "proc/self/cgroup", "0::/secret-pod\n")
	set(t, tree, "proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
	c := take(t, tree, Options{})
	m, err := manifest(c.Tree)
	if err != nil || len(m.Unreadable) != 1 || m.Unreadable[0] != "sys/fs/cgroup/cgroup1/cpu.max: is a directory" {
		t.Errorf("%q, %v", m.Unreadable, err)
	}
	if len(c.LeftOut) != 1 || c.LeftOut[0].Name != "sys/fs/cgroup/cgroup1/cpu.max" {
		t.Errorf("%+v", c.LeftOut)
	}
}

// TestBadManifest protects the reader of captures: a bad capture.json is one
// clear error.
func TestBadManifest(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "EOF",
		"{":                                  "EOF",
		`[]`:                                 "array",
		`{"schema":2}`:                       "schema 2",
		`{}`:                                 "schema 0",
		`{"schema":1,"gomaxprocs":-1}`:       "gomaxprocs -1",
		`{"schema":1,"gomaxprocs":99999999}`: "gomaxprocs 99999999",
		`{"schema":1,"placement":"up"}`:      "up",
	} {
		tree := load(t, "server")
		set(t, tree, manifestFile, text)
		if _, err := Report(tree, topology.Request{}, false); err == nil || !strings.HasPrefix(err.Error(), manifestFile+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
