// Command litmus runs litmus tests: it finds every final state that a small
// program can have under the memory model of its architecture, and compares what
// it saw with what the file expects.
//
//	go run ./internal/dev/litmus [-v] ci/litmus/*.litmus
//
// It exits with 0 if every test has the outcome expected, with 1 and a line for
// each that has not, and with 2 for a bad command line. With -v it prints the final
// states of each test, as far as its condition looks at them, with a star where the
// condition holds.
//
// # How to write a test
//
// The format is that of herd7 and litmus7, less what is not named here:
//
//	AArch64 P1-owner
//	(* Label: P1
//	 * Where: lane_*.s publish / worker.go sleep
//	 * Expected: Never
//	 * An owner publishes and looks for sleepers; the last one announces itself,
//	 * executes the barrier and looks at the lane.
//	 *)
//	{
//	tail=0; asleep=0;
//	0:X1=tail; 0:X3=asleep; 1:X1=tail; 1:X3=asleep;
//	}
//	 P0           | P1           ;
//	 MOV W6,#1    | MOV W6,#1    ;
//	 STLR W6,[X1] | STR W6,[X3]  ;
//	 LDR W0,[X3]  | MEMBARRIER   ;
//	              | LDR W0,[X1]  ;
//	exists
//	(0:X0=0 /\ 1:X0=0)
//
// The first line has the architecture, AArch64 or X86, and the name, which is the
// file's. Comments can stand anywhere. The initial state names every variable and
// gives registers a value: a number or the address of a variable; registers it does
// not name are 0. In an address the name of a variable can stand in place of a
// register, [tail] for [X1] (herd7 takes that for X86 only).
//
// The condition follows exists, ~exists or forall and is made of register and
// variable equalities, /\, \/, ~ and parentheses. Expected says what is to be seen:
// Never, Sometimes or Always, as herd7 observes the condition. Without that line
// exists wants to see its condition, ~exists must not, and forall must always. A
// name that ends in -weak is a test's weakened twin, which shows that the edge is
// needed: it must see its condition, and a file that expects Never there is wrong.
//
// AArch64 has MOV, ADD, SUB, AND, ORR, EOR, BIC, CMP; CBZ, CBNZ, B, B.EQ, B.NE,
// B.LT, B.LE, B.GT, B.GE; LDR, LDAR, LDAPR, LDXR, LDAXR; STR, STLR, STXR, STLXR;
// CAS, SWP, LDADD, LDSET, LDCLR, LDEOR, STADD, STSET, STCLR, STEOR, with A, L and AL;
// DMB and DSB with SY, ISH, LD, ISHLD, ST, ISHST; ISB; NOP. Addresses are [X1],
// [X1,X2] or [X1,W2,SXTW]. EOR W2,W0,W0 makes a dependency without a change.
//
// X86 has MOV between registers, constants and variables; XCHG with a variable;
// LOCK CMPXCHG, XADD, INC, DEC, ADD, SUB, AND, OR, XOR of a variable; the same
// arithmetic between registers; CMP; JMP, JE, JNE, JL, JLE, JG, JGE; MFENCE, LFENCE,
// SFENCE; NOP. All that reads and writes a variable must be locked, XCHG is.
//
// Branches go forward, to a label in the same column, as "L:" in a row of its own or
// before an instruction. A loop is written out, or left by a condition on what its
// last round read. An exclusive store can always fail, so a test says in its
// condition that its status is 0.
//
// # The membarrier step
//
// MEMBARRIER is membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED), of either
// architecture. It is a full fence of the calling thread at its beginning and at its
// end. Between the two, every other thread executes a full fence between two of its
// instructions, wherever it is; for a thread that is not running, the switch to or
// from it is that fence. Each thread does so at a moment of its own. On AArch64 it
// makes an exclusive store fail whose load was before it.
//
// A weakened twin replaces MEMBARRIER by DMB SY or MFENCE, which order the thread
// that executes them and no other.
//
// # The models
//
// X86 is x86-TSO: Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, Communications of
// the ACM 53(7), 2010. See [tsoOutcomes].
//
// AArch64 is the model of the Arm Architecture Reference Manual, section B2.3, which
// is multi-copy atomic, in the form where all accesses take effect one after another
// in one memory. See [test.search] and [armOrder]. Both search exhaustively; there
// is no bound but that a test has at most 64 accesses and fences, and the time: it
// grows with the number of ways through the threads, and with the accesses of
// variables that threads share.
//
// Left out: accesses of several sizes to one variable, pairs, self-modifying code,
// page tables, tags, CSEL. Where Arm's definition of the dependency that goes
// through a compare-and-swap's choice of its result is finer, less is ordered here.
// The result of LDADD and the like is not predicted: who reads it has waited for
// what it was made from. No model has loops, so nothing is said about progress.
package main
