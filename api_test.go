package zeropool_test

import (
	"context"
	"io/fs"
	"time"
	"unsafe"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// The public API is a contract: what stands here must go on compiling.
var (
	_ func(...zeropool.Option) (*zeropool.Pool, error)                                              = zeropool.New
	_ func() *zeropool.Pool                                                                         = zeropool.Default
	_ func(*zeropool.Pool) error                                                                    = (*zeropool.Pool).Close
	_ func(*zeropool.Pool, context.Context) error                                                   = (*zeropool.Pool).Shutdown
	_ func(*zeropool.Pool) int                                                                      = (*zeropool.Pool).Workers
	_ func(*zeropool.Pool) topology.Plan                                                            = (*zeropool.Pool).Plan
	_ func(*zeropool.Pool) zeropool.Stats                                                           = (*zeropool.Pool).Stats
	_ func(*zeropool.Pool, *int, func(*int)) zeropool.Future                                        = zeropool.Submit[int]
	_ func(*zeropool.Pool, *int, func(*int)) (zeropool.Future, bool)                                = zeropool.TrySubmit[int]
	_ func(*zeropool.Pool, []int, func(*int)) zeropool.Future                                       = zeropool.SubmitBatch[int]
	_ func(*int, func(*int)) zeropool.Task                                                          = zeropool.Bind[int]
	_ func(*zeropool.Pool, []zeropool.Task) zeropool.Future                                         = (*zeropool.Pool).SubmitMixed
	_ func(*zeropool.Pool, func()) zeropool.Future                                                  = (*zeropool.Pool).Go
	_ func(*zeropool.Pool, []int, func(*int)) error                                                 = zeropool.ForEach[int]
	_ func(*zeropool.Pool, int, func(lo, hi int)) error                                             = (*zeropool.Pool).For
	_ func(*zeropool.Pool) *zeropool.Group                                                          = (*zeropool.Pool).NewGroup
	_ func(*zeropool.Group, *int, func(*int))                                                       = zeropool.SubmitTo[int]
	_ func(*zeropool.Group, func())                                                                 = (*zeropool.Group).Go
	_ func(*zeropool.Group) error                                                                   = (*zeropool.Group).Wait
	_ func(*zeropool.Group, context.Context) error                                                  = (*zeropool.Group).WaitContext
	_ func(zeropool.Future) error                                                                   = zeropool.Future.Wait
	_ func(zeropool.Future, context.Context) error                                                  = zeropool.Future.WaitContext
	_ func(zeropool.Future, time.Duration) error                                                    = zeropool.Future.WaitTimeout
	_ func(zeropool.Future) bool                                                                    = zeropool.Future.Done
	_ func(zeropool.Future) int                                                                     = zeropool.Future.Cancel
	_ func(zeropool.Future) (done, total int)                                                       = zeropool.Future.Progress
	_ error                                                                                         = (*zeropool.PanicError)(nil)
	_ interface{ Unwrap() error }                                                                   = (*zeropool.PanicError)(nil)
	_                                                                                               = []error{zeropool.ErrClosed, zeropool.ErrCanceled, zeropool.ErrFull, zeropool.ErrGoexit, zeropool.ErrInTask, zeropool.ErrOwnGroup}
	_ func(int) zeropool.Option                                                                     = zeropool.WithWorkers
	_ func(topology.Placement) zeropool.Option                                                      = zeropool.WithPlacement
	_ func(...int) zeropool.Option                                                                  = zeropool.WithCPUs
	_ func(int) zeropool.Option                                                                     = zeropool.WithQueueCapacity
	_ func(zeropool.WhenFull) zeropool.Option                                                       = zeropool.WithWhenFull
	_ func(func(*zeropool.PanicError)) zeropool.Option                                              = zeropool.WithPanicHandler
	_ func(string) zeropool.Option                                                                  = zeropool.WithName
	_ func(time.Duration) zeropool.Option                                                           = zeropool.WithSpin
	_                                                                                               = []zeropool.WhenFull{zeropool.Help, zeropool.Block, zeropool.Reject}
	_ func() (*topology.Topology, error)                                                            = topology.Detect
	_ func(fs.FS) (*topology.Topology, error)                                                       = topology.Read
	_ func(fs.FS) (*topology.Topology, error)                                                       = topology.ReadCPUID
	_ func(*topology.Topology, topology.Placement, int) topology.Plan                               = (*topology.Topology).Plan
	_                                                                                               = []topology.Placement{topology.PerCore, topology.PerThread, topology.Compact, topology.Scatter, topology.Unpinned}
	_                                                                                               = zeropool.PanicError{Value: any(nil), Stack: []byte(nil)}
	_ func(*zeropool.Pool, *int, func(*int) error) zeropool.Future                                  = zeropool.SubmitErr[int]
	_ func(*zeropool.Group, *int, func(*int) error)                                                 = zeropool.SubmitErrTo[int]
	_ func(*zeropool.Pool, func() error) zeropool.Future                                            = (*zeropool.Pool).GoErr
	_ func(*zeropool.Group, func() error)                                                           = (*zeropool.Group).GoErr
	_ func(context.Context, *zeropool.Pool, []int, func(*int) error) error                          = zeropool.ForEachErr[int]
	_ func(*zeropool.Pool, context.Context, int, func(lo, hi int) error) error                      = (*zeropool.Pool).ForErr
	_ func(*zeropool.Pool, *int, func(*int), *bool, func(*bool)) error                              = zeropool.Join[int, bool]
	_ func(*zeropool.Pool, []int, []bool, func(*int) bool) error                                    = zeropool.Map[int, bool]
	_ func(context.Context, *zeropool.Pool, []int, []bool, func(*int) (bool, error)) error          = zeropool.MapErr[int, bool]
	_ func(*zeropool.Pool, []int, bool, func(bool, *int) bool, func(bool, bool) bool) (bool, error) = zeropool.Reduce[int, bool]
	_ func(*zeropool.Pool, context.Context) (*zeropool.Group, context.Context)                      = (*zeropool.Pool).NewGroupContext
	_ func(*zeropool.Group) int                                                                     = (*zeropool.Group).Cancel
	_ func(*zeropool.Group, int)                                                                    = (*zeropool.Group).SetLimit
	_ func(zeropool.Future) <-chan struct{}                                                         = zeropool.Future.DoneChan
	_ func(*zeropool.Pool) (queued, running int)                                                    = (*zeropool.Pool).Load
	_ func(*zeropool.Pool, func())                                                                  = (*zeropool.Pool).Unpinned
	_ func(zeropool.Pinning) zeropool.Option                                                        = zeropool.WithPinning
	_                                                                                               = topology.Plan{Workers: []topology.Assignment(nil), Excluded: []topology.Exclusion(nil), Warnings: []string(nil)}
)

// A Task is two words: 16 bytes where pointers have 8.
const _ = -(unsafe.Sizeof(zeropool.Task{}) - 2*unsafe.Sizeof(uintptr(0)))
