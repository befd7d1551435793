package report

import (
	"fmt"
	"math"
	"slices"
)

// part is a piece of the picture: its natural size in pixels and how to draw it
// into a rectangle that is at least that large.
type part struct {
	w, h int
	draw func(c *canvas, x, y, w, h int)
}

// stack puts parts below each other, as wide as the widest.
func stack(gap int, parts ...part) part {
	var all part
	for i, p := range parts {
		all.w = max(all.w, p.w)
		all.h += p.h
		if i > 0 {
			all.h += gap
		}
	}
	all.draw = func(c *canvas, x, y, w, _ int) {
		for _, p := range parts {
			p.draw(c, x, y, w, p.h)
			y += p.h + gap
		}
	}
	return all
}

// scaled draws a part k times as large.
func scaled(p part, k int) part {
	return part{w: k * p.w, h: k * p.h, draw: func(c *canvas, x, y, _, _ int) {
		fmt.Fprintf(c, `<g transform="translate(%d %d) scale(%d)">`+"\n", x, y, k)
		p.draw(c, 0, 0, p.w, p.h)
		c.close()
	}}
}

// filling says which way the parts of a grid grow into the room they get.
type filling uint8

const (
	natural filling = iota // parts keep their size
	wide                   // parts grow in width, within reason
	whole                  // parts grow in width and height
)

// grid arranges parts in rows of equal length, no wider than maxWidth when that
// can be, with few holes and near the wanted ratio of width to height.
func grid(parts []part, gap, maxWidth int, ratio float64, fill filling) part {
	if len(parts) == 0 {
		return part{draw: func(*canvas, int, int, int, int) {}}
	}
	var best gridSize
	bestScore := math.Inf(1)
	for cols := 1; cols <= len(parts); cols++ {
		g := measure(parts, cols, gap)
		if cols > 1 && g.w > maxWidth {
			break
		}
		rows := (len(parts) + cols - 1) / cols
		hole := float64(rows*cols-len(parts)) / float64(rows*cols)
		score := math.Abs(math.Log(float64(g.w)/float64(g.h)/ratio)) + 5*hole
		if score < bestScore {
			best, bestScore = g, score
		}
	}
	return part{w: best.w, h: best.h, draw: func(c *canvas, x, y, w, h int) {
		cols := len(best.colW)
		extraW, extraH := 0, 0
		if fill != natural {
			extraW = (w - best.w) / cols
		}
		if fill == wide {
			extraW = min(extraW, slices.Min(best.colW)*3/5)
		}
		if fill == whole {
			extraH = (h - best.h) / len(best.rowH)
		}
		top := y
		for row, rowH := range best.rowH {
			left := x
			for col, colW := range best.colW {
				i := row*cols + col
				if i >= len(parts) {
					break
				}
				p := parts[i]
				if fill != natural {
					p.draw(c, left, top, colW+extraW, rowH+extraH)
				} else {
					p.draw(c, left, top, p.w, p.h)
				}
				left += colW + extraW + gap
			}
			top += rowH + extraH + gap
		}
	}}
}

// columns fills cols columns of equal width with parts made for that width, each
// part going below the column that is shortest so far.
func columns(cols, gap, width int, parts []func(width int) part) part {
	colW := (width - gap*(cols-1)) / cols
	stacks := make([][]part, cols)
	heights := make([]int, cols)
	for _, f := range parts {
		p := f(colW)
		at := 0
		for i := range heights {
			if heights[i] < heights[at] {
				at = i
			}
		}
		stacks[at] = append(stacks[at], p)
		heights[at] += p.h + gap
	}
	all := part{w: width}
	for _, h := range heights {
		all.h = max(all.h, h-gap)
	}
	all.draw = func(c *canvas, x, y, _, _ int) {
		for _, column := range stacks {
			stack(gap, column...).draw(c, x, y, colW, all.h)
			x += colW + gap
		}
	}
	return all
}

type gridSize struct {
	w, h       int
	colW, rowH []int
}

func measure(parts []part, cols, gap int) gridSize {
	rows := (len(parts) + cols - 1) / cols
	g := gridSize{colW: make([]int, cols), rowH: make([]int, rows)}
	for i, p := range parts {
		g.colW[i%cols] = max(g.colW[i%cols], p.w)
		g.rowH[i/cols] = max(g.rowH[i/cols], p.h)
	}
	g.w, g.h = gap*(cols-1), gap*(rows-1)
	for _, w := range g.colW {
		g.w += w
	}
	for _, h := range g.rowH {
		g.h += h
	}
	return g
}
