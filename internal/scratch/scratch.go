// Package scratch keeps what calls of a generic function need while they run, for the
// next call with the same types.
package scratch

import "sync"

// A Shelf keeps values of many types. It may be used by any goroutine at any time.
type Shelf struct {
	mu   sync.Mutex
	kept []any
}

// most is how many values a Shelf keeps.
const most = 64

// Take returns one of the values of type T that are kept, and which are not kept any
// more then, or a new one.
func Take[T any](s *Shelf) *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.kept) - 1; i >= 0; i-- {
		if v, ok := s.kept[i].(*T); ok {
			last := len(s.kept) - 1
			s.kept[i], s.kept[last] = s.kept[last], nil
			s.kept = s.kept[:last]
			return v
		}
	}
	return new(T)
}

// Keep keeps v. The one kept longest makes room.
func Keep[T any](s *Shelf, v *T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) == most {
		s.kept = s.kept[:copy(s.kept, s.kept[1:])]
	}
	s.kept = append(s.kept, v)
}
