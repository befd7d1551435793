//go:build gc && !purego && !race && !msan && !asan

#include "textflag.h"

// func Relax(n uint64)
TEXT ·Relax(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R0

again:
	ISB  $15 // YIELD is free on most cores, so it would not relax anything
	SUBS $1, R0
	BNE  again
	RET

// func Ticks() int64
TEXT ·Ticks(SB), NOSPLIT, $0-8
	MRS  CNTVCT_EL0, R0
	MOVD R0, ret+0(FP)
	RET

// func measureTicks() int64
TEXT ·measureTicks(SB), NOSPLIT, $0-8
	MRS  CNTFRQ_EL0, R0
	MOVD R0, ret+0(FP)
	RET
