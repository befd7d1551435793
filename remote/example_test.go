package remote_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/remote"
)

type text struct{ Words string }

type count struct{ Words, Letters int }

// countWords is a function that any process may run that is built with it. The
// name carries the version.
var countWords = remote.Define("count@v1", func(ctx context.Context, t *text) (count, error) {
	if t.Words == "" {
		// Another try would not help.
		return count{}, remote.Permanent(errors.New("there is nothing to count"))
	}
	return count{len(strings.Fields(t.Words)), len(t.Words)}, nil
})

// One process: the server, the worker and the submitter are the same program.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	eng, err := remote.Embedded(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	pool, err := zeropool.New()
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	srv, err := remote.Serve(eng, pool, remote.Slots(2*pool.Workers()), countWords)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Shutdown(ctx)

	f, err := countWords.Submit(ctx, eng, &text{"to be or not to be"}, remote.ID("hamlet"))
	if err != nil {
		log.Fatal(err)
	}
	c, err := f.Wait(ctx)
	fmt.Println(c, err)

	// Many params in one message.
	fs, err := countWords.SubmitBatch(ctx, eng, []text{{"one"}, {"and two"}, {"and a third"}})
	if err != nil {
		log.Fatal(err)
	}
	counts, err := fs.Wait(ctx)
	fmt.Println(counts, err)

	// A task that fails for good has a dead letter.
	f, err = countWords.Submit(ctx, eng, &text{}, remote.ID("nothing"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = f.Wait(ctx)
	if d, ok := errors.AsType[*remote.DeadLetter](err); ok {
		fmt.Println(d.ID, d.Failures, d.Reason)
	}
	// Output:
	// {6 18} <nil>
	// [{1 3} {2 7} {3 11}] <nil>
	// nothing 1 there is nothing to count
}

// A cluster, or one server that runs anyway: the connection is made by the program,
// and nothing else changes.
func ExampleConnect() {
	nc, err := nats.Connect("nats://one:4222,nats://two:4222,nats://three:4222",
		nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	eng, err := remote.Connect(nc, remote.Stream("jobs"), remote.Replicas(3))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(eng.URL())
}

// The ID of the task makes an effect outside of the result idempotent.
func ExampleTaskOf() {
	remote.Define("mail@v1", func(ctx context.Context, address *string) (bool, error) {
		task := remote.TaskOf(ctx)
		return true, send(*address, "Message-ID: "+task.ID)
	})
}

func send(address, header string) error { return nil }

// A worker leaves in good order: it finishes what it has begun, for as long as the
// context lasts; what is left goes to other workers.
func ExampleServer_Shutdown() {
	var eng *remote.Engine
	srv, err := remote.Serve(eng, zeropool.Default(), countWords)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		log.Print(err)
	}
}
