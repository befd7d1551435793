module github.com/zeropool-go/zeropool/bench

go 1.26.0

replace github.com/zeropool-go/zeropool => ../

require (
	github.com/Jeffail/tunny v0.1.4
	github.com/alitto/pond/v2 v2.7.1
	github.com/bytedance/gopkg v0.1.4
	github.com/gammazero/workerpool v1.3.0
	github.com/panjf2000/ants/v2 v2.12.1
	github.com/puzpuzpuz/xsync/v4 v4.5.0
	github.com/smarty/go-disruptor v0.5.0
	github.com/sourcegraph/conc v0.3.0
	github.com/zeropool-go/zeropool v0.0.0-00010101000000-000000000000
	golang.org/x/image v0.47.0
	golang.org/x/sync v0.24.0
)

require (
	github.com/gammazero/deque v1.2.2 // indirect
	github.com/klauspost/cpuid/v2 v2.4.2 // indirect
	go.uber.org/atomic v1.7.0 // indirect
	go.uber.org/multierr v1.9.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
