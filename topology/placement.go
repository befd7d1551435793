package topology

import (
	"fmt"
	"strings"
)

var placementNames = [...]string{
	PerCore:   "percore",
	PerThread: "perthread",
	Compact:   "compact",
	Scatter:   "scatter",
	Unpinned:  "unpinned",
}

// String returns the name that ParsePlacement reads, in lower case without
// separators: "percore", "perthread", "compact", "scatter" or "unpinned".
func (p Placement) String() string {
	if int(p) < len(placementNames) {
		return placementNames[p]
	}
	return fmt.Sprintf("Placement(%d)", uint8(p))
}

// ParsePlacement returns the placement of that name. Case, hyphens and
// underscores do not count, so "per-core" and "PerCore" are both PerCore. The
// error of an unknown name lists the known ones.
func ParsePlacement(name string) (Placement, error) {
	key := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
	for i, n := range placementNames {
		if n == key {
			return Placement(i), nil
		}
	}
	return 0, fmt.Errorf("unknown placement %q: want one of %s", name, strings.Join(placementNames[:], ", "))
}

// MarshalText implements encoding.TextMarshaler; a value that is none of the
// declared placements is an error.
func (p Placement) MarshalText() ([]byte, error) {
	if int(p) >= len(placementNames) {
		return nil, fmt.Errorf("unknown placement %d", uint8(p))
	}
	return []byte(p.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler in the way of
// ParsePlacement.
func (p *Placement) UnmarshalText(text []byte) error {
	v, err := ParsePlacement(string(text))
	if err == nil {
		*p = v
	}
	return err
}
