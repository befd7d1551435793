package zeropoolprom

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

func newPool(t *testing.T, opts ...zeropool.Option) *zeropool.Pool {
	t.Helper()
	p, err := zeropool.New(append(opts, zeropool.WithPanicHandler(func(*zeropool.PanicError) {}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func both(pools ...*zeropool.Pool) *prometheus.Registry {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(NewCollector(pools...), NewWorkerCollector(pools...))
	return r
}

// gather scrapes, and returns the value of each series and the names of those that
// are counters.
func gather(t *testing.T, r *prometheus.Registry) (values map[string]float64, counters map[string]bool) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values, counters = map[string]float64{}, map[string]bool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			if m.GetCounter() != nil {
				counters[key] = true
				values[key] = m.GetCounter().GetValue()
			} else {
				values[key] = m.GetGauge().GetValue()
			}
		}
	}
	return values, counters
}

// Names, help texts and types are what Prometheus's own linter wants.
func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(both(newPool(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Every metric of the contract is there, with the right value for a known load.
func TestValues(t *testing.T) {
	p := newPool(t, zeropool.WithName("a"), zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned), zeropool.WithQueueCapacity(8))
	for range 3 {
		p.Go(func() {}).Wait()
	}
	p.Go(func() { panic("x") }).Wait()
	p.Go(runtime.Goexit).Wait()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	values, _ := gather(t, both(p))
	for series, want := range map[string]float64{
		"zeropool_tasks_submitted_total{pool=a}":                                           5,
		"zeropool_tasks_total{outcome=completed,pool=a}":                                   3,
		"zeropool_tasks_total{outcome=panicked,pool=a}":                                    2,
		"zeropool_tasks_total{outcome=canceled,pool=a}":                                    0,
		"zeropool_tasks_queued{pool=a}":                                                    0,
		"zeropool_tasks_running{pool=a}":                                                   0,
		"zeropool_queue_capacity{pool=a}":                                                  16,
		"zeropool_workers{pool=a}":                                                         2,
		"zeropool_workers_pinned{pool=a}":                                                  0,
		"zeropool_pin_leases_total{pool=a,result=taken}":                                   0,
		"zeropool_pin_leases_total{pool=a,result=refused}":                                 0,
		"zeropool_pin_leases_total{pool=a,result=lost}":                                    0,
		"zeropool_pool_info{placement=unpinned,pool=a,version=" + zeropool.Version() + "}": 1,
		"zeropool_worker_queue_length{pool=a,worker=1}":                                    0,
		"zeropool_worker_info{cpu=none,pool=a,worker=0}":                                   1,
		"zeropool_worker_cpu_seconds_total{pool=a,worker=0}":                               0,
	} {
		if got, ok := values[series]; !ok || got != want {
			t.Errorf("%s is %v (there: %v), want %v", series, got, ok, want)
		}
	}
	for _, series := range []string{"zeropool_tasks_helped_total{pool=a}", "zeropool_tasks_stolen_total{pool=a}", "zeropool_worker_tasks_total{pool=a,worker=0}"} {
		if _, ok := values[series]; !ok {
			t.Errorf("no %s in %v", series, values)
		}
	}
}

// The dashboard, the alerts and the README name no metric that does not exist, and
// the README names each one: a misspelt name would show nothing, without an error.
func TestNamesInFiles(t *testing.T) {
	p := newPool(t)
	descs := make(chan *prometheus.Desc, 100)
	NewCollector(p).Describe(descs)
	NewWorkerCollector(p).Describe(descs)
	close(descs)
	exists := map[string]bool{}
	for d := range descs {
		_, rest, _ := strings.Cut(d.String(), `fqName: "`)
		name, _, _ := strings.Cut(rest, `"`)
		exists[name] = true
	}
	metric := regexp.MustCompile(`\bzeropool_[a-z_]+`)
	for _, file := range []string{"dashboard.json", "alerts.yml", "README.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := metric.FindAllString(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, name := range found {
			if !exists[name] {
				t.Errorf("%s names %s, which does not exist", file, name)
			}
		}
		for name := range exists {
			short := strings.TrimPrefix(name, "zeropool_worker")
			if file == "README.md" && !strings.Contains(string(text), "`"+name) && !strings.Contains(string(text), "`"+short) {
				t.Errorf("%s does not name %s", file, name)
			}
		}
	}
}

// Pools of the same name are told apart, a pool named twice counts once, and a name
// that is no UTF-8 does not break the scrape.
func TestNames(t *testing.T) {
	opts := []zeropool.Option{zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned)}
	a, b := newPool(t, opts...), newPool(t, opts...)
	c := newPool(t, append(opts, zeropool.WithName("\xff"))...)
	values, _ := gather(t, both(a, b, a, c))
	for _, name := range []string{"zeropool", "zeropool#2", "\uFFFD"} {
		if _, ok := values["zeropool_workers{pool="+name+"}"]; !ok {
			t.Errorf("no pool %s", name)
		}
	}
	if _, ok := values["zeropool_workers{pool=zeropool#3}"]; ok {
		t.Error("a pool that was named twice counts twice")
	}
	for what, f := range map[string]func(){"NewCollector": func() { NewCollector(a, nil) }, "NewWorkerCollector": func() { NewWorkerCollector(nil) }} {
		func() {
			defer func() {
				if e := fmt.Sprint(recover()); !strings.Contains(e, what) || !strings.Contains(e, "is nil") {
					t.Errorf("%s with a nil pool: %s", what, e)
				}
			}()
			f()
		}()
	}
}

// Warnings are counted by their id.
func TestWarnings(t *testing.T) {
	p := newPool(t)
	want := map[string]float64{}
	for _, w := range p.Plan().Warnings {
		id, _, _ := strings.Cut(w, " ")
		want["zeropool_plan_warnings{id="+id+",pool=zeropool}"]++
	}
	values, _ := gather(t, both(p))
	maps.DeleteFunc(values, func(k string, _ float64) bool { return !strings.HasPrefix(k, "zeropool_plan_warnings") })
	if !maps.Equal(values, want) {
		t.Errorf("%v, want %v", values, want)
	}
}

// A counter never falls and never goes away, while two scrape at once, workers are
// replaced because tasks call runtime.Goexit, pins come and go, and pools close.
func TestCountersNeverFall(t *testing.T) {
	pools := []*zeropool.Pool{
		newPool(t, zeropool.WithName("lease")),
		newPool(t, zeropool.WithName("hold"), zeropool.WithPinning(zeropool.Hold)),
		newPool(t, zeropool.WithName("small"), zeropool.WithQueueCapacity(2), zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned)),
	}
	r := both(pools...)
	stop := make(chan struct{})
	var scrapers, load sync.WaitGroup
	for range 2 {
		scrapers.Go(func() {
			var before map[string]float64
			for {
				now, counters := gather(t, r)
				for series, n := range before {
					if counters[series] && now[series] < n {
						t.Errorf("%s fell from %v to %v", series, n, now[series])
					}
				}
				maps.DeleteFunc(now, func(series string, _ float64) bool { return !counters[series] })
				for series := range before {
					if _, ok := now[series]; !ok {
						t.Errorf("%s is gone", series)
					}
				}
				before = now
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	for _, p := range pools {
		load.Go(func() {
			xs := make([]int, 300)
			for round := range rounds {
				p.Go(runtime.Goexit).Wait()
				for range 20 {
					p.Go(func() { panic("x") })
				}
				p.Go(func() {
					for range 10 {
						p.Go(func() { panic("nested") })
					}
				})
				// Enough work without a pause for a lease.
				zeropool.SubmitBatch(p, xs, func(x *int) {
					for range 10_000 {
						*x++
					}
				}).Wait()
				p.Go(func() {}).Cancel()
				if round == rounds*3/4 {
					p.Close()
				}
			}
		})
	}
	load.Wait()
	close(stop)
	scrapers.Wait()
	values, _ := gather(t, r)
	for _, p := range pools {
		s := p.Stats().Total
		if n := values["zeropool_tasks_submitted_total{pool="+p.Name()+"}"]; n != float64(s.Submitted) || s.Submitted == 0 || s.Submitted != s.Completed+s.Panicked+s.Canceled {
			t.Errorf("%s: scraped %v, %+v", p.Name(), n, s)
		}
	}
	t.Logf("leases taken: %v", values["zeropool_pin_leases_total{pool=lease,result=taken}"])
}

// What a thread did counts only between two looks that find the same pin.
func TestUsage(t *testing.T) {
	var u usage
	at := func(s sample) func(int) (sample, bool) { return func(int) (sample, bool) { return s, true } }
	steps := []struct {
		what string
		now  pin
		read func(int) (sample, bool)
		want sample
	}{
		{"the first look is where counting begins", pin{7, 1}, at(sample{5, 5, 5}), sample{}},
		{"the same pin", pin{7, 1}, at(sample{6, 7, 8}), sample{1, 2, 3}},
		{"the thread served others in between", pin{7, 2}, at(sample{16, 17, 18}), sample{1, 2, 3}},
		{"the same pin again", pin{7, 2}, at(sample{17, 17, 18}), sample{2, 2, 3}},
		{"not pinned", pin{0, 2}, nil, sample{2, 2, 3}},
		{"pinned again after a look without a pin", pin{7, 2}, at(sample{27, 17, 18}), sample{2, 2, 3}},
		{"another thread has the number", pin{7, 2}, at(sample{1, 1, 1}), sample{2, 2, 3}},
		{"no such thread", pin{7, 2}, func(int) (sample, bool) { return sample{}, false }, sample{2, 2, 3}},
		{"back", pin{7, 2}, at(sample{1, 1, 1}), sample{2, 2, 3}},
	}
	for _, s := range steps {
		if u.update(s.now, s.read); u.total != s.want {
			t.Errorf("%s: %v, want %v", s.what, u.total, s.want)
		}
	}
}

// The kernel's text is read, and text that is something else gives no sample.
func TestParseThread(t *testing.T) {
	const status = "Name:\tx\nvoluntary_ctxt_switches:\t9\nnonvoluntary_ctxt_switches:\t4\n"
	if s, ok := parseThread([]byte("1500000000 2000000000 3\n"), []byte(status)); !ok || s != (sample{1.5, 2, 4}) {
		t.Errorf("%v, %v", s, ok)
	}
	for _, bad := range [][2]string{{"", status}, {"1", status}, {"a b c", status}, {"1 -2 3", status}, {"1 2 3", ""}, {"1 2 3", "\nnonvoluntary_ctxt_switches:\tx\n"}} {
		if s, ok := parseThread([]byte(bad[0]), []byte(bad[1])); ok {
			t.Errorf("%q: %v", bad, s)
		}
	}
	if _, err := os.Stat(filepath.Join("/proc/self/task", fmt.Sprint(os.Getpid()), "schedstat")); err != nil {
		t.Skip("the kernel does not tell")
	}
	if s, ok := readThread(os.Getpid()); !ok || s.cpu < 0 {
		t.Errorf("the first thread: %v, %v", s, ok)
	}
	if _, ok := readThread(-1); ok {
		t.Error("thread -1 was read")
	}
}
