package svg

import (
	"strings"
	"testing"
)

// TestLines checks that wrapping loses nothing but what exceeds the last line.
func TestLines(t *testing.T) {
	for _, s := range []string{
		"W-CGROUP sys/fs/cgroup/user.slice/user-1001.slice/session-2.scope: the directory does not exist",
		strings.Repeat("x", 100), "×××××××××××××××××××××××××××××××", "a", "",
	} {
		got := Lines(s, 12, 150, 30)
		if strings.Join(got, "") != s {
			t.Errorf("%q became %q", s, got)
		}
		for _, line := range got {
			if w := Width(line, 12); w > 150 {
				t.Errorf("%q is %d wide", line, w)
			}
		}
	}
	if got := Lines(strings.Repeat("x ", 100), 12, 100, 2); len(got) != 2 || !strings.HasSuffix(got[1], "…") {
		t.Errorf("cut to %q", got)
	}
	if got := Lines("wide", 12, 1, 3); len(got) != 1 {
		t.Errorf("no room: %q", got)
	}
}
