package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

const (
	cpuDir  = "sys/devices/system/cpu"
	nodeDir = "sys/devices/system/node"
)

// sysfs reads one machine's tree into a Topology.
type sysfs struct {
	*reader
	evidence
	t  *Topology
	at []int32 // position in t.CPUs by CPU number, -1 = not present

	sizeless [4]string // by level, the size file of a cache that has none
}

// pos returns the position of a CPU in t.CPUs, or -1.
func (s *sysfs) pos(cpu int) int {
	if cpu < 0 || cpu >= len(s.at) {
		return -1
	}
	return int(s.at[cpu])
}

// online returns the CPU with that number if it is present and online.
func (s *sysfs) online(cpu int) *CPU {
	if i := s.pos(cpu); i >= 0 && s.t.CPUs[i].Online {
		return &s.t.CPUs[i]
	}
	return nil
}

func (s *sysfs) cpuPath(cpu int, file string) string {
	return cpuDir + "/cpu" + strconv.Itoa(cpu) + "/" + file
}

// unknownCPU is a CPU of which nothing is known but its number.
func unknownCPU(id int, online bool) CPU {
	return CPU{
		ID: id, Online: online,
		Core: Unknown, L1d: Unknown, L2: Unknown, L3: Unknown, Cluster: Unknown,
		Die: Unknown, Package: Unknown, Book: Unknown, Drawer: Unknown, Node: Unknown,
		Efficiency: Unknown, Capacity: Unknown, MaxKHz: Unknown,
	}
}

// readCPUs finds the present and the online CPUs. A CPU is believed only when
// its directory exists, if any CPU directory does.
func (s *sysfs) readCPUs() error {
	dirs, dirErr := s.numbered(cpuDir, "cpu")
	online, onlineEnded, haveOnline := s.endedList(cpuDir + "/online")
	if haveOnline && online.empty() {
		s.warn("W-BAD-FILE", "%s/online: %v", cpuDir, errEmpty)
		haveOnline = false
	}
	present, presentEnded, havePresent := s.endedList(cpuDir + "/present")
	if havePresent && present.empty() {
		s.warn("W-BAD-FILE", "%s/present: %v", cpuDir, errEmpty)
		havePresent = false
	}
	// A list of online CPUs that seems cut short is checked CPU by CPU; that of
	// the present ones, which has nothing to check it, is not used.
	cut := haveOnline && !onlineEnded
	if havePresent && haveOnline && !presentEnded {
		s.warn("W-BAD-FILE", "%s/present: does not end with a newline; ignored", cpuDir)
		present = nil
	}

	var ids cpuSet
	for cpu := range online.all {
		ids.add(cpu)
	}
	// Without a list of the present CPUs the directories tell of offline ones
	// too, but POWER has directories of CPUs that are not there.
	others := present
	if !havePresent && !haveOnline {
		others = dirs
	}
	for cpu := range others.all {
		ids.add(cpu)
	}
	if !dirs.empty() {
		var phantom []int
		for cpu := range ids.all {
			if !dirs.has(cpu) {
				phantom = append(phantom, cpu)
			}
		}
		for _, cpu := range phantom {
			ids[cpu>>6] &^= 1 << (cpu & 63)
		}
		if len(phantom) > 0 {
			s.warn("W-SYSFS-CONFLICT", "%s: listed without a directory and ignored: %s", cpuDir, cpuNames(phantom))
		}
		// A list of present CPUs may leave out what the process runs on.
		for cpu := range s.granted.all {
			if dirs.has(cpu) {
				ids.add(cpu)
			}
		}
	}
	if ids.empty() && (dirs.empty() || s.running.empty()) {
		var err error
		if ids, err = s.cpusFromStat(); err != nil {
			if dirErr == nil {
				dirErr = errors.New("no CPU found")
			}
			return fmt.Errorf("topology: %s: %w; %w", cpuDir, reason(dirErr), err)
		}
		online, haveOnline = ids.clone(), true
		s.t.Source = "proc/stat"
	}
	for cpu := range s.running.all {
		ids.add(cpu)
	}
	if dirs.empty() && !s.granted.meets(ids) {
		for cpu := range s.granted.all {
			ids.add(cpu)
		}
	}

	n := ids.count()
	s.t.CPUs = make([]CPU, 0, n)
	s.at = make([]int32, len(ids)*64)
	for i := range s.at {
		s.at[i] = -1
	}
	var off cpuSet // CPUs that say themselves that they are offline
	for cpu := range ids.all {
		up := online.has(cpu) || s.running.has(cpu)
		if up && cut && !s.running.has(cpu) {
			if state, err := s.text(s.cpuPath(cpu, "online")); err == nil && trimKernel(state) == "0" {
				s.warn("W-SYSFS-CONFLICT", "%s says CPU %d is offline, %s/online, which has no end of line, lists it; taken as offline", s.cpuPath(cpu, "online"), cpu, cpuDir)
				up = false
				if havePresent && !present.has(cpu) {
					continue
				}
			}
		} else if !up {
			name := s.cpuPath(cpu, "online")
			state, err := s.text(name)
			s.bad(name, err)
			switch state = trimKernel(state); {
			case state == "0":
				off.add(cpu)
			case !haveOnline:
				up = true
			case state == "1":
				s.warn("W-SYSFS-CONFLICT", "%s says CPU %d is online, %s/online leaves it out; taken as online", name, cpu, cpuDir)
				up = true
			case s.granted.has(cpu) && s.hasSiblings(cpu):
				s.warn("W-SYSFS-CONFLICT", "CPU %d has siblings and the process may use it, but %s/online leaves it out; taken as online", cpu, cpuDir)
				up = true
			}
		}
		s.at[cpu] = int32(len(s.t.CPUs))
		s.t.CPUs = append(s.t.CPUs, unknownCPU(cpu, up))
	}
	s.believeGranted(off)
	if !slices.ContainsFunc(s.t.CPUs, func(c CPU) bool { return c.Online }) {
		return fmt.Errorf("topology: %s: no CPU is online", cpuDir)
	}
	return nil
}

// hasSiblings reports whether sysfs lists a CPU among its own siblings, as it
// does only while the CPU is online.
func (s *sysfs) hasSiblings(cpu int) bool {
	_, set, err := s.siblings(cpu, levels[0].masks)
	return err == nil && set.has(cpu)
}

// believeGranted takes the CPUs that a captured process may use as online if
// none of them is so far, except those in off, which say themselves that they
// are not: a container's list of online CPUs may be made up.
func (s *sysfs) believeGranted(off cpuSet) {
	var found []int
	for cpu := range s.granted.all {
		if s.online(cpu) != nil {
			return
		}
		if s.pos(cpu) >= 0 && !off.has(cpu) {
			found = append(found, cpu)
		}
	}
	if len(found) == 0 {
		return
	}
	for _, cpu := range found {
		s.t.CPUs[s.pos(cpu)].Online = true
	}
	s.warn("W-SYSFS-CONFLICT", "%s/online leaves out every CPU that the process may use; taken as online: %s", cpuDir, cpuNames(found))
}

// cpusFromStat takes the CPU numbers from proc/stat, which lists the online
// ones.
func (s *sysfs) cpusFromStat() (cpuSet, error) {
	const name = "proc/stat"
	var set cpuSet
	var flaw error
	err := s.lines(name, func(line string) bool {
		rest, ok := strings.CutPrefix(line, "cpu")
		if !ok {
			return false // the CPUs come first
		}
		number, _, _ := strings.Cut(rest, " ")
		if number == "" {
			return true // the sum of all
		}
		var cpu int
		if cpu, flaw = parseCPUNumber(number); flaw == nil {
			set.add(cpu)
		}
		return flaw == nil
	})
	if err == nil {
		err = flaw
	}
	if err == nil && set.empty() {
		err = errors.New("no CPU found")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	return set, nil
}

// numbered returns the numbers N of the entries prefixN of a directory.
func (s *sysfs) numbered(dir, prefix string) (cpuSet, error) {
	var set cpuSet
	err := s.names(dir, func(entry string) bool {
		if digits, ok := strings.CutPrefix(entry, prefix); ok && digits != "" && digits[0] >= '0' && digits[0] <= '9' {
			if n, err := parseCPUNumber(digits); err == nil {
				set.add(n)
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return set, nil
}

// level is one level of the hierarchy that sysfs describes by sibling masks.
type level struct {
	name  string
	masks []string // file names under cpuN/topology, the newest name first
	field func(*CPU) *int
}

var levels = []level{
	{"core", []string{"core_cpus", "thread_siblings"}, func(c *CPU) *int { return &c.Core }},
	{"cluster", []string{"cluster_cpus"}, func(c *CPU) *int { return &c.Cluster }},
	{"die", []string{"die_cpus"}, func(c *CPU) *int { return &c.Die }},
	{"package", []string{"package_cpus", "core_siblings"}, func(c *CPU) *int { return &c.Package }},
	{"book", []string{"book_siblings"}, func(c *CPU) *int { return &c.Book }},
	{"drawer", []string{"drawer_siblings"}, func(c *CPU) *int { return &c.Drawer }},
}

// readGroups reads the mask of each group once and uses it as the group's
// label: kernel ids are reused across dies and packages, masks never are.
func (s *sysfs) readGroups() {
	for _, l := range levels {
		next := 0
		absent := 0
		for i := range s.t.CPUs {
			c := &s.t.CPUs[i]
			if !c.Online || *l.field(c) != Unknown {
				continue
			}
			// A level that the first CPUs do not have is not asked of every
			// further one, except for the levels that every machine has.
			if next == 0 && absent >= 4 && l.name != "core" && l.name != "package" {
				break
			}
			name, set, err := s.siblings(c.ID, l.masks)
			if err != nil {
				absent++
				continue
			}
			s.place(name, name+"_list", set, c, next, l.field)
			next++
		}
	}
	s.dropIndistinct()
	s.completeCores()
	s.checkPackages()
	s.checkPackageIDs()
}

func (s *sysfs) siblings(cpu int, files []string) (name string, set cpuSet, err error) {
	for _, file := range files {
		name = s.cpuPath(cpu, "topology/"+file)
		if set, err = s.mask(cpu, name, name+"_list"); err == nil {
			return name, set, nil
		}
	}
	return name, nil, err
}

// place gives label to c and to every online CPU in set that has none yet. When
// set, read from name, overlaps an earlier group, its twin in list format is
// asked.
func (s *sysfs) place(name, twin string, set cpuSet, c *CPU, label int, field func(*CPU) *int) {
	if !set.has(c.ID) {
		*field(c) = label
		s.warn("W-SYSFS-CONFLICT", "%s: CPU %d is not in its own group; taken as alone", name, c.ID)
		return
	}
	if other := s.placed(set, field); other != Unknown {
		text, err := s.text(twin)
		var list cpuSet
		if err == nil {
			list, err = parseCPUList(text)
		}
		if err == nil && list.has(c.ID) && s.placed(list, field) == Unknown {
			s.warn("W-SYSFS-CONFLICT", "%s: CPU %d is already in another group; %s used instead", name, other, twin)
			set = list
		} else {
			s.warn("W-SYSFS-CONFLICT", "%s: CPU %d is already in another group", name, other)
		}
	}
	for cpu := range set.all {
		if o := s.online(cpu); o != nil && *field(o) == Unknown {
			*field(o) = label
		}
	}
}

// placed returns an online CPU in set that already has a group, or Unknown.
func (s *sysfs) placed(set cpuSet, field func(*CPU) *int) int {
	for cpu := range set.all {
		if o := s.online(cpu); o != nil && *field(o) != Unknown {
			return cpu
		}
	}
	return Unknown
}

// nested reports whether each group of the inner level is in one group of the
// outer.
func (s *sysfs) nested(inner, outer func(*CPU) *int) bool {
	in := map[int]int{}
	for i := range s.t.CPUs {
		c := &s.t.CPUs[i]
		if !c.Online {
			continue
		}
		if v, ok := in[*inner(c)]; ok && v != *outer(c) {
			return false
		}
		in[*inner(c)] = *outer(c)
	}
	return true
}

// sameGroups reports whether two levels divide the online CPUs alike.
func (s *sysfs) sameGroups(a, b func(*CPU) *int) bool { return s.nested(a, b) && s.nested(b, a) }

// dropIndistinct removes dies that equal packages or are no larger than cores,
// and clusters that equal cores, dies or packages: kernels report those levels
// on machines that do not have them.
func (s *sysfs) dropIndistinct() {
	core := func(c *CPU) *int { return &c.Core }
	cluster := func(c *CPU) *int { return &c.Cluster }
	die := func(c *CPU) *int { return &c.Die }
	pkg := func(c *CPU) *int { return &c.Package }
	if s.sameGroups(cluster, core) || s.sameGroups(cluster, die) || s.sameGroups(cluster, pkg) {
		s.clear(cluster)
	}
	if s.sameGroups(die, pkg) || s.nested(die, core) {
		s.clear(die)
	}
}

func (s *sysfs) clear(field func(*CPU) *int) {
	for i := range s.t.CPUs {
		*field(&s.t.CPUs[i]) = Unknown
	}
}

// completeCores makes a core of each online CPU that no mask placed: without
// better knowledge a CPU is worth a worker.
func (s *sysfs) completeCores() {
	next := 0
	var alone []int
	for i := range s.t.CPUs {
		c := &s.t.CPUs[i]
		if !c.Online {
			continue
		}
		if c.Core == Unknown {
			alone = append(alone, i)
		}
		next = max(next, c.Core+1)
	}
	for _, i := range alone {
		s.t.CPUs[i].Core = next
		next++
	}
	if len(alone) == 0 {
		return
	}
	ids := make([]int, len(alone))
	for k, i := range alone {
		ids[k] = s.t.CPUs[i].ID
	}
	if next == len(alone) {
		s.warn("W-NO-TOPOLOGY", "%s: no thread siblings are reported; every CPU is treated as a core", cpuDir)
	} else {
		s.warn("W-SYSFS-CONFLICT", "%s: no thread siblings are reported for %s; each is treated as a core", cpuDir, cpuNames(ids))
	}
}

// checkPackages warns when only some CPUs have package siblings.
func (s *sysfs) checkPackages() {
	var without []int
	some := false
	for i := range s.t.CPUs {
		c := &s.t.CPUs[i]
		if c.Online && c.Package == Unknown {
			without = append(without, c.ID)
		}
		some = some || c.Package != Unknown
	}
	if some && len(without) > 0 {
		s.warn("W-SYSFS-CONFLICT", "%s: no package siblings are reported for %s", cpuDir, cpuNames(without))
	}
}

// checkPackageIDs warns when the kernel's package ids contradict the masks. One
// CPU for each package is looked at.
func (s *sysfs) checkPackageIDs() {
	seen := map[int]bool{}
	first := map[string]int{}
	for i := range s.t.CPUs {
		c := &s.t.CPUs[i]
		if !c.Online || c.Package == Unknown || seen[c.Package] {
			continue
		}
		seen[c.Package] = true
		name := s.cpuPath(c.ID, "topology/physical_package_id")
		text, err := s.text(name)
		id := trimKernel(text)
		if err != nil || id == "" || id[0] == '-' {
			continue
		}
		if other, ok := first[id]; ok {
			s.warn("W-SYSFS-CONFLICT", "%s: package id %s is also that of CPU %d, which the sibling masks put into another package; masks used", name, clip(id), other)
			return
		}
		first[id] = c.ID
	}
}

// maxCacheIndex bounds the indexN directories of one CPU.
const maxCacheIndex = 16

// readCaches reads each cache once, from the first CPU that shares it.
func (s *sysfs) readCaches() {
	var next [4]int
	first := map[int]*CPU{} // by first-level cache, the CPU whose caches were read
	for i := range s.t.CPUs {
		c := &s.t.CPUs[i]
		if !c.Online {
			continue
		}
		// Whoever shares the first level shares every level above it.
		if o := first[c.L1d]; c.L1d != Unknown && o != nil && o.L2 == c.L2 && o.L3 == c.L3 {
			continue
		}
		for index := range maxCacheIndex {
			// The first indexes may be missing though a later one exists.
			if !s.readCache(c, index, &next) && index >= 3 {
				break
			}
		}
		if first[c.L1d] == nil {
			first[c.L1d] = c
		}
	}
	for level, name := range s.sizeless {
		if name != "" && slices.ContainsFunc(s.t.Caches, func(c Cache) bool { return c.Level == level && c.Bytes != Unknown }) {
			s.warn("W-BAD-FILE", "%s: missing, though other caches of level %d have it", name, level)
		}
	}
}

// readCache reads one cache directory of c; false means that it does not exist.
func (s *sysfs) readCache(c *CPU, index int, next *[4]int) bool {
	dir := s.cpuPath(c.ID, "cache/index"+strconv.Itoa(index)+"/")
	text, err := s.text(dir + "level")
	if errors.Is(err, fs.ErrNotExist) {
		if index > 3 {
			return false
		}
		if _, err = s.text(dir + "shared_cpu_map"); err != nil {
			if _, err = s.text(dir + "shared_cpu_list"); err != nil {
				return false
			}
		}
		s.warn("W-BAD-FILE", "%slevel: missing; the cache is ignored", dir)
		return true
	}
	level, convErr := strconv.Atoi(trimKernel(text))
	if err != nil || convErr != nil || level < 1 {
		s.warn("W-BAD-FILE", "%slevel: %q is not a cache level; the cache is ignored", dir, clip(trimKernel(text)))
		return true
	}
	if level > 3 {
		return true
	}
	field := cacheField(level)
	if *field(c) != Unknown {
		return true
	}
	kind, err := s.text(dir + "type")
	s.bad(dir+"type", err)
	switch kind = trimKernel(kind); kind {
	case "Instruction":
		return true
	case "Data", "Unified":
	default:
		s.warn("W-BAD-FILE", "%stype: %q is not a kind of cache; the cache is ignored", dir, clip(kind))
		return true
	}
	name := dir + "shared_cpu_map"
	set, err := s.mask(c.ID, name, dir+"shared_cpu_list")
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			s.warn("W-BAD-FILE", "%s: missing; the cache is ignored", name)
		}
		return true
	}
	label := next[level]
	next[level]++
	if set.empty() {
		// Some kernels leave the map of a private cache all zero.
		for i := range s.t.CPUs {
			if o := &s.t.CPUs[i]; o.Online && o.Core == c.Core {
				set.add(o.ID)
			}
		}
	}
	s.place(name, dir+"shared_cpu_list", set, c, label, field)
	s.t.Caches = append(s.t.Caches, Cache{Level: level, Label: label, Bytes: s.cacheSize(level, dir+"size")})
	if level == 1 && s.t.CacheLine == 0 {
		if text, err := s.text(dir + "coherency_line_size"); err == nil {
			if n, err := strconv.Atoi(trimKernel(text)); err == nil && n > 0 && n <= 4096 {
				s.t.CacheLine = n
			}
		}
	}
	return true
}

func cacheField(level int) func(*CPU) *int {
	switch level {
	case 1:
		return func(c *CPU) *int { return &c.L1d }
	case 2:
		return func(c *CPU) *int { return &c.L2 }
	default:
		return func(c *CPU) *int { return &c.L3 }
	}
}

func (s *sysfs) cacheSize(level int, name string) int64 {
	text, err := s.text(name)
	if err != nil {
		s.bad(name, err)
		s.sizeless[level] = name
		return Unknown
	}
	n, err := parseCacheSize(text)
	if err != nil {
		s.bad(name, err)
		return Unknown
	}
	return n
}

// parseCacheSize parses "32K", "8M" or a plain number of bytes.
func parseCacheSize(text string) (int64, error) {
	text = trimKernel(text)
	digits, shift := text, 0
	if text != "" {
		switch text[len(text)-1] {
		case 'K', 'k':
			shift = 10
		case 'M':
			shift = 20
		case 'G':
			shift = 30
		}
		if shift != 0 {
			digits = text[:len(text)-1]
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n > (1<<62)>>shift {
		return 0, fmt.Errorf("%q is not a cache size", clip(text))
	}
	if n == 0 {
		return Unknown, nil
	}
	return int64(n) << shift, nil
}

// readSpeeds reads capacities and maximum frequencies, once for each core.
func (s *sysfs) readSpeeds() {
	s.perCore("cpu_capacity", func(c *CPU) *int { return &c.Capacity })
	s.perCore("cpufreq/cpuinfo_max_freq", func(c *CPU) *int { return &c.MaxKHz })
}

// perCore reads a positive number for the first CPU of each core and copies it
// to the siblings.
func (s *sysfs) perCore(file string, field func(*CPU) *int) {
	byCore := map[int]int{}
	missing := 0
	for i := range s.t.CPUs {
		c := &s.t.CPUs[i]
		if !c.Online {
			continue
		}
		v, ok := byCore[c.Core]
		if !ok {
			// Eight cores without the file: the machine does not have it.
			if len(byCore) == 0 && missing >= 8 {
				return
			}
			if v = s.number(s.cpuPath(c.ID, file)); v <= 0 {
				missing++
				continue
			}
			byCore[c.Core] = v
		}
		*field(c) = v
	}
}

// number reads a decimal number, or Unknown.
func (s *sysfs) number(name string) int {
	text, err := s.text(name)
	if err != nil {
		s.bad(name, err)
		return Unknown
	}
	n, err := strconv.ParseInt(trimKernel(text), 10, 32)
	if err != nil {
		s.warn("W-BAD-FILE", "%s: %q is not a number", name, clip(trimKernel(text)))
		return Unknown
	}
	return int(n)
}

// readSets reads what the boot parameters and SMT control did to the CPUs.
func (s *sysfs) readSets() {
	if set, ok := s.list(cpuDir + "/nohz_full"); ok && !set.empty() {
		s.t.NohzFull = set.slice()
	}
	if text, err := s.text(cpuDir + "/smt/control"); err == nil {
		s.t.SMT = trimKernel(text)
	}
}
