//go:build !purego && !race && !msan && !asan

#include "textflag.h"

// func relax(n uint64)
TEXT ·relax(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), AX

again:
	PAUSE
	DECQ AX
	JNE  again
	RET

// func ticks() int64
TEXT ·ticks(SB), NOSPLIT, $0-8
	RDTSC
	SHLQ $32, DX
	ORQ  DX, AX
	MOVQ AX, ret+0(FP)
	RET

// func cpuNumber() uint64
TEXT ·cpuNumber(SB), NOSPLIT, $0-8
	RDPID AX
	MOVQ  AX, ret+0(FP)
	RET

// func hasRDPID() bool
TEXT ·hasRDPID(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	XORL AX, AX
	CPUID
	CMPL AX, $7
	JB   none
	MOVL $7, AX
	XORL CX, CX
	CPUID
	SHRL $22, CX // leaf 7, ECX bit 22 (Intel SDM, volume 2, CPUID)
	ANDL $1, CX
	MOVB CX, ret+0(FP)

none:
	RET
