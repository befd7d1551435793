// Thumbnails shrinks pictures to an eighth of their size and prints how much it
// allocated for each. The pixels of the next round go into the memory of the last one,
// so that after the first round nothing is allocated: neither for pixels nor for tasks.
//
//	go run ./examples/thumbnails [rounds]
package main

import (
	"fmt"
	"image"
	"log"
	"os"
	"runtime"
	"strconv"

	"github.com/zeropool-go/zeropool"
)

const (
	pictures = 16
	size     = 512
	factor   = 8
)

// A job is the params of a task: both pictures belong to it for all rounds.
type job struct {
	seed       uint32
	full, thum *image.Gray
}

// fill stands for reading a picture.
func (j *job) fill() {
	x := j.seed
	for i := range j.full.Pix {
		x = x*1664525 + 1013904223
		j.full.Pix[i] = byte(x >> 24)
	}
}

// shrink stores the mean of each square of pixels.
func (j *job) shrink() {
	for y := range size / factor {
		for x := range size / factor {
			sum := 0
			for dy := range factor {
				row := j.full.Pix[(y*factor+dy)*j.full.Stride+x*factor:]
				for _, p := range row[:factor] {
					sum += int(p)
				}
			}
			j.thum.Pix[y*j.thum.Stride+x] = byte(sum / (factor * factor))
		}
	}
}

func (j *job) run() {
	j.fill()
	j.shrink()
	j.seed++
}

func main() {
	rounds := 20
	if len(os.Args) > 1 {
		n, err := strconv.Atoi(os.Args[1])
		if err != nil || n < 1 {
			log.Fatalf("%q is not a number of rounds", os.Args[1])
		}
		rounds = n
	}
	if err := run(rounds); err != nil {
		log.Fatal(err)
	}
}

func run(rounds int) error {
	pool, err := zeropool.New()
	if err != nil {
		return err
	}
	defer pool.Close()
	jobs := make([]job, pictures)
	for i := range jobs {
		jobs[i] = job{
			seed: uint32(i),
			full: image.NewGray(image.Rect(0, 0, size, size)),
			thum: image.NewGray(image.Rect(0, 0, size/factor, size/factor)),
		}
	}
	var before, after runtime.MemStats
	for round := range rounds {
		if round == 1 {
			runtime.ReadMemStats(&before)
		}
		if err := zeropool.ForEach(pool, jobs, (*job).run); err != nil {
			return err
		}
	}
	runtime.ReadMemStats(&after)
	fmt.Printf("%d pictures\n", rounds*pictures)
	if rounds > 1 {
		fmt.Fprintf(os.Stderr, "%.2f allocations for each after the first round\n",
			float64(after.Mallocs-before.Mallocs)/float64((rounds-1)*pictures))
	}
	return nil
}
