//go:build gc && !purego && !race && !msan && !asan

#include "textflag.h"

// func Relax(n uint64)
TEXT ·Relax(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), AX

again:
	PAUSE
	DECQ AX
	JNE  again
	RET

// func Ticks() int64
TEXT ·Ticks(SB), NOSPLIT, $0-8
	RDTSC
	SHLQ $32, DX
	ORQ  DX, AX
	MOVQ AX, ret+0(FP)
	RET
