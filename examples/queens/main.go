// Queens counts the ways to place n queens on an n by n board so that none attacks
// another. The search forks by Join near its root and goes on serially below.
//
//	go run ./examples/queens [n]
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/zeropool-go/zeropool"
)

// forks is how many rows of the board are searched in parallel.
const forks = 4

// A node is a board filled from the top: bits of columns and diagonals under attack in
// the next row, and the columns there that are still to be tried.
type node struct {
	pool             *zeropool.Pool
	row, n           int
	columns, up, low uint
	try              uint
	count            int
}

func (b *node) free() uint { return ^(b.columns | b.up | b.low) & (1<<b.n - 1) }

func (b *node) place(bit uint) node {
	next := node{pool: b.pool, row: b.row + 1, n: b.n,
		columns: b.columns | bit, up: (b.up | bit) << 1, low: (b.low | bit) >> 1}
	next.try = next.free()
	return next
}

// search counts the solutions whose queen in this row is in one of the columns to try.
func (b *node) search() {
	switch {
	case b.row == b.n:
		b.count = 1
	case b.try == 0:
	case b.row >= forks:
		for b.try != 0 {
			bit := b.try & -b.try
			b.try ^= bit
			next := b.place(bit)
			next.search()
			b.count += next.count
		}
	default:
		// The first column here, the others in a sibling.
		bit := b.try & -b.try
		first, others := b.place(bit), *b
		others.try ^= bit
		if err := zeropool.Join(b.pool, &first, (*node).search, &others, (*node).search); err != nil {
			panic(err)
		}
		b.count = first.count + others.count
	}
}

func main() {
	n := 12
	if len(os.Args) > 1 {
		var err error
		if n, err = strconv.Atoi(os.Args[1]); err != nil || n < 1 || n > 20 {
			log.Fatalf("%q is not a size from 1 to 20", os.Args[1])
		}
	}
	pool, err := zeropool.New()
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	root := node{pool: pool, n: n}
	root.try = root.free()
	root.search()
	fmt.Printf("%d queens: %d solutions\n", n, root.count)
}
