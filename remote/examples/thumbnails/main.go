// Command thumbnails makes small versions of the pictures below a directory, spread
// over three processes. A picture that is too broken for its worker's memory takes
// only that worker with it, and running the command again makes only what is
// missing.
//
//	go run ./examples/thumbnails [-width 160] [-store DIR] PICTURES THUMBNAILS
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	_ "image/gif" // formats that are decoded
	_ "image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/image/draw"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/remote"
)

// picture is the params: paths, because all processes see the same files.
// Otherwise the bytes would be in it, up to 960 KiB.
type picture struct {
	From, To string
	Width    int
}

type size struct{ Width, Height int }

var thumbnail = remote.Define("thumbnail@v1", func(_ context.Context, p *picture) (size, error) {
	text, err := os.ReadFile(p.From)
	if err != nil {
		return size{}, err
	}
	from, _, err := image.Decode(bytes.NewReader(text))
	if err != nil {
		return size{}, remote.Permanent(fmt.Errorf("%s: %w", p.From, err))
	}
	b := from.Bounds()
	to := image.NewRGBA(image.Rect(0, 0, p.Width, max(p.Width*b.Dy()/max(b.Dx(), 1), 1)))
	draw.CatmullRom.Scale(to, to.Bounds(), from, b, draw.Src, nil)
	var out bytes.Buffer
	if err := png.Encode(&out, to); err != nil {
		return size{}, err
	}
	// The same task may run twice at a time: each writes its own file, and the name
	// shows a whole one.
	dir := filepath.Dir(p.To)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return size{}, err
	}
	f, err := os.CreateTemp(dir, ".thumbnail-*")
	if err != nil {
		return size{}, err
	}
	_, err = f.Write(out.Bytes())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), p.To)
	}
	if err != nil {
		return size{}, errors.Join(err, os.Remove(f.Name()))
	}
	return size{to.Rect.Dx(), to.Rect.Dy()}, nil
})

func main() {
	if len(os.Args) == 3 && os.Args[1] == "worker" {
		if err := work(os.Args[2]); err != nil {
			log.Fatal("thumbnails: worker: ", err)
		}
		return
	}
	width := flag.Int("width", 160, "the width of a thumbnail in pixels")
	store := flag.String("store", "", "where the tasks and results are kept; a temporary directory if empty")
	flag.Parse()
	if flag.NArg() != 2 || *width < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := submit(flag.Arg(0), flag.Arg(1), *store, *width, os.Stdout); err != nil {
		log.Fatal("thumbnails: ", err)
	}
}

func work(url string) error {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	eng, err := remote.Connect(nc, remote.Stream("thumbnails"))
	if err != nil {
		return err
	}
	pool, err := zeropool.New()
	if err != nil {
		return err
	}
	defer pool.Close()
	srv, err := remote.Serve(eng, pool, thumbnail)
	if err != nil {
		return err
	}
	io.Copy(io.Discard, os.Stdin) // ends with the process that started this one
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return srv.Shutdown(ctx)
}

// pictures lists what is to be done.
func pictures(from, to string, width int) ([]picture, error) {
	var list []picture
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".png", ".jpg", ".jpeg", ".gif":
			name, err := filepath.Rel(from, path)
			list = append(list, picture{path, filepath.Join(to, name+".png"), width})
			return err
		}
		return nil
	})
	return list, err
}

func submit(from, to, store string, width int, out io.Writer) error {
	ctx := context.Background()
	from, err := filepath.Abs(from)
	if err == nil {
		to, err = filepath.Abs(to)
	}
	if err != nil {
		return err
	}
	list, err := pictures(from, to, width)
	if err != nil {
		return err
	}
	if store == "" {
		if store, err = os.MkdirTemp("", "thumbnails"); err != nil {
			return err
		}
		defer os.RemoveAll(store)
	}
	eng, err := remote.Embedded(store, remote.Stream("thumbnails"), remote.Listen("127.0.0.1:0"))
	if err != nil {
		return err
	}
	defer eng.Close()
	for range 3 {
		worker := exec.Command(os.Args[0], "worker", eng.URL())
		worker.Stderr = os.Stderr
		stdin, err := worker.StdinPipe()
		if err != nil {
			return err
		}
		if err := worker.Start(); err != nil {
			return err
		}
		defer worker.Wait()
		defer stdin.Close()
	}
	// A picture is a task of its own: it takes long enough for the hop.
	futures := make(remote.Futures[size], len(list))
	for i := range list {
		id := remote.ID(fmt.Sprintf("%s %d", list[i].To, width))
		if futures[i], err = thumbnail.Submit(ctx, eng, &list[i], id); err != nil {
			return err
		}
	}
	made := 0
	for _, f := range futures {
		_, err := f.Wait(ctx)
		if d, dead := errors.AsType[*remote.DeadLetter](err); dead {
			fmt.Fprintln(out, "not made:", d.Reason)
			continue
		}
		if err != nil {
			return err
		}
		made++
	}
	fmt.Fprintf(out, "%d of %d thumbnails are in %s\n", made, len(list), to)
	return nil
}
