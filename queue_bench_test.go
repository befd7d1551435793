package zeropool

import (
	"runtime"
	"sync"
	"testing"
)

// BenchmarkQueue measures a push and a take of a lane's bare primitives, beside a
// channel: by one goroutine, and from an owner to a thief that stays attached.
func BenchmarkQueue(b *testing.B) {
	const capacity = 1024
	for _, im := range implementations() {
		b.Run("alone/"+im.name, func(b *testing.B) {
			q := newTestLane(im, capacity, testStart{})
			for b.Loop() {
				key, _ := q.push(b, 0, 0)
				q.end(q.takeMine(key))
			}
		})
	}
	b.Run("alone/channel", func(b *testing.B) {
		c := make(chan Task, capacity)
		for b.Loop() {
			c <- Task{}
			<-c
		}
	})
	for _, im := range implementations() {
		b.Run("stolen/"+im.name, func(b *testing.B) {
			q := newTestLane(im, capacity, testStart{})
			if !q.attach(true) {
				b.Fatal("cannot attach")
			}
			n := b.N
			var wg sync.WaitGroup
			wg.Go(func() {
				for n > 0 {
					s, key, ok := q.find(false)
					if !ok || !q.takeByCAS(s, key) {
						runtime.Gosched()
						continue
					}
					q.end(key | taken)
					n--
				}
			})
			for range b.N {
				for {
					if _, ok := q.push(b, 0, 0); ok {
						break
					}
					runtime.Gosched()
				}
			}
			wg.Wait()
			q.detach()
		})
	}
	b.Run("stolen/channel", func(b *testing.B) {
		c := make(chan Task, capacity)
		var wg sync.WaitGroup
		wg.Go(func() {
			for range c {
			}
		})
		for range b.N {
			c <- Task{}
		}
		close(c)
		wg.Wait()
	})
}
