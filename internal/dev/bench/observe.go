package bench

import (
	"io"
	"os"
	"runtime/pprof"
	"runtime/trace"
)

// observed calls measure while the files that were asked for are written: what
// happens in processes of their own is not in them.
func (f *commandFlags) observed(measure func() error) error {
	return recording(f.cpuProfile, pprof.StartCPUProfile, pprof.StopCPUProfile, func() error {
		return recording(f.trace, trace.Start, trace.Stop, measure)
	})
}

// recording calls do between start and stop, which write to the named file; ""
// stands for none.
func recording(file string, start func(io.Writer) error, stop func(), do func() error) (err error) {
	if file == "" {
		return do()
	}
	w, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() {
		if closed := w.Close(); err == nil {
			err = closed
		}
	}()
	if err := start(w); err != nil {
		return err
	}
	defer stop()
	return do()
}
