//go:build gc && !purego && !race && !msan && !asan

#include "go_asm.h"
#include "textflag.h"

// Registers:
#define me AX // the address of the calling goroutine's g
#define LN  BX // *lane
#define SL  CX // *slot
#define ST  DX // a state

// func identity() uint64
TEXT ·identity(SB), NOSPLIT, $0-8
	MOVQ (TLS), me
	MOVQ me, ret+0(FP)
	RET

// func enter(t *laneTable) *lane
// Writes busy only.
TEXT ·enter(SB), NOSPLIT, $0-16
	MOVQ (TLS), me
	MOVQ t+0(FP), SI
	MOVQ $const_hashFactor, DI
	IMULQ me, DI
	SHRQ $(64-const_laneTableBits), DI
	MOVQ (SI)(DI*8), LN
	TESTQ LN, LN
	JZ   second
	CMPQ lane_owner(LN), me
	JEQ  found

second:
	XORQ $1, DI
	MOVQ (SI)(DI*8), LN
	TESTQ LN, LN
	JZ   none
	CMPQ lane_owner(LN), me
	JNE  none

found:
	MOVL $1, lane_busy(LN)
	CMPQ lane_owner(LN), me   // B2: a heavy barrier of one that takes the lane over orders these
	JNE  lost
	MOVQ LN, ret+8(FP)
	RET

lost:
	MOVL $0, lane_busy(LN)

none:
	MOVQ $0, ret+8(FP)
	RET

// func publish(l *lane, s *slot, v uint64) uint32
// Writes the state, counters and busy.
TEXT ·publish(SB), NOSPLIT, $0-28
	MOVQ l+0(FP), LN
	MOVQ s+8(FP), SL
	MOVQ v+16(FP), ST
	INCQ (lane_pushed+counter_v)(LN)             // before the state: see queued
	MOVQ ST, slot_state(SL)                     // R2, pairs with A2: stores stay in order on TSO
	INCQ (lane_tail+counter_v)(LN)
	MOVL $0, lane_busy(LN)                     // B2
	MOVL lane_shared(LN), SI
	MOVL SI, ret+24(FP)
	TESTL SI, SI
	JNZ  fence
	RET                                       // P1: a heavy barrier of the last sleeper orders the load of the gate

fence:
	LOCK
	ADDL $0, 0(SP)                            // P1
	RET

// func take(l *lane, s *slot, key uint64) uint32
// Writes the state, counters and busy.
TEXT ·take(SB), NOSPLIT, $0-28
	MOVQ l+0(FP), LN
	MOVQ s+8(FP), SL
	MOVQ key+16(FP), ST
	MOVQ (TLS), me
	CMPQ lane_owner(LN), me
	JNE  foreign
	MOVL $1, lane_busy(LN)
	CMPQ lane_owner(LN), me                    // B2
	JNE  lost
	MOVL lane_shared(LN), SI                   // B1: a thief's heavy barrier stands between busy and this
	TESTL SI, SI                              // R3, pairs with detach
	JNZ  shared
	LEAQ const_full(ST), DI
	CMPQ slot_state(SL), DI                    // A2, pairs with R2
	JNE  gone
	INCQ DI                                   // owned
	MOVQ DI, slot_state(SL)
	INCQ (lane_account+account_tally+tally_begun+counter_v)(LN)
	MOVQ ST, lane_last(LN)
	MOVL $0, lane_busy(LN)                     // B1, B2
	MOVL $const_tookIt, ret+24(FP)
	RET

gone:
	MOVL $0, lane_busy(LN)
	MOVL $const_notThere, ret+24(FP)
	RET

shared:
	MOVL $0, lane_busy(LN)
	MOVL $const_isShared, ret+24(FP)
	RET

lost:
	MOVL $0, lane_busy(LN)

foreign:
	MOVL $const_notOwner, ret+24(FP)
	RET

// func finish(l *lane, s *slot, v uint64)
// Writes the counter and the state.
TEXT ·finish(SB), NOSPLIT, $0-24
	MOVQ l+0(FP), LN
	MOVQ s+8(FP), SL
	MOVQ v+16(FP), ST
	INCQ (lane_account+account_tally+tally_completed+counter_v)(LN)
	MOVQ ST, slot_state(SL)                     // F1, R1: loads and stores before it stay before it on TSO; C1: a waiter's heavy barrier
	RET

// func store(c *atomic.Uint64, v uint64)
TEXT ·store(SB), NOSPLIT, $0-16
	MOVQ c+0(FP), BX
	MOVQ v+8(FP), DX
	MOVQ DX, (BX)
	RET
