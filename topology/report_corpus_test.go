package topology_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/report"
	"github.com/zeropool-go/zeropool/topology"
)

// TestCorpusReports draws and writes every capture: pictures are well-formed
// and of bounded size, JSON parses, pages are complete, texts are short.
func TestCorpusReports(t *testing.T) {
	for _, archive := range topology.Captures(t) {
		t.Run(filepath.Base(filepath.Dir(archive)), func(t *testing.T) {
			top, err := topology.Read(topology.LoadCapture(t, archive))
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range []topology.Request{{}, {Placement: topology.Compact, Workers: 3}, {Placement: topology.PerThread}, {Placement: topology.Unpinned}} {
				r := report.New(top, q)
				var picture, text, doc, page bytes.Buffer
				for out, write := range map[*bytes.Buffer]func(io.Writer) error{&picture: r.SVG, &text: r.Text, &doc: r.JSON, &page: r.HTML} {
					if err := write(out); err != nil {
						t.Fatal(err)
					}
				}
				if picture.Len() > 256<<10 {
					t.Errorf("%v: a picture of %d bytes", q.Placement, picture.Len())
				}
				if n := strings.Count(text.String(), "\n"); n > 120 {
					t.Errorf("%v: a text of %d lines", q.Placement, n)
				}
				d := xml.NewDecoder(&picture)
				for err == nil {
					_, err = d.Token()
				}
				if err != io.EOF {
					t.Errorf("%v: the picture is not well-formed: %v", q.Placement, err)
				}
				err = nil
				if !json.Valid(doc.Bytes()) {
					t.Errorf("%v: the JSON is not valid", q.Placement)
				}
				if !strings.HasSuffix(page.String(), "</html>\n") {
					t.Errorf("%v: the page is cut", q.Placement)
				}
			}
		})
	}
}
