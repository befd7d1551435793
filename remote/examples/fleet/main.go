// Command fleet starts three worker processes and submits to them: it counts the
// words of files, in whatever process has a free slot.
//
//	go run ./examples/fleet FILE...
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/remote"
)

type document struct{ Path string }

type answer struct {
	Words  int
	Worker int // the process that counted
}

var countWords = remote.Define("words@v1", func(_ context.Context, d *document) (answer, error) {
	text, err := os.ReadFile(d.Path)
	return answer{len(bytes.Fields(text)), os.Getpid()}, err
})

func main() {
	if len(os.Args) == 1 || os.Args[1] == "-h" {
		log.Fatal("usage: fleet FILE...")
	}
	var err error
	if len(os.Args) == 3 && os.Args[1] == "worker" {
		err = work(os.Args[2])
	} else {
		err = submit(os.Args[1:], os.Stdout)
	}
	if err != nil {
		log.Fatal("fleet: ", err)
	}
}

// work serves the function until its standard input ends, which it does with the
// process that started it.
func work(url string) error {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	eng, err := remote.Connect(nc)
	if err != nil {
		return err
	}
	pool, err := zeropool.New()
	if err != nil {
		return err
	}
	defer pool.Close()
	srv, err := remote.Serve(eng, pool, countWords)
	if err != nil {
		return err
	}
	io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return srv.Shutdown(ctx)
}

// submit has the files counted. The server runs in this process, and the workers
// connect to it.
func submit(paths []string, out io.Writer) error {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	eng, err := remote.Embedded(dir, remote.Listen("127.0.0.1:0"))
	if err != nil {
		return err
	}
	defer eng.Close()
	for range 3 {
		worker := exec.Command(os.Args[0], "worker", eng.URL())
		worker.Stderr = os.Stderr
		stdin, err := worker.StdinPipe()
		if err != nil {
			return err
		}
		if err := worker.Start(); err != nil {
			return err
		}
		defer worker.Wait()
		defer stdin.Close()
	}
	documents := make([]document, len(paths))
	for i, p := range paths {
		documents[i].Path = p
	}
	fs, err := countWords.SubmitBatch(ctx, eng, documents, remote.PerMessage(4))
	if err != nil {
		return err
	}
	for i, f := range fs {
		a, err := f.Wait(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%8d words, by process %d: %s\n", a.Words, a.Worker, paths[i])
	}
	return nil
}
