// Wordcount counts the words of files by Reduce and prints the most frequent ones.
//
//	go run ./examples/wordcount file...
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/zeropool-go/zeropool"
)

const most = 10

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: wordcount file...")
	}
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(paths []string) error {
	var lines [][]byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines = slices.AppendSeq(lines, bytes.Lines(text))
	}
	pool, err := zeropool.New()
	if err != nil {
		return err
	}
	defer pool.Close()

	counts, err := zeropool.Reduce(pool, lines, nil, addWords, addCounts)
	if err != nil {
		return err
	}
	words := slices.Collect(maps.Keys(counts))
	slices.SortFunc(words, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	out := bufio.NewWriter(os.Stdout)
	for _, w := range words[:min(most, len(words))] {
		fmt.Fprintf(out, "%7d %s\n", counts[w], w)
	}
	return out.Flush()
}

// addWords is the fold. It makes the map itself: all blocks begin with the same zero,
// which is nil.
func addWords(counts map[string]int, line *[]byte) map[string]int {
	if counts == nil {
		counts = make(map[string]int)
	}
	for word := range bytes.FieldsFuncSeq(*line, notLetter) {
		counts[strings.ToLower(string(word))]++
	}
	return counts
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// addCounts is the merge. A block without a word has no map.
func addCounts(left, right map[string]int) map[string]int {
	if left == nil {
		return right
	}
	for word, n := range right {
		left[word] += n
	}
	return left
}
