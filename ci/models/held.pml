/*
 * Tasks that their waiters run in their slots, submitters that take such slots
 * over, and what Close looks at (docs/protocol.md, sections 6 and 13; held.go,
 * future.go, submit.go, pool.go).
 *
 * One slot, so that each position comes round to the one before. The task of
 * position p is p+1. Each task is taken once: by a waiter that runs it in the
 * slot, by one that gives it to a stand-in with an agent, or by a worker. A task
 * that a waiter runs may fail. Submitters claim in any order; looking at the slot
 * and claiming it when it is free is one step (ring.pml has the rest).
 *
 * Checked: who takes a task reads that task; a Future's record tells the end if
 * and only if the task has ended; Close returns when all have ended and not
 * before; at the end no waiter is counted as displaced and the slot is free.
 *
 * check: two tasks | -DTASKS=2
 * check: two tasks, the policy Block | -DTASKS=2 -DBLOCK
 * full: three tasks | -DTASKS=3
 * full: three tasks, the policy Block | -DTASKS=3 -DBLOCK
 *
 * mutant: MUTANT_clear_late | the slot is cleared after it can be taken over | -DTASKS=3
 * mutant: MUTANT_store_again | the held state is stored twice | -DTASKS=3 -DBLOCK
 * mutant: MUTANT_plain_release | the waiter releases the slot with a store | -DTASKS=3
 * mutant: MUTANT_end_late | the record tells the end after the slot's release | -DTASKS=3
 * mutant: MUTANT_keep_record | a submitter that takes the slot over keeps its record | -DTASKS=3
 * mutant: MUTANT_fail_in_slot | a task that failed settles its slot without asking | -DTASKS=3
 * mutant: MUTANT_agents_first | Close looks at the agents before the slot | -DTASKS=3
 * mutant: MUTANT_displaced_first | Close looks for displaced waiters before the slot | -DTASKS=3
 */

#ifndef TASKS
#define TASKS 3
#endif

/* slot.seq */
#define FREE(p) (4 * (p))
#define FULL(p) (4 * (p) + 1)
#define TAKEN(p) (4 * (p) + 2)
#define HELD(p) (4 * (p) + 3)

/* record.state: the key of a pending use, or how the last one ended */
#define KEY(p) (p)
#define DONE(p) (50 + (p))
#define FAILED(p) (100 + (p))

#define RECORDS (3 * TASKS + 1)

byte tail;
byte seq = FREE(0);
byte word;           /* slot.task.fn and params */
byte rec;            /* slot.task.done */
byte state[RECORDS]; /* record 0 is in the slot, under the key of position 0 */
byte fresh = 1;      /* records made so far */

bool given[TASKS];   /* the Future has been returned */
byte future[TASKS];  /* its record; its key is KEY(p) */
bool begun[TASKS];
bool ended[TASKS];
bool failed[TASKS];
byte displaced;      /* Pool.displaced */
byte agents;         /* borrowed */
byte over;           /* tasks that have ended */

/* Pool.submit, Pool.claimHeld */
proctype submitter() {
	byte pos, r;

	do
	:: atomic { seq == FREE(tail) -> pos = tail; tail++; break }
	:: tail > 0 && seq == HELD(tail - 1) ->
	   pos = tail;
	   if
	   :: atomic { tail == pos && pos > 0 && (seq == HELD(pos - 1) || seq == TAKEN(pos - 1) || seq == FREE(pos)) -> tail++ }
	      displaced++;
	      if
	      :: atomic { seq == HELD(pos - 1) -> seq = FREE(pos) } /* T1 */
#ifdef MUTANT_keep_record
	         state[rec] = KEY(pos)
#else
	         atomic { r = fresh; fresh++; state[r] = KEY(pos) };
	         rec = r
#endif
	      :: atomic { seq != HELD(pos - 1) -> skip }
	         displaced--;
	         seq == FREE(pos)
	      fi;
	      break
	   :: tail != pos
	   fi
	od;
	r = rec;
	word = pos + 1;
	future[pos] = r;
	seq = FULL(pos);
	given[pos] = true
}

/* agent.settleSlot: p's slot, with a new record */
inline settle(p) {
	atomic { n = fresh; fresh++; state[n] = KEY(p + 1) };
	rec = n;
	seq = FREE(p + 1)
}

inline take(p) {
	atomic { seq == FULL(p) -> seq = TAKEN(p) }; /* the claim bit */
	assert(word == p + 1 && !begun[p]);
	r = rec
}

inline end(p, s) {
	ended[p] = true;
	state[r] = s
}

proctype consumer(byte p) {
	byte r, n;

	take(p);
	if
	:: /* a waiter, in the slot: Pool.runHeld */
#ifndef MUTANT_clear_late
	   word = 0;
#endif
	   seq = HELD(p);
#ifdef MUTANT_clear_late
	   word = 0;
#endif
#ifdef BLOCK
#ifdef MUTANT_store_again
	   seq = HELD(p);
#endif
#endif
	   begun[p] = true;
	   if
	   :: ended[p] = true;
#ifndef MUTANT_end_late
	      state[r] = KEY(p + 1);
#endif
#ifdef MUTANT_plain_release
	      seq = FREE(p + 1)
#else
	      if
	      :: atomic { seq == HELD(p) -> seq = FREE(p + 1) } /* T1 */
	      :: atomic { seq != HELD(p) -> displaced-- }
	      fi
#endif
#ifdef MUTANT_end_late
	      ;
	      state[r] = KEY(p + 1)
#endif
	   :: failed[p] = true; /* Pool.unwoundHeld */
	      agents++;
#ifdef MUTANT_fail_in_slot
	      settle(p);
#else
	      if
	      :: atomic { seq == HELD(p) -> seq = TAKEN(p) } /* T1 */
	         settle(p)
	      :: atomic { seq != HELD(p) -> displaced-- }
	      fi;
#endif
	      end(p, FAILED(p));
	      agents--
	   fi
	:: /* a stand-in: Pool.standInFor; a worker's task is not waited for here */
	   agents++;
	   word = 0;
	   settle(p);
	   begun[p] = true;
	   end(p, DONE(p));
	   agents--
	fi;
	over++
}

/* Future.poll, at any time */
proctype poller(byte p) {
	byte s;

	given[p];
	s = state[future[p]];
	if
	:: s == KEY(p) -> skip
	:: s == FAILED(p) -> assert(failed[p] && ended[p])
	:: else -> assert(ended[p] && !failed[p])
	fi
}

/* Pool.ended, when every task has been submitted and taken: the workers are gone */
proctype closer() {
	byte p;
	bool busy;

	tail == TASKS && seq != FULL(TASKS - 1);
	do
	:: busy = false;
#ifdef MUTANT_agents_first
	   busy = busy || agents != 0;
#endif
#ifdef MUTANT_displaced_first
	   busy = busy || displaced != 0;
#endif
	   busy = busy || seq != FREE(TASKS);
#ifndef MUTANT_displaced_first
	   busy = busy || displaced != 0;
#endif
#ifndef MUTANT_agents_first
	   busy = busy || agents != 0;
#endif
	   if
	   :: !busy -> break
	   :: else -> over == TASKS || seq == FREE(TASKS) /* told by whoever ends */
	   fi
	od;
	do
	:: p < TASKS -> assert(ended[p]); p++
	:: else -> break
	od
}

init {
	byte i;

	atomic {
		do
		:: i < TASKS -> run submitter(); run consumer(i); i++
		:: else -> break
		od;
		run poller(0);
		run poller(TASKS - 2);
		run closer()
	};
	timeout;
	assert(over == TASKS && displaced == 0 && agents == 0 && seq == FREE(TASKS))
}
