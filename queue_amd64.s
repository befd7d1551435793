//go:build !purego && !race && !msan && !asan

#include "go_asm.h"
#include "textflag.h"

// Registers:
#define ring  DI  // *ring
#define at    SI  // a position
#define left  DX  // how many
#define slots R8  // first slot
#define mask  R9  // capacity-1
#define i     R10 // count so far
#define p     R11 // pos+i
#define s     R12 // address of a slot

// Slots are 32 bytes: the shift must agree with the Go type.
#define slotShift 5

// slotAt(x) leaves the address of the slot of position x in s.
#define slotAt(x) \
	MOVQ x, s;          \
	ANDQ mask, s;        \
	SHLQ $slotShift, s;  \
	ADDQ slots, s

// func claim(q *ring, n uint64) (pos, got uint64)
// Writes tail only.
TEXT ·claim(SB), NOSPLIT, $0-32
	MOVQ q+0(FP), ring
	MOVQ n+8(FP), left
	MOVQ ring_slots(ring), slots
	MOVQ ring_mask(ring), mask

retry:
	MOVQ ring_tail(ring), AX
	XORL i, i
	MOVQ AX, p

check:
	slotAt(p)
	MOVQ slot_seq(s), BX // A1, pairs with R1: a load is a load-acquire on TSO
	CMPQ BX, p
	JNE  checked
	INCQ i
	INCQ p
	CMPQ i, left
	JB   check

checked:
	TESTQ i, i
	JEQ   none
	LOCK
	CMPXCHGQ p, ring_tail(ring) // P1: a full fence before the submitter's load of the gate
	JNE   retry
	MOVQ  AX, pos+16(FP)
	MOVQ  i, got+24(FP)
	RET

none:
	SUBQ AX, BX              // seq - tail: negative while the last lap's task is there
	JPL  retry
	CMPQ AX, ring_tail(ring)
	JNE  retry
	MOVQ AX, pos+16(FP)
	MOVQ $0, got+24(FP)
	RET

// func publish(q *ring, pos, n uint64)
// Writes sequence numbers only.
TEXT ·publish(SB), NOSPLIT, $0-24
	MOVQ q+0(FP), ring
	MOVQ pos+8(FP), at
	MOVQ n+16(FP), left
	MOVQ ring_slots(ring), slots
	MOVQ ring_mask(ring), mask

next:
	slotAt(at)
	INCQ at
	MOVQ at, slot_seq(s) // R2, pairs with A2: stores stay in order on TSO
	DECQ left
	JNE  next
	RET

// func take(q *ring, pos, n uint64, out *task) uint64
// Writes the claim word, and task words to the caller's stack.
#define claimWord R13 // address of the block's claim word
#define bit       CX  // index of pos's bit in it
#define lap       BX  // all ones in even laps, zero in odd ones
#define free      DI  // bit 0: p is not yet taken
TEXT ·take(SB), NOSPLIT, $0-40
	MOVQ q+0(FP), ring
	MOVQ pos+8(FP), at
	MOVQ ring_slots(ring), slots
	MOVQ ring_mask(ring), mask
	MOVQ ring_lapShift(ring), CX
	MOVQ ring_claims(ring), claimWord
	CMPQ n+16(FP), $1
	JNE  several

	// One task, which is what workers and waiters take.
	slotAt(at)
	XORL lap, lap
	BTQ  CX, at
	ADCL lap, lap           // 1 in odd laps
	MOVQ at, bit
	ANDQ mask, bit
	MOVQ bit, DI
	SHRQ $const_blockShift, DI
	LEAQ (claimWord)(DI*8), claimWord
	ANDQ $const_blockMask, bit
	LEAQ 1(at), p

retryOne:
	MOVQ  0(claimWord), AX  // A3: before the sequence number
	MOVQ  AX, DX
	BTCQ  bit, DX
	SBBL  DI, DI
	NEGL  DI
	CMPL  DI, lap           // the bit reads the lap's parity until the task is taken
	JNE   noneOne
	CMPQ  p, slot_seq(s)    // A2, pairs with R2
	JNE   noneOne
	ADDQ  $const_claimStep, DX
	LOCK
	CMPXCHGQ DX, 0(claimWord)
	JNE   retryOne
	MOVQ  out+24(FP), AX
	MOVQ  (slot_task+task_fn)(s), BX
	MOVQ  BX, task_fn(AX)
	MOVQ  (slot_task+task_params)(s), BX
	MOVQ  BX, task_params(AX)
	MOVQ  (slot_task+task_done)(s), BX
	MOVQ  BX, task_done(AX)
	MOVQ  $1, ret+32(FP)
	RET

noneOne:
	MOVQ $0, ret+32(FP)
	RET

several:
	MOVQ at, lap
	SHRQ CX, lap
	ANDQ $1, lap
	DECQ lap
	MOVQ at, bit
	ANDQ mask, bit
	MOVQ bit, AX
	SHRQ $const_blockShift, AX
	LEAQ (claimWord)(AX*8), claimWord
	ANDQ $const_blockMask, bit

	// n = min(n, slots from pos to the end of the block)
	MOVQ    $const_blockMask, AX
	CMPQ    mask, AX
	CMOVQCS mask, AX
	SUBQ    bit, AX
	INCQ    AX
	MOVQ    n+16(FP), left
	CMPQ    left, AX
	CMOVQHI AX, left

retry:
	MOVQ 0(claimWord), AX // A3: before the sequence numbers
	MOVQ AX, free
	XORQ lap, free
	SHRQ bit, free
	XORL i, i
	MOVQ at, p

check:
	BTQ  $0, free
	JCC  checked
	slotAt(p)
	INCQ p
	CMPQ p, slot_seq(s) // A2, pairs with R2
	JNE  checked
	SHRQ $1, free
	INCQ i
	CMPQ i, left
	JB   check

checked:
	TESTQ i, i
	JEQ  done

	// new = (old ^ (1<<i - 1)<<bit) + claimStep
	XCHGQ i, CX
	MOVQ  $1, free
	SHLQ  CX, free
	DECQ  free
	XCHGQ i, CX
	SHLQ  bit, free
	XORQ  AX, free
	ADDQ  $const_claimStep, free
	LOCK
	CMPXCHGQ free, 0(claimWord)
	JNE   retry

	MOVQ out+24(FP), AX
	MOVQ i, left
	MOVQ at, p

copy:
	slotAt(p)
	MOVQ (slot_task+task_fn)(s), BX
	MOVQ BX, task_fn(AX)
	MOVQ (slot_task+task_params)(s), BX
	MOVQ BX, task_params(AX)
	MOVQ (slot_task+task_done)(s), BX
	MOVQ BX, task_done(AX)
	ADDQ $task__size, AX
	INCQ p
	DECQ left
	JNE  copy

done:
	MOVQ i, ret+32(FP)
	RET

// func release(q *ring, pos, n uint64)
// Writes sequence numbers only.
TEXT ·release(SB), NOSPLIT, $0-24
	MOVQ q+0(FP), ring
	MOVQ pos+8(FP), at
	MOVQ n+16(FP), left
	MOVQ ring_slots(ring), slots
	MOVQ ring_mask(ring), mask

next:
	slotAt(at)
	LEAQ 1(at)(mask*1), p
	MOVQ p, slot_seq(s)   // R1, pairs with A1: loads and stores before it stay before it on TSO
	INCQ at
	DECQ left
	JNE  next
	RET

// func rearm(q *ring, pos uint64, r *record, state uint64, count *atomic.Uint64, n uint64)
// Writes the counter, the record's state and the sequence number.
TEXT ·rearm(SB), NOSPLIT, $0-48
	MOVQ q+0(FP), ring
	MOVQ pos+8(FP), at
	MOVQ r+16(FP), AX
	MOVQ state+24(FP), BX
	MOVQ ring_slots(ring), slots
	MOVQ ring_mask(ring), mask
	MOVQ count+32(FP), CX
	MOVQ n+40(FP), left
	MOVQ left, 0(CX)
	MOVQ BX, record_state(AX)
	slotAt(at)
	LEAQ 1(at)(mask*1), p
	MOVQ p, slot_seq(s)   // R1
	RET

// func complete(count *atomic.Uint64, n uint64, r *record, state uint64)
// Writes the counter and the record's state.
TEXT ·complete(SB), NOSPLIT, $0-32
	MOVQ count+0(FP), AX
	MOVQ n+8(FP), BX
	MOVQ r+16(FP), CX
	MOVQ state+24(FP), DX
	MOVQ BX, 0(AX)
	XCHGQ DX, record_state(CX) // F1; C1: a full fence before the load of the waiter count
	RET

// func holdSlot(count *atomic.Uint64, n uint64, seq *atomic.Uint64, v uint64)
// Writes the counter and the sequence number.
TEXT ·holdSlot(SB), NOSPLIT, $0-32
	MOVQ count+0(FP), AX
	MOVQ n+8(FP), BX
	MOVQ seq+16(FP), CX
	MOVQ v+24(FP), DX
	MOVQ BX, 0(AX)
	MOVQ DX, 0(CX)        // T1: a store-release on TSO
	RET

// func store(c *atomic.Uint64, v uint64)
TEXT ·store(SB), NOSPLIT, $0-16
	MOVQ c+0(FP), AX
	MOVQ v+8(FP), BX
	MOVQ BX, 0(AX)
	RET
