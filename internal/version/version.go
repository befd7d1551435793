// Package version tells the version of a module that the program was built with.
package version

import "runtime/debug"

// Of returns the version of the module, such as "v2.0.0"; "(devel)" where it was built
// from a working copy, or the program does not tell.
func Of(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	return in(info, module)
}

func in(info *debug.BuildInfo, module string) string {
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path != module {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		if m.Version != "" {
			return m.Version
		}
	}
	return "(devel)"
}
