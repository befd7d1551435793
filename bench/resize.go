package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	_ "image/gif" // formats that are decoded
	_ "image/jpeg"
	_ "image/png"
	"os"
	"regexp"

	"golang.org/x/image/draw"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// pictures are the formats that are read.
var pictures = []string{".png", ".jpeg", ".gif"}

// widths are those of the thumbnails that are made of each picture.
var widths = []int{320, 160, 80, 40}

// smallest is the least width of a picture worth a thumbnail.
const smallest = 100

// picture is one thumbnail to be made.
type picture struct {
	from  image.Image // all are pointers, so pictures can be compared
	width int
	sum   [sha256.Size]byte // of the thumbnail
}

// thumbnail is a task: it scales the picture and hashes the outcome.
func thumbnail(p *picture) {
	b := p.from.Bounds()
	to := image.NewRGBA(image.Rect(0, 0, p.width, max(p.width*b.Dy()/b.Dx(), 1)))
	draw.CatmullRom.Scale(to, to.Bounds(), p.from, b, draw.Src, nil)
	p.sum = sha256.Sum256(to.Pix)
}

// decoded returns the thumbnails to be made of the files that hold pictures.
func decoded(list []file) ([]picture, error) {
	var jobs []picture
	for _, f := range list {
		text, err := os.ReadFile(f.path)
		if err != nil {
			return nil, err
		}
		from, _, err := image.Decode(bytes.NewReader(text))
		if err != nil || from.Bounds().Dx() < smallest {
			continue // some of Go's own tests are broken on purpose
		}
		for _, w := range widths {
			jobs = append(jobs, picture{from: from, width: w})
		}
	}
	return jobs, nil
}

func resize(list []file, names *regexp.Regexp) (bench.Workload, error) {
	jobs, err := decoded(withSuffix(list, pictures...))
	if err != nil {
		return bench.Workload{}, err
	}
	title := fmt.Sprintf("%d thumbnails of %d pictures of the Go tree, %d to %d pixels wide, with golang.org/x/image", len(jobs), len(jobs)/len(widths), widths[len(widths)-1], widths[0])
	return real("resize", title, jobs, names, thumbnail, func([]picture) error { return nil }), nil
}
