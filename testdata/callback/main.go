// Command callback submits in functions that C calls, on threads of Go and of C,
// and ends with status 0 if every task has run once.
package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>

extern void submit(void);

static void *many(void *unused) {
	for (int i = 0; i < 1000; i++)
		submit();
	return unused;
}

static void here(void) { many(0); }

static int elsewhere(void) {
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], 0, many, 0) != 0)
			return 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], 0);
	return 0;
}
*/
import "C"

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/zeropool-go/zeropool"
)

var (
	pool *zeropool.Pool
	runs atomic.Int64
)

//export submit
func submit() {
	zeropool.Submit(pool, &runs, func(runs *atomic.Int64) { runs.Add(1) }).Wait()
}

func main() {
	var err error
	if pool, err = zeropool.New(zeropool.WithWorkers(1)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	C.here()
	if C.elsewhere() != 0 {
		fmt.Println("no threads")
		os.Exit(1)
	}
	if err := pool.Close(); err != nil || runs.Load() != 5000 {
		fmt.Println(err, runs.Load())
		os.Exit(1)
	}
}
