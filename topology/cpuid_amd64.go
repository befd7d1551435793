//go:build !purego

package topology

// cpuidex executes the CPUID instruction on whichever CPU the thread is on.
func cpuidex(leaf, sub uint32) (eax, ebx, ecx, edx uint32)

// cpuidHere is a cpuidQuery for the current CPU. A leaf above the highest one
// would give the data of another leaf, so both limits are asked first.
func cpuidHere() cpuidQuery {
	maxLeaf, _, _, _ := cpuidex(0, 0)
	maxExt, _, _, _ := cpuidex(0x80000000, 0)
	if maxExt < 0x80000000 || maxExt > 0x8000ffff {
		maxExt = 0
	}
	return func(leaf, sub uint32) (r cpuidRegs) {
		limit := maxLeaf
		if leaf >= 0x80000000 {
			limit = maxExt
		}
		if leaf <= limit {
			r.eax, r.ebx, r.ecx, r.edx = cpuidex(leaf, sub)
		}
		return r
	}
}
