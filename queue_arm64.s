//go:build gc && !purego && !race && !msan && !asan

#include "go_asm.h"
#include "textflag.h"

// Registers; g is the address of the calling goroutine's g:
#define LN  R0 // *lane
#define SL  R1 // *slot
#define ST  R2 // a state

// func identity() uint64
TEXT ·identity(SB), NOSPLIT, $0-8
	MOVD g, ret+0(FP)
	RET

// func enter(t *laneTable) *lane
// Writes busy only.
TEXT ·enter(SB), NOSPLIT, $0-16
	MOVD t+0(FP), R3
	MOVD $const_hashFactor, R4
	MUL  g, R4
	LSR  $(64-const_laneTableBits), R4
	ADD  R4<<3, R3, R5
	LDAR (R5), LN
	CBZ  LN, second
	MOVD lane_owner(LN), R6
	CMP  R6, g
	BEQ  found

second:
	EOR  $1, R4
	ADD  R4<<3, R3, R5
	LDAR (R5), LN
	CBZ  LN, none
	MOVD lane_owner(LN), R6
	CMP  R6, g
	BNE  none

found:
	MOVW $1, R7
	MOVW R7, lane_busy(LN)
	MOVD lane_owner(LN), R6   // B2: a heavy barrier of one that takes the lane over orders these
	CMP  R6, g
	BNE  lost
	MOVD LN, ret+8(FP)
	RET

lost:
	MOVW ZR, lane_busy(LN)

none:
	MOVD ZR, ret+8(FP)
	RET

// func publish(l *lane, s *slot, v uint64) uint32
// Writes the state, counters and busy.
TEXT ·publish(SB), NOSPLIT, $0-28
	MOVD  l+0(FP), LN
	MOVD  s+8(FP), SL
	MOVD  v+16(FP), ST
	MOVD  (lane_pushed+counter_v)(LN), R4
	ADD   $1, R4
	ADD   $(lane_pushed+counter_v), LN, R5
	STLR  R4, (R5)             // before the state: see queued
	STLR  ST, (SL)             // R2, pairs with A2
	MOVD  (lane_tail+counter_v)(LN), R4
	ADD   $1, R4
	MOVD  R4, (lane_tail+counter_v)(LN)
	ADD   $lane_busy, LN, R5
	STLRW ZR, (R5)           // B2
	ADD   $lane_shared, LN, R5
	LDARW (R5), R6
	MOVW  R6, ret+24(FP)
	CBZW  R6, done           // P1: a heavy barrier of the last sleeper orders the load of the gate
	DMB   $0xb               // P1: the full barrier, DMB ISH

done:
	RET

// func take(l *lane, s *slot, key uint64) uint32
// Writes the state, counters and busy.
TEXT ·take(SB), NOSPLIT, $0-28
	MOVD  l+0(FP), LN
	MOVD  s+8(FP), SL
	MOVD  key+16(FP), ST
	MOVD  lane_owner(LN), R6
	CMP   R6, g
	BNE   foreign
	MOVW  $1, R7
	MOVW  R7, lane_busy(LN)
	MOVD  lane_owner(LN), R6  // B2
	CMP   R6, g
	BNE   lost
	ADD   $lane_shared, LN, R5
	LDARW (R5), R8           // B1: a thief's heavy barrier stands between busy and this; R3, pairs with detach
	CBNZW R8, shared
	LDAR  (SL), R9           // A2, pairs with R2
	ADD   $const_full, ST, R10
	CMP   R9, R10
	BNE   gone
	ADD   $1, R10            // owned
	MOVD  R10, (SL)
	MOVD  (lane_account+account_tally+tally_begun+counter_v)(LN), R4
	ADD   $1, R4
	MOVD  R4, (lane_account+account_tally+tally_begun+counter_v)(LN)
	MOVD  ST, lane_last(LN)
	ADD   $lane_busy, LN, R5
	STLRW ZR, (R5)           // B1, B2
	MOVW  $const_tookIt, R7
	MOVW  R7, ret+24(FP)
	RET

gone:
	ADD   $lane_busy, LN, R5
	STLRW ZR, (R5)
	MOVW  $const_notThere, R7
	MOVW  R7, ret+24(FP)
	RET

shared:
	ADD   $lane_busy, LN, R5
	STLRW ZR, (R5)
	MOVW  $const_isShared, R7
	MOVW  R7, ret+24(FP)
	RET

lost:
	MOVW ZR, lane_busy(LN)

foreign:
	MOVW $const_notOwner, R7
	MOVW R7, ret+24(FP)
	RET

// func finish(l *lane, s *slot, v uint64)
// Writes the counter and the state.
TEXT ·finish(SB), NOSPLIT, $0-24
	MOVD l+0(FP), LN
	MOVD s+8(FP), SL
	MOVD v+16(FP), ST
	MOVD (lane_account+account_tally+tally_completed+counter_v)(LN), R4
	ADD  $1, R4
	MOVD R4, (lane_account+account_tally+tally_completed+counter_v)(LN)
	STLR ST, (SL)              // F1, R1; C1: a waiter's heavy barrier
	RET

// func store(c *atomic.Uint64, v uint64)
TEXT ·store(SB), NOSPLIT, $0-16
	MOVD c+0(FP), R0
	MOVD v+8(FP), R1
	STLR R1, (R0)
	RET
