// Package svg is what the pictures of this repository have in common: how text
// is measured, cut and escaped, and their colours.
package svg

import (
	"html"
	"math"
	"strings"
	"unicode"
)

// Printable replaces what a terminal or an XML reader might choke on: names of
// machines come from firmware, others from files.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// Escape makes text fit for XML and HTML.
func Escape(s string) string { return html.EscapeString(Printable(s)) }

// Width is a generous estimate of the width of text in a sans-serif font.
func Width(s string, size float64) int {
	units := 0.0
	for _, r := range s {
		units += runeWidth(r)
	}
	return int(math.Ceil(units * size))
}

// runeWidth is the width of a character in multiples of the font size.
func runeWidth(r rune) float64 {
	switch {
	case strings.ContainsRune("ilj.,:|'·", r):
		return 0.34
	case strings.ContainsRune(" ftr()-", r):
		return 0.40
	case strings.ContainsRune("mwMW×–…", r):
		return 0.90
	case r >= 'A' && r <= 'Z':
		return 0.74
	default:
		return 0.64
	}
}

// fits returns how many bytes of text fit into a width; all = the whole text.
func fits(s string, size float64, width int) (n int, all bool) {
	units, room := 0.0, float64(width)/size
	for i, r := range s {
		if units += runeWidth(r); units > room {
			return i, false
		}
	}
	return len(s), true
}

// Fit cuts text to a width and marks the cut.
func Fit(s string, size float64, width int) string {
	if _, all := fits(s, size, width); all {
		return s
	}
	n, _ := fits(s, size, width-Width("…", size))
	return s[:n] + "…"
}

// Lines breaks text at spaces and after commas to a width, at most most lines;
// a word that is wider, such as a path, is broken after a slash or anywhere.
func Lines(s string, size float64, width, most int) []string {
	var out []string
	for s != "" {
		n, all := fits(s, size, width)
		if all || len(out) == most-1 {
			return append(out, Fit(s, size, width))
		}
		cut := strings.LastIndexAny(s[:n], " ,") + 1
		if cut == 0 {
			cut = strings.LastIndexByte(s[:n], '/') + 1
		}
		if cut == 0 {
			cut = n
		}
		if cut == 0 {
			return append(out, Fit(s, size, width))
		}
		out = append(out, s[:cut])
		s = s[cut:]
	}
	return out
}
