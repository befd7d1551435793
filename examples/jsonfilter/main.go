// Jsonfilter copies the lines of its input that are JSON objects in which a field has
// a value, in their order. It reads and checks blocks of lines at the same time, never
// more than a few, however long the input is. A line that is no JSON object stops it.
//
//	go run ./examples/jsonfilter field value < input.jsonl
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/zeropool-go/zeropool"
)

const blockLines = 256

// A block is the params of a task.
type block struct {
	field, value string
	first        int // number of the first line
	lines        [][]byte
	kept         bytes.Buffer
}

func (b *block) filter() error {
	for i, line := range b.lines {
		var object map[string]any
		if err := json.Unmarshal(line, &object); err != nil {
			return fmt.Errorf("line %d: %w", b.first+i, err)
		}
		if v, ok := object[b.field]; ok && fmt.Sprint(v) == b.value {
			b.kept.Write(append(line, '\n'))
		}
	}
	return nil
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: jsonfilter field value < input")
	}
	if err := run(os.Stdin, os.Stdout, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(in io.Reader, out io.Writer, field, value string) error {
	pool, err := zeropool.New()
	if err != nil {
		return err
	}
	defer pool.Close()
	// At most as many blocks at a time as there are workers: the limit bounds what
	// runs. A round of a few times as many bounds the memory.
	limit := pool.Workers()
	round := 8 * limit
	group := pool.NewGroup()
	group.SetLimit(limit)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for next, more := 1, true; more; {
		var blocks []*block
		for len(blocks) < round && more {
			b := &block{field: field, value: value, first: next}
			for len(b.lines) < blockLines {
				if more = lines.Scan(); !more {
					break
				}
				b.lines = append(b.lines, bytes.Clone(lines.Bytes()))
			}
			next += len(b.lines)
			blocks = append(blocks, b)
			zeropool.SubmitErrTo(group, b, (*block).filter)
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for _, b := range blocks {
			if _, err := b.kept.WriteTo(out); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}
