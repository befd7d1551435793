package svg

// Font is the stack of fonts in CSS; no picture brings its own.
const Font = `system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif`

// The colours that mean the same in all pictures, on a light and on a dark
// ground. Blue and orange are told apart by all kinds of colour vision, and
// differ in lightness as well.
const (
	Paper, PaperDark = "#ffffff", "#0d1117"
	Ink, InkDark     = "#1f2328", "#e6edf3"
	Muted, MutedDark = "#59636e", "#9aa6b2" // text of less weight
	Rule, RuleDark   = "#d5dbe1", "#30363d" // lines behind what is drawn
	Panel, PanelDark = "#fafbfc", "#12171e"
	Blue, BlueDark   = "#0b5cad", "#58a6ff" // zeropool and its workers
	Warn, WarnDark   = "#8a4b00", "#f0b45c" // what is not as it should be
	Loss, LossDark   = "#c2410c", "#fb923c" // where zeropool is slower
)
