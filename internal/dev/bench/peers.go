package bench

import (
	"runtime/debug"
	"sync"
)

// A Peer is another way to run tasks that take a *T: a pool of somebody else,
// or plain Go.
type Peer[T any] struct {
	Name  string
	Start func(e *Env) (*Runner[T], error)

	OneSubmitter bool // only one goroutine may submit at a time to what Start started

	// Shared starts what several goroutines may submit to; nil: Start does,
	// unless the peer has OneSubmitter.
	Shared func(e *Env) (*Runner[T], error)
}

// sharable returns the peers that several goroutines may submit to.
func sharable[T any](peers []Peer[T]) []Peer[T] {
	var s []Peer[T]
	for _, p := range peers {
		if p.Shared != nil {
			p.Start = p.Shared
		} else if p.OneSubmitter {
			continue
		}
		s = append(s, p)
	}
	return s
}

// A Runner is a peer that has been started.
type Runner[T any] struct {
	// Each submits one task for each element, one by one, and waits for all.
	// Unless the peer has OneSubmitter, several goroutines may call it at a time.
	Each func(params []T, fn func(*T))

	// All is what the peer has for many tasks at a time; nil: it has nothing,
	// and Each is used.
	All func(params []T, fn func(*T))

	// Submit submits one task and returns how to wait for it. It is not called
	// again before that wait.
	Submit func(params *T, fn func(*T)) (wait func())

	// Do is Submit with its wait, where the peer has that in one; may be nil.
	Do func(params *T, fn func(*T))

	// Wake and Rest surround each turn of a peer whose workers poll, so that
	// they do not take the CPUs from the others; nil: there is no need.
	Wake, Rest func()

	Stop func()
}

// wake and rest surround a turn.
func (r *Runner[T]) wake() {
	if r.Wake != nil {
		r.Wake()
	}
}

func (r *Runner[T]) rest() {
	if r.Rest != nil {
		r.Rest()
	}
}

// DoAll does one task for each element, by All if the peer has it.
func (r *Runner[T]) DoAll(params []T, fn func(*T)) {
	if r.All != nil {
		r.All(params, fn)
		return
	}
	r.Each(params, fn)
}

func (r *Runner[T]) do(params *T, fn func(*T)) {
	if r.Do != nil {
		r.Do(params, fn)
		return
	}
	r.Submit(params, fn)()
}

// Peers are further ways to do the workloads of this package.
type Peers struct {
	Cells  []Peer[Cell]
	Spins  []Peer[Spin]
	Stamps []Peer[Stamp]
	Spans  []Peer[Span]
}

// The params of this package's tasks, which peers are made for.
type (
	Cell  = cell
	Spin  = spin
	Stamp = stamp
	Span  = span
)

// variant makes the variant that does a workload by the peer.
func (p Peer[T]) variant(e *Env, instance func(r *Runner[T]) Instance) Variant {
	return Variant{p.Name, func() (Instance, error) {
		r, err := p.Start(e)
		if err != nil {
			return Instance{}, err
		}
		i := instance(r)
		i.Wake, i.Rest, i.Stop = r.Wake, r.Rest, r.Stop
		return i, nil
	}}
}

// ByPeers makes the variants that do a workload by each of the peers.
func ByPeers[T any](e *Env, peers []Peer[T], instance func(r *Runner[T]) Instance) []Variant {
	var variants []Variant
	for _, p := range peers {
		variants = append(variants, p.variant(e, instance))
	}
	return variants
}

// Baselines returns the peers that are plain Go.
func Baselines[T any]() []Peer[T] {
	return []Peer[T]{channelPeer[T](), goroutinePeer[T](), chunkPeer[T](), serialPeer[T]()}
}

func channelPeer[T any]() Peer[T] {
	return Peer[T]{Name: Channel, Start: func(e *Env) (*Runner[T], error) {
		p := newChanPool[T](e.Workers)
		var one sync.WaitGroup
		wait := one.Wait
		return &Runner[T]{
			Each: func(params []T, fn func(*T)) {
				var done sync.WaitGroup
				p.each(params, fn, &done)
				done.Wait()
			},
			Submit: func(params *T, fn func(*T)) func() {
				p.submit(params, fn, &one)
				return wait
			},
			Stop: p.stop,
		}, nil
	}}
}

func goroutinePeer[T any]() Peer[T] {
	return Peer[T]{Name: Goroutines, Start: func(*Env) (*Runner[T], error) {
		var one sync.WaitGroup
		wait := one.Wait
		return &Runner[T]{
			Each: func(params []T, fn func(*T)) {
				var done sync.WaitGroup
				goEach(params, fn, &done)
				done.Wait()
			},
			Submit: func(params *T, fn func(*T)) func() {
				one.Go(func() { fn(params) })
				return wait
			},
			Stop: func() {},
		}, nil
	}}
}

func chunkPeer[T any]() Peer[T] {
	return plainPeer(Chunks, func(e *Env, params []T, fn func(*T)) { goChunks(params, fn, e.CPUs) })
}

func serialPeer[T any]() Peer[T] {
	return plainPeer(Serial, func(_ *Env, params []T, fn func(*T)) { serialLoop(params, fn) })
}

// plainPeer is a peer that needs nothing to be started.
func plainPeer[T any](name string, each func(e *Env, params []T, fn func(*T))) Peer[T] {
	return Peer[T]{Name: name, Start: func(e *Env) (*Runner[T], error) {
		return &Runner[T]{
			Each: func(params []T, fn func(*T)) { each(e, params, fn) },
			Stop: func() {},
		}, nil
	}}
}

// PeerInfo says what a peer is.
type PeerInfo struct {
	Name    string `json:"name"`
	Module  string `json:"module"`
	Version string `json:"version"` // as linked in, or "unknown"
	How     string `json:"how"`     // configuration, and how its tasks are waited for
}

// ModuleVersion returns the version of a module that the program was built with.
func ModuleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "unknown"
}
