//go:build !purego && !race && !msan && !asan

#include "go_asm.h"
#include "textflag.h"

// Registers:
#define ring  R0  // *ring
#define at    R1  // a position
#define left  R2  // how many
#define slots R3  // first slot
#define mask  R4  // capacity-1
#define i     R5  // count so far
#define p     R6  // pos+i
#define s     R7  // address of a slot, then of its sequence number
#define lse   R8  // CPU has the LSE atomics

// Slots are 32 bytes with the sequence number first.
#define slotShift 5

// slotAt(x) leaves the address of the slot of position x in s.
#define slotAt(x) \
	AND x, mask, s;               \
	ADD s<<slotShift, slots, s

// func claim(q *ring, n uint64) (pos, got uint64)
// Writes tail only.
TEXT ·claim(SB), NOSPLIT, $0-32
	MOVD  q+0(FP), ring
	MOVD  n+8(FP), left
	MOVD  ring_slots(ring), slots
	MOVD  ring_mask(ring), mask
	MOVBU ·hasLSE(SB), lse
	ADD   $ring_tail, ring, R9

retry:
	LDAR (R9), at
	MOVD ZR, i
	MOVD at, p

check:
	slotAt(p)
	LDAR (s), R10        // A1, pairs with R1: load-acquire
	CMP  R10, p
	BNE  checked
	ADD  $1, i
	ADD  $1, p
	CMP  left, i
	BLO  check

checked:
	CBZ i, none
	CBZ lse, llsc
	MOVD at, R11
	CASALD R11, (R9), p  // P1: with the LDAR of the gate that follows, a store-load barrier
	CMP  R11, at
	BNE  retry
	B    claimed

llsc:
	LDAXR (R9), R11
	CMP   R11, at
	BNE   retry
	STLXR p, (R9), R12   // P1: the LDAR of the gate that follows cannot pass it
	CBNZ  R12, retry

claimed:
	MOVD at, pos+16(FP)
	MOVD i, got+24(FP)
	RET

none:
	SUBS at, R10, R10   // seq - tail: negative while the last lap's task is there
	BPL  retry
	LDAR (R9), R11
	CMP  R11, at
	BNE  retry
	MOVD at, pos+16(FP)
	MOVD ZR, got+24(FP)
	RET

// func publish(q *ring, pos, n uint64)
// Writes sequence numbers only.
TEXT ·publish(SB), NOSPLIT, $0-24
	MOVD q+0(FP), ring
	MOVD pos+8(FP), at
	MOVD n+16(FP), left
	MOVD ring_slots(ring), slots
	MOVD ring_mask(ring), mask

next:
	slotAt(at)
	ADD  $1, at
	STLR at, (s)        // R2, pairs with A2: store-release
	SUBS $1, left
	BNE  next
	RET

// func take(q *ring, pos, n uint64, out *task) uint64
// Writes the claim word, and task words to the caller's stack.
#define claimWord R9  // address of the block's claim word
#define bit       R10 // index of pos's bit in it
#define lap       R11 // all ones in even laps, zero in odd ones
#define free      R12 // bit 0: p is not yet taken
#define old       R13
#define new       R14
TEXT ·take(SB), NOSPLIT, $0-40
	MOVD  q+0(FP), ring
	MOVD  pos+8(FP), at
	MOVD  n+16(FP), left
	MOVD  ring_slots(ring), slots
	MOVD  ring_mask(ring), mask
	MOVD  ring_lapShift(ring), R15
	MOVD  ring_claims(ring), claimWord
	MOVBU ·hasLSE(SB), lse
	LSR   R15, at, lap
	AND   $1, lap
	SUB   $1, lap
	AND   mask, at, bit
	LSR   $const_blockShift, bit, R15
	ADD   R15<<3, claimWord, claimWord
	AND   $const_blockMask, bit

	// n = min(n, slots from pos to the end of the block)
	MOVD $const_blockMask, R15
	CMP  R15, mask
	CSEL LO, mask, R15, R15
	SUB  bit, R15
	ADD  $1, R15
	CMP  R15, left
	CSEL HI, R15, left, left

retry:
	LDAR (claimWord), old // A3: before the sequence numbers
	EOR  lap, old, free
	LSR  bit, free
	MOVD ZR, i
	MOVD at, p

check:
	TBZ  $0, free, checked
	slotAt(p)
	ADD  $1, p
	LDAR (s), R15         // A2, pairs with R2
	CMP  p, R15
	BNE  checked
	LSR  $1, free
	ADD  $1, i
	CMP  left, i
	BLO  check

checked:
	CBZ i, done

	// new = (old ^ (1<<i - 1)<<bit) + claimStep
	MOVD $1, new
	LSL  i, new
	SUB  $1, new
	LSL  bit, new
	EOR  old, new
	ADD  $const_claimStep, new
	CBZ  lse, llsc
	MOVD old, R15
	CASALD R15, (claimWord), new
	CMP  R15, old
	BNE  retry
	B    won

llsc:
	LDAXR (claimWord), R15
	CMP   R15, old
	BNE   retry
	STLXR new, (claimWord), R16
	CBNZ  R16, retry

won:
	MOVD out+24(FP), R15
	MOVD i, left
	MOVD at, p

copy:
	slotAt(p)
	MOVD (slot_task+task_fn)(s), R16
	MOVD R16, task_fn(R15)
	MOVD (slot_task+task_params)(s), R16
	MOVD R16, task_params(R15)
	MOVD (slot_task+task_done)(s), R16
	MOVD R16, task_done(R15)
	ADD  $task__size, R15
	ADD  $1, p
	SUBS $1, left
	BNE  copy

done:
	MOVD i, ret+32(FP)
	RET

// func release(q *ring, pos, n uint64)
// Writes sequence numbers only.
TEXT ·release(SB), NOSPLIT, $0-24
	MOVD q+0(FP), ring
	MOVD pos+8(FP), at
	MOVD n+16(FP), left
	MOVD ring_slots(ring), slots
	MOVD ring_mask(ring), mask

next:
	slotAt(at)
	ADD  $1, at
	ADD  mask, at, p
	STLR p, (s)           // R1, pairs with A1: store-release
	SUBS $1, left
	BNE  next
	RET

// func rearm(q *ring, pos uint64, r *record, state uint64, count *atomic.Uint64, n uint64)
// Writes the counter, the record's state and the sequence number.
TEXT ·rearm(SB), NOSPLIT, $0-48
	MOVD q+0(FP), ring
	MOVD pos+8(FP), at
	MOVD r+16(FP), R9
	MOVD state+24(FP), R10
	MOVD ring_slots(ring), slots
	MOVD ring_mask(ring), mask
	MOVD count+32(FP), R11
	MOVD n+40(FP), left
	STLR left, (R11)
	ADD  $record_state, R9
	STLR R10, (R9)
	slotAt(at)
	ADD  $1, at
	ADD  mask, at, p
	STLR p, (s)           // R1
	RET

// func complete(count *atomic.Uint64, n uint64, r *record, state uint64)
// Writes the counter and the record's state.
TEXT ·complete(SB), NOSPLIT, $0-32
	MOVD  count+0(FP), R9
	MOVD  n+8(FP), R10
	MOVD  r+16(FP), R11
	MOVD  state+24(FP), R12
	STLR  R10, (R9)
	ADD   $record_state, R11
	STLR  R12, (R11)      // F1; C1: RCsc, so the LDAR of the waiter count that follows cannot pass it
	RET

// func holdSlot(count *atomic.Uint64, n uint64, seq *atomic.Uint64, v uint64)
// Writes the counter and the sequence number.
TEXT ·holdSlot(SB), NOSPLIT, $0-32
	MOVD count+0(FP), R0
	MOVD n+8(FP), R1
	MOVD seq+16(FP), R2
	MOVD v+24(FP), R3
	STLR R1, (R0)
	STLR R3, (R2)         // T1: store-release
	RET

// func store(c *atomic.Uint64, v uint64)
TEXT ·store(SB), NOSPLIT, $0-16
	MOVD c+0(FP), R9
	MOVD v+8(FP), R10
	STLR R10, (R9)
	RET
