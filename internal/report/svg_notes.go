package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zeropool-go/zeropool/internal/svg"
)

// mostDevices is the number of nodes whose devices a picture lists.
const mostDevices = 24

func sorted(ids []int) []int {
	slices.Sort(ids)
	return ids
}

// notesPart is what stands below the machine: the map of distances and the
// cards of text beside it.
func (r *Report) notesPart(width int) part {
	const columnW, between = 330, 14
	cards := []func(int) part{card("Machine", r.facts())}
	if items := r.conditionItems(); len(items) > 0 {
		cards = append(cards, card("Conditions", items))
	}
	devices := r.deviceLines()
	if n := len(devices) - mostDevices; n > 0 {
		devices = append(devices[:mostDevices], fmt.Sprintf("and those of %d more nodes", n))
	}
	if len(devices) > 0 {
		cards = append(cards, card("Devices", devices))
	}
	var left []string
	for _, g := range r.reasons() {
		left = append(left, g.why+": "+cpusText(g.cpus))
	}
	if len(left) > 0 {
		cards = append(cards, card("CPUs without a worker", left))
	}
	if ws := r.warnings(); len(ws) > 0 {
		cards = append(cards, card("Warnings", ws))
	}
	heat, ok := r.heatPart()
	if ok {
		width -= heat.w + between
	}
	text := columns(min(len(cards), max(1, width/columnW)), between, width, cards)
	if !ok {
		return text
	}
	return part{w: heat.w + between + text.w, h: max(heat.h, text.h), draw: func(c *canvas, x, y, w, h int) {
		heat.draw(c, x, y, heat.w, heat.h)
		text.draw(c, x+heat.w+between, y, text.w, text.h)
	}}
}

// card is a titled list of lines, wrapped to the width it gets.
func card(title string, items []string) func(width int) part {
	return func(width int) part { return cardOf(title, width, items) }
}

func cardOf(title string, width int, items []string) part {
	const mostLines = 6
	var body []string
	for _, s := range items {
		body = append(body, svg.Lines(s, fontText, width-2*pad, mostLines)...)
		body = append(body, "")
	}
	body = body[:len(body)-1]
	h := headH + 2*pad
	for _, s := range body {
		h += bodyHeight(s)
	}
	return part{w: width, h: h, draw: func(c *canvas, x, y, w, h int) {
		c.rect("zk", x, y, w, h, 7)
		c.text("zth", x+pad, y+pad+11, title)
		y += pad + headH
		for _, s := range body {
			y += bodyHeight(s)
			if s != "" {
				c.text("zt", x+pad, y-4, s)
			}
		}
	}}
}

func bodyHeight(s string) int {
	if s == "" {
		return 5
	}
	return lineH
}

// facts are the lines of the machine's card.
func (r *Report) facts() []string {
	t := r.Topology
	var out []string
	if s := r.cachesText(); s != "" {
		out = append(out, "Caches: "+s)
	}
	if k := r.kindLines(); len(k) > 0 {
		out = append(out, "Kinds: "+strings.Join(k, "; "))
	}
	if s := r.speedText(); s != "" {
		out = append(out, "Frequency: "+s)
	}
	if s := r.capacityText(); s != "" {
		out = append(out, "Capacity: "+s)
	}
	out = append(out, "CPU time: "+r.timeText())
	if t.Cpuset != nil {
		out = append(out, "Cpuset: "+or(strides(t.Cpuset), "none"))
	}
	if t.Affinity != nil {
		out = append(out, "Affinity: "+or(strides(t.Affinity), "none"))
	}
	if len(t.Isolated) > 0 {
		out = append(out, "Isolated: "+strides(t.Isolated))
	}
	if len(t.NohzFull) > 0 {
		out = append(out, "Without tick (nohz_full): "+strides(t.NohzFull))
	}
	return append(out, "Source: "+or(t.Source, "none"))
}

// heatPart is the map of node distances; false where there is none.
func (r *Report) heatPart() (part, bool) {
	nodes := r.Topology.Nodes
	least, most := 0, 0
	for _, n := range nodes {
		for _, d := range n.Distances {
			if least == 0 || d < least {
				least = d
			}
			most = max(most, d)
		}
	}
	if len(nodes) < 2 || most == 0 {
		return part{}, false
	}
	numbers := len(nodes) <= heatText
	size, head := max(4, 260/len(nodes)), 0
	if numbers {
		size, head = min(34, max(24, 340/len(nodes))), 24
	}
	side := size * len(nodes)
	scale := fmt.Sprintf("%d (near)  to  %d (far)", least, most)
	w := max(side+head, svg.Width(scale, fontSmall), svg.Width("Distance between nodes", fontText)+pad) + 2*pad
	return part{w: w, h: head + side + headH + 18 + 2*pad, draw: func(c *canvas, x, y, w, h int) {
		c.open("Distances between NUMA nodes as the firmware reports them, " + scale)
		c.rect("zk", x, y, w, h, 7)
		c.text("zth", x+pad, y+pad+11, "Distance between nodes")
		top, left := y+pad+headH+head, x+pad+head
		for i, n := range nodes {
			if numbers {
				c.text("zts zm zc1", left+i*size+size/2, top-7, strconv.Itoa(n.ID))
				c.text("zts zm ze", left-6, top+i*size+size/2+4, strconv.Itoa(n.ID))
			}
			for j := 0; j < len(nodes); {
				d, run := distance(n.Distances, j), 1
				for !numbers && j+run < len(nodes) && distance(n.Distances, j+run) == d {
					run++
				}
				heat := 1 + 4*(d-least)/max(most-least, 1)
				if d < 0 {
					heat = 0
				}
				space := 1
				if !numbers {
					space = 0
				}
				c.rect("zh"+strconv.Itoa(heat), left+j*size, top+i*size, run*size-space, size-space, 0)
				if numbers && d >= 0 {
					c.text("zts zc1", left+j*size+size/2, top+i*size+size/2+4, strconv.Itoa(d))
				}
				j += run
			}
		}
		c.text("zts zm", x+pad, top+side+15, scale)
		c.close()
	}}, true
}

// distance returns the j-th distance of a row, or -1 when it is missing.
func distance(row []int, j int) int {
	if j >= len(row) {
		return -1
	}
	return row[j]
}
