package bench

import (
	"fmt"
	"math/bits"
	"sync"

	"github.com/zeropool-go/zeropool"
)

const (
	boardSize = 11
	// queensCut is the number of rows that are searched without forks.
	queensCut = 5
	solutions = 2680
)

// A board is the params of a task that counts in how many ways queens can be
// placed on the rows that are left: the columns that are taken, straight and
// along both diagonals, as bits.
type board struct {
	straight, left, right uint32
	rows                  int
	found                 int
}

// free returns the columns of the next row that are not attacked.
func (b board) free() uint32 { return (1<<boardSize - 1) &^ (b.straight | b.left | b.right) }

// with places a queen on a column of the next row.
func (b board) with(column uint32) board {
	return board{straight: b.straight | column, left: (b.left | column) << 1, right: (b.right | column) >> 1, rows: b.rows - 1}
}

// next returns the boards with one more queen.
func (b board) next() []board {
	free := b.free()
	boards := make([]board, 0, bits.OnesCount32(free))
	for ; free != 0; free &= free - 1 {
		boards = append(boards, b.with(free&-free))
	}
	return boards
}

// search is the count without forks.
func (b board) search() int {
	if b.rows == 0 {
		return 1
	}
	n := 0
	for free := b.free(); free != 0; free &= free - 1 {
		n += b.with(free & -free).search()
	}
	return n
}

func searchBoard(b *board) { b.found = b.search() }

// searchForks returns the function that submits a task for each board with one
// more queen.
func searchForks(p *zeropool.Pool) func(b *board) {
	var fork func(b *board)
	fork = func(b *board) {
		if b.rows <= queensCut {
			searchBoard(b)
			return
		}
		next := b.next()
		var futures [boardSize]zeropool.Future
		for i := range next {
			futures[i] = zeropool.Submit(p, &next[i], fork)
		}
		b.found = 0
		for i := range next {
			must(futures[i].Wait())
			b.found += next[i].found
		}
	}
	return fork
}

// searchSpawns starts a goroutine for each.
func searchSpawns(b *board) {
	if b.rows <= queensCut {
		searchBoard(b)
		return
	}
	next := b.next()
	var done sync.WaitGroup
	for i := range next {
		done.Go(func() { searchSpawns(&next[i]) })
	}
	done.Wait()
	b.found = 0
	for i := range next {
		b.found += next[i].found
	}
}

// queensTasks returns the number of tasks that a search submits.
var queensTasks = sync.OnceValue(func() int {
	var count func(b board) int
	count = func(b board) int {
		if b.rows <= queensCut {
			return 0
		}
		n := 0
		for _, next := range b.next() {
			n += 1 + count(next)
		}
		return n
	}
	return count(board{rows: boardSize})
})

// nQueens is a tree of forks that is as irregular as a search is.
func nQueens() Workload {
	return Workload{
		Name:    "n-queens",
		Title:   fmt.Sprintf("%d queens, a task for each place on the first %d rows: time per task, of %s", boardSize, boardSize-queensCut, thousands(queensTasks())),
		Tasks:   queensTasks(),
		Heavy:   true,
		Further: true,
		Variants: func(e *Env) []Variant {
			by := func(search func(b *board)) Instance {
				root := new(board)
				op := func() {
					*root = board{rows: boardSize}
					search(root)
				}
				return Instance{Op: op, Verify: func() error {
					if op(); root.found != solutions {
						return fmt.Errorf("%d solutions of %d were found", root.found, solutions)
					}
					return nil
				}}
			}
			return []Variant{
				{Ours, e.Pool(func(p *zeropool.Pool) Instance { return by(searchForks(p)) })},
				{Calls, plain(by(searchBoard))},
				{Goroutines, plain(by(searchSpawns))},
			}
		},
	}
}
