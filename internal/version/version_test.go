package version

import (
	"runtime/debug"
	"testing"
)

// The version is that of the module's code which is in the program: of what replaces it,
// if anything does.
func TestIn(t *testing.T) {
	const ours, other = "example.com/ours", "example.com/other"
	for want, info := range map[string]*debug.BuildInfo{
		"(devel)": {Main: debug.Module{Path: other}},
		"v1.2.3":  {Main: debug.Module{Path: other}, Deps: []*debug.Module{{Path: ours, Version: "v1.2.3"}}},
		"v1.2.4":  {Main: debug.Module{Path: ours, Version: "v1.2.4"}},
		"v9.9.9":  {Deps: []*debug.Module{{Path: ours, Version: "v1.2.3", Replace: &debug.Module{Version: "v9.9.9"}}}},
	} {
		if got := in(info, ours); got != want {
			t.Errorf("version %q, want %q", got, want)
		}
	}
}
