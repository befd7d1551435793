/*
 * Waiters that park until their task has ended (docs/protocol.md: parked
 * waiters), with the store buffer of the lane's owner.
 *
 * One slot, so all positions share one address to wait for. The owner pushes each
 * task, takes it or leaves it, and waits for it or not; a thief takes what it
 * finds. A task leaves a result, or fails. Attaching is one step, and so is the
 * owner's take in the private mode: lane.pml has their parts. An attempt to
 * attach may fail. Any number of runs of the slot are for the waiters of one
 * position to mistake for the end of theirs.
 *
 * Checked: a waiter returns after its task has ended, sees its result, and gets
 * the answer for this task; nobody sleeps for ever; nobody is left in the list
 * or in the count.
 *
 * check: two waiters of one task | -DTASKS=1
 * check: two tasks, a waiter each | -DTASKS=2
 * check: two waiters of one task, ARM | -DTASKS=1 -DARM
 * check: two tasks, a waiter each, ARM | -DTASKS=2 -DARM
 *
 * mutant: MUTANT_no_barrier | the last look comes without a barrier | -DTASKS=1
 * mutant: MUTANT_only_owned | there is a barrier only where the task is known to run | -DTASKS=1
 * mutant: MUTANT_no_look | no look at the state after entering the list | -DTASKS=1
 * mutant: MUTANT_count_late | a waiter is counted after its last look | -DTASKS=1
 * mutant: MUTANT_enter_late | a waiter enters the list after its last look | -DTASKS=1
 * mutant: MUTANT_count_first | who ends a task loads the count before it stores the state | -DTASKS=1
 * mutant: MUTANT_plain_taken | the end of a task taken by CAS is a plain store | -DTASKS=1
 * mutant: MUTANT_plain_end | the end is no release store | -DTASKS=1 -DARM
 * mutant: MUTANT_wake_one | only one waiter of the slot is woken | -DTASKS=1
 * mutant: MUTANT_no_loop | who was woken does not look again | -DTASKS=2
 */

#ifndef TASKS
#define TASKS 2
#endif
#define BUF 4

#define FREE 0
#define FULL 1
#define OWNED 2
#define TAKEN 3
#define FAILED 4
#define WORD(p, kind) ((p) * 5 + (kind))
#define POS(w) ((w) / 5)
#define KIND(w) ((w) % 5)
#define DONE(w, p) (POS(w) > (p) || KIND(w) == FAILED)

#define STATE 0
#define RESULT 1 /* of the last task: its position plus 1 */

byte mem[2];
byte shared;
byte waiters; /* the count */
byte list;    /* one bit for each waiter in the slot's list */
bool mu;      /* its lock */
bool woken[3];

byte n;
byte bufA[BUF];
byte bufV[BUF];
bit bufR[BUF];

bool ended[TASKS];
bool failed[TASKS];

/* --- memory --- */

inline pop(i) {
	mem[bufA[i]] = bufV[i];
	k = i;
	do
	:: k + 1 < n -> bufA[k] = bufA[k + 1]; bufV[k] = bufV[k + 1]; bufR[k] = bufR[k + 1]; k++
	:: else -> break
	od;
	n--;
	bufA[n] = 0; bufV[n] = 0; bufR[n] = 0;
	k = 0
}

proctype drainer() {
	byte k;

end:
	do
	:: d_step { n > 0 -> pop(0) }
#ifdef ARM
	:: d_step { n > 1 && !bufR[1] && bufA[1] != bufA[0] -> pop(1) }
	:: d_step { n > 2 && !bufR[2] && bufA[2] != bufA[0] && bufA[2] != bufA[1] -> pop(2) }
	:: d_step { n > 3 && !bufR[3] && bufA[3] != bufA[0] && bufA[3] != bufA[1] && bufA[3] != bufA[2] -> pop(3) }
#endif
	od
}

inline drain() {
	do
	:: n > 0 -> pop(0)
	:: else -> break
	od
}

inline heavy() {
	d_step { drain() }
}

inline append(addr, val, release) {
	bufA[n] = addr; bufV[n] = val; bufR[n] = release; n++
}

inline put(addr, val, release) {
	d_step { n < BUF -> append(addr, val, release) }
}

/* What the owner sees in the state. */
inline getState() {
	d_step {
		w = mem[STATE];
		k = 0;
		do
		:: k < n ->
		   if
		   :: bufA[k] == STATE -> w = bufV[k]
		   :: else
		   fi;
		   k++
		:: else -> break
		od;
		k = 0
	}
}

/* --- the end of a task --- */

#ifdef MUTANT_plain_end
#define REL_END 0
#else
#define REL_END 1
#endif

inline outcome(p) {
	if
	:: s = WORD(p + 1, FREE)
	:: d_step { s = WORD(p, FAILED); failed[p] = true }
	fi
}

inline wakeAll() {
	if
	:: waiters != 0 || c ->
	   atomic { !mu -> mu = true };
#ifdef MUTANT_wake_one
	   d_step {
		if
		:: list & 1 -> woken[0] = true; list = list & 6
		:: !(list & 1) && (list & 2) -> woken[1] = true; list = list & 4
		:: !(list & 3) && (list & 4) -> woken[2] = true; list = 0
		:: list == 0
		fi
	   };
#else
	   d_step {
		if
		:: list & 1 -> woken[0] = true
		:: else
		fi;
		if
		:: list & 2 -> woken[1] = true
		:: else
		fi;
		if
		:: list & 4 -> woken[2] = true
		:: else
		fi;
		list = 0
	   };
#endif
	   mu = false
	:: else
	fi;
	c = 0
}

/* Ends a task that was taken by CAS, by anybody but the owner. */
inline endTaken(p) {
	d_step { mem[RESULT] = p + 1; ended[p] = true };
	outcome(p);
	mem[STATE] = s;
	wakeAll();
	s = 0
}

/* --- waiting --- */

#define BIT(me) (1 << (me))

inline unlist(me) {
	atomic { !mu -> mu = true };
	d_step { list = list & (7 - BIT(me)); woken[me] = false };
	mu = false
}

inline park(me, p) {
#ifndef MUTANT_count_late
	waiters++;
#endif
#ifndef MUTANT_enter_late
	atomic { !mu -> mu = true };
	list = list | BIT(me);
	mu = false;
#endif
	w = mem[STATE];
#ifndef MUTANT_no_barrier
	if
#ifdef MUTANT_only_owned
	:: KIND(w) == OWNED && !DONE(w, p) -> heavy(); w = mem[STATE]
#else
	:: KIND(w) != TAKEN && !DONE(w, p) -> heavy(); w = mem[STATE]
#endif
	:: else
	fi;
#endif
#ifdef MUTANT_no_look
	w = WORD(p, FULL);
#endif
#ifdef MUTANT_enter_late
	atomic { !mu -> mu = true };
	list = list | BIT(me);
	mu = false;
#endif
#ifdef MUTANT_count_late
	waiters++;
#endif
	if
	:: DONE(w, p) -> unlist(me)
	:: else -> atomic { woken[me] -> woken[me] = false }
	fi;
	waiters--;
	w = 0
}

inline answer(p) {
	d_step {
		assert(ended[p]);
		assert(POS(w) > p && !failed[p] || POS(w) == p && KIND(w) == FAILED && failed[p]);
		assert(mem[RESULT] > p)
	}
}

/* A goroutine that waits for p and may run it. */
proctype waiter(byte me; byte p) {
	byte w, s, k, c;

end:
	mem[STATE] != WORD(p, FREE) && POS(mem[STATE]) >= p;
	do
	:: w = mem[STATE];
	   if
	   :: DONE(w, p) -> break
	   :: else
	   fi;
	   if
	   :: w == WORD(p, FULL) -> /* attach, take, detach */
	      d_step { drain(); shared++ };
	      if
	      :: atomic { mem[STATE] == WORD(p, FULL) -> mem[STATE] = WORD(p, TAKEN) };
	         shared--;
	         endTaken(p)
	      :: atomic { mem[STATE] != WORD(p, FULL) -> shared-- }
	      fi
	   :: true -> /* it could not attach, or there is nothing to take */
	      park(me, p);
#ifdef MUTANT_no_loop
	      w = mem[STATE];
	      break
#endif
	   fi
	od;
	answer(p)
}

proctype thief() {
	byte w, s, k, c;

end:
	do
	:: KIND(mem[STATE]) == FULL ->
	   d_step { drain(); shared++ };
	   w = mem[STATE];
	   if
	   :: atomic { KIND(w) == FULL && mem[STATE] == w -> mem[STATE] = WORD(POS(w), TAKEN) };
	      shared--;
	      endTaken(POS(w))
	   :: atomic { KIND(w) != FULL || mem[STATE] != w -> shared-- }
	   fi
	od
}

/* --- the owner --- */

inline own(p) {
	put(RESULT, p + 1, 0);
	ended[p] = true;
	outcome(p)
}

proctype owner() {
	byte p, w, s, k, c;

	do
	:: p < TASKS ->
	   do
	   :: getState();
	      if
	      :: w == WORD(p, FREE) -> break
	      :: KIND(w) == FAILED -> goto out /* the lane has no other slot */
	      :: else
	      fi
	   od;
	   put(STATE, WORD(p, FULL), 1);
	   if
	   :: skip /* others shall run it */
	   :: if
	      :: atomic { shared == 0 && n < BUF -> getState();
	         if
	         :: w == WORD(p, FULL) -> put(STATE, WORD(p, OWNED), 0); c = 1
	         :: else
	         fi };
	         if
	         :: c == 1 ->
	            own(p);
#ifdef MUTANT_count_first
	            c = (waiters != 0);
	            put(STATE, s, REL_END);
	            if
	            :: c -> wakeAll()
	            :: else
	            fi;
#else
	            put(STATE, s, REL_END);
	            c = 0;
	            wakeAll();
#endif
	            c = 0
	         :: else
	         fi
	      :: atomic { shared != 0 && n == 0 ->
	         if
	         :: mem[STATE] == WORD(p, FULL) -> mem[STATE] = WORD(p, TAKEN); c = 1
	         :: else
	         fi };
	         if
	         :: c == 1 ->
	            own(p);
#ifdef MUTANT_plain_taken
	            put(STATE, s, 1);
#else
	            atomic { n == 0 -> mem[STATE] = s };
#endif
	            c = 0;
	            wakeAll()
	         :: else
	         fi
	      fi;
	      s = 0;
	      do
	      :: getState();
	         if
	         :: DONE(w, p) -> break
	         :: else -> n == 0; park(2, p)
	         fi
	      od
	   fi;
	   p++
	:: else -> break
	od;
out:
	skip
}

init {
	atomic {
		run drainer();
		run owner();
		run thief();
		run waiter(0, 0);
		run waiter(1, TASKS - 1)
	};
	timeout;
	assert(waiters == 0 && list == 0 && !woken[0] && !woken[1] && !woken[2]);
	assert(KIND(mem[STATE]) != FULL && shared == 0)
}
