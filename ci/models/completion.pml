/*
 * Ends of tasks, records and their reuse, Futures, and goroutines that wait
 * (docs/protocol.md, sections 6 and 7; record.go, agent.go, future.go,
 * waiters.go).
 *
 * With INLINE, goroutines that wait run the tasks, with an agent that they give
 * back, and its spare record with it, before they look for waiters
 * (their own agents; tasks run in their slots, held.go, are not modelled); else workers do, with a record of their own.
 *
 * One access to a shared word is one step; so is a critical section of the
 * bucket's mutex, but for the finisher's, which sends inside it. The ring has
 * one slot: a task's successor waits for its release. Every record falls into
 * one bucket. A waiter's context may end at any time. A task returns or panics.
 *
 * Checked: a poll says that a task has ended if and only if it has, and with the
 * error it ended with, however often its record has been used since; a wait
 * returns only when its task has ended or its context has; nobody waits for ever.
 *
 * check: two waiters, three tasks | -DTASKS=3 -DWAITS=1
 * check: two waiters, two waits each | -DTASKS=2 -DWAITS=2
 * check: run by waiters | -DTASKS=3 -DWAITS=1 -DWORKERS=2 -DONE -DINLINE
 * full: two workers | -DTASKS=2 -DWORKERS=2
 * full: three tasks, two waits each | -DTASKS=3 -DWAITS=2
 *
 * mutant: MUTANT_no_look | a waiter does not look again before it sleeps | -DTASKS=1
 * mutant: MUTANT_count_late | it is counted after its second look | -DTASKS=1
 * mutant: MUTANT_insert_late | it enters the list after its second look | -DTASKS=1
 * mutant: MUTANT_gate_first | a finisher loads gate before it stores the end | -DTASKS=1
 * mutant: MUTANT_one_key | the state does not name the use of the record | -DTASKS=3
 * mutant: MUTANT_wake_any | a finisher wakes all who wait for the record | -DTASKS=3 -DWORKERS=2 -DONE -DINLINE
 * mutant: MUTANT_no_drain | a waiter leaves a late wake in its channel | -DTASKS=2 -DWAITS=2
 * mutant: MUTANT_no_remove | a finisher leaves those that it wakes in the list | -DTASKS=3
 * mutant: MUTANT_reuse_failed | the record of a failed task is used again | -DTASKS=3
 * mutant: MUTANT_release_first | a slot is released before its record's state is set | -DTASKS=2
 * mutant: MUTANT_outcome_late | a failed task's outcome is stored after its state | -DTASKS=1
 */

#ifndef TASKS
#define TASKS 2
#endif
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef WAITS
#define WAITS 1 /* of each waiter */
#endif
#ifdef ONE
#define WAITERS 1
#else
#define WAITERS 2
#endif
#define RECORDS (2 + WORKERS + TASKS) /* every task may fail and keep one */
#define NONE 255

#define PENDING 0
#define DONE 1
#define FAILED 2
#ifdef MUTANT_one_key
#define STATE(key, phase) (phase)
#else
#define STATE(key, phase) ((key) * 4 + (phase)) /* key<<phaseBits | phase */
#endif

/* A waiter in the list whose task has ended. */
#ifdef MUTANT_wake_any
#define OVER(w) true
#else
#define OVER(w) (state[whatRecord[w]] != STATE(whatKey[w], PENDING))
#endif

byte state[RECORDS]; /* record.state */
byte info[RECORDS] = NONE; /* record.info: the task whose error it holds */
byte records;        /* made so far */

/* The ring's slot. */
byte seq;         /* position*2: free; position*2+1: full */
byte slotRecord;

#ifdef INLINE
bool busy;           /* agent.busy and agent.spare */
byte agentSpare = 1;
#define BUSY busy
#else
#define BUSY false
#endif

byte gateWaiters;

/* The bucket and the waiters in its list or outside it. */
bool locked;
bool listed[WAITERS];
byte whatRecord[WAITERS];
byte whatKey[WAITERS];
byte wake[WAITERS]; /* messages in waiter.wake, which has room for one */

/* What the model knows and the code does not. */
byte futures;          /* tasks submitted */
byte futureOf[TASKS];  /* the record in the task's Future */
byte ended[TASKS];     /* DONE or FAILED once the state says so */
byte waited;

/* Future.poll. Sets is: PENDING, DONE or FAILED. */
inline poll(r, key) {
	atomic {
		if
		:: state[r] == STATE(key, PENDING) -> is = PENDING
		:: state[r] == STATE(key, FAILED) -> is = FAILED /* F1 */
		:: else -> is = DONE
		fi;
		assert(is == ended[key])
	};
	if
	:: is == FAILED -> assert(info[r] == key)
	:: else
	fi
}

/* One task after the other, at its slot; then the record is in the Future. */
proctype submitter() {
	byte pos;

	do
	:: pos < TASKS ->
	   atomic { seq == pos * 2 -> futureOf[pos] = slotRecord }; /* A1, claim */
	   atomic { seq = pos * 2 + 1; futures = pos + 1 };         /* R2 */
	   pos++
	:: else -> break
	od
}

/* agent.settleSlot, agent.succeed, agent.fail */
proctype worker() {
	byte pos, r, spare, w, gate;
	bool fails;

#ifndef INLINE
	atomic { spare = records; records++ };
#endif
	do
	:: atomic {
	      if
	      :: seq % 2 == 1 && !BUSY -> pos = seq / 2; seq = TASKS * 2 + 2 /* taken */
	      :: seq == TASKS * 2 -> break
	      fi
#ifdef INLINE
	      ;
	      busy = true; /* Pool.borrow, which comes before the take */
	      spare = agentSpare
#endif
	   };
	   r = slotRecord;
	   slotRecord = spare;
#ifdef MUTANT_release_first
	   seq = (pos + 1) * 2;
	   state[spare] = STATE(pos + 1, PENDING);
#else
	   state[spare] = STATE(pos + 1, PENDING); /* rearm */
	   seq = (pos + 1) * 2;                    /* R1 */
#endif
	   if
	   :: fails = true
	   :: fails = false
	   fi;
#ifdef MUTANT_gate_first
	   gate = gateWaiters;
#endif
	   if
	   :: fails ->
#ifndef MUTANT_outcome_late
	      info[r] = pos;
#endif
	      atomic { state[r] = STATE(pos, FAILED); ended[pos] = FAILED }; /* F1, C1 */
#ifdef MUTANT_outcome_late
	      info[r] = pos;
#endif
#ifdef MUTANT_reuse_failed
	      spare = r
#else
	      atomic { spare = records; records++ }
#endif
	   :: else ->
	      atomic { state[r] = STATE(pos, DONE); ended[pos] = DONE }; /* F1, C1 */
	      spare = r
	   fi;
#ifdef INLINE
	   atomic { agentSpare = spare; busy = false }; /* Pool.giveBack */
#endif
	   /* Pool.wakeWaiters, wakeBucket */
#ifndef MUTANT_gate_first
	   gate = gateWaiters; /* C1 */
#endif
	   if
	   :: gate > 0 ->
	      atomic { !locked -> locked = true };
	      w = 0;
	      do
	      :: w < WAITERS ->
	         if
	         :: listed[w] && whatRecord[w] == r && OVER(w) ->
#ifndef MUTANT_no_remove
	            listed[w] = false;
#endif
	            atomic { wake[w] == 0 -> wake[w] = 1 }
	         :: else
	         fi;
	         w++
	      :: else -> break
	      od;
	      locked = false
	   :: else
	   fi;
	   atomic { w = 0; gate = 0; r = 0; pos = 0; fails = false }
	od
}

/* Future.Wait and WaitContext, as far as park goes, for any task submitted.
 * waiter w uses the same entry each time. */
proctype waiter(byte w) {
	byte n, pos, is;
	bool over;

	do
	:: n < WAITS ->
	   atomic {
	      futures > 0;
	      pos = 0;
	      do
	      :: pos + 1 < futures -> pos++
	      :: break
	      od
	   };
	   poll(futureOf[pos], pos);
	   if
	   :: is != PENDING
	   :: else ->
#ifndef MUTANT_count_late
	      gateWaiters++; /* W1 */
#endif
#ifndef MUTANT_insert_late
	      atomic { !locked -> listed[w] = true; whatRecord[w] = futureOf[pos]; whatKey[w] = pos };
#endif
#ifdef MUTANT_no_look
	      is = PENDING;
#else
	      poll(futureOf[pos], pos);
#endif
#ifdef MUTANT_count_late
	      gateWaiters++;
#endif
#ifdef MUTANT_insert_late
	      atomic { !locked -> listed[w] = true; whatRecord[w] = futureOf[pos]; whatKey[w] = pos };
#endif
	      if
	      :: is != PENDING
	      :: else ->
	         if
	         :: atomic { wake[w] > 0 -> wake[w] = 0 }
	         :: n + 1 < WAITS -> over = true /* the context has ended */
	         fi
	      fi;
	      atomic {
	         !locked -> listed[w] = false; whatRecord[w] = 0; whatKey[w] = 0;
#ifndef MUTANT_no_drain
	         wake[w] = 0
#endif
	      };
	      gateWaiters--;
	      poll(futureOf[pos], pos);
	      assert(over || is != PENDING)
	   fi;
	   atomic { over = false; n++; is = 0; pos = 0 }
	:: else -> break
	od;
	waited++
}

init {
	byte i;

	atomic {
		/* Record 0, pending under key 0, is in the slot; 1 is an agent's. */
		records = 2;
		do
		:: i < WORKERS -> run worker(); i++
		:: else -> i = 0; break
		od;
		run submitter();
		do
		:: i < WAITERS -> run waiter(i); i++
		:: else -> i = 0; break
		od
	};
	timeout;
	assert(waited == WAITERS && gateWaiters == 0 && !locked && futures == TASKS)
}
