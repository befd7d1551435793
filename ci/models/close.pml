/*
 * Close and Shutdown against submissions, workers that fall asleep, waiters that
 * run tasks and loops (docs/protocol.md, section 13; pool.go, submit.go,
 * worker.go, agent.go, loop.go).
 *
 * One access to a shared word is one step. The ring's operations are one step
 * each, as in parking.pml, and so are the parts of the parker. A critical
 * section of the pool's mutex is one step unless it waits.
 *
 * CLOSERS call Close. With CUT, another calls Shutdown with a context that ends
 * at any time. With WAITER, a goroutine waits for the first task and runs it if
 * it can have it; with LOOP, one calls For.
 *
 * Checked: every task is run, or its submitter gets ErrClosed, or its Future
 * ends with ErrClosed because of CUT, and only one of these; when Close returns,
 * the workers have ended, nothing runs, and nothing begins later; every Close
 * returns.
 *
 * check: two workers | -DW=2 -DTASKS=1
 * check: two closers | -DW=1 -DCLOSERS=2 -DTASKS=1
 * check: a waiter | -DW=1 -DWAITER -DTASKS=1
 * check: a loop | -DW=1 -DLOOP -DTASKS=1
 * full: Shutdown cuts | -DW=1 -DCUT -DTASKS=1
 * full: two submitters | -DW=1
 * full: two submitters, two workers | -DW=2
 * full: two submitters, Shutdown cuts | -DW=1 -DCUT
 * full: waiter, loop | -DW=1 -DWAITER -DLOOP -DTASKS=1
 * full: Shutdown cuts, a waiter | -DW=1 -DCUT -DWAITER -DTASKS=1
 *
 * mutant: MUTANT_gate_once | a submitter looks at gate before its claim only | -DW=1
 * mutant: MUTANT_keep_entry | it says ErrClosed and leaves its entry | -DW=1
 * mutant: MUTANT_end_blindly | a worker ends without a look at the queues | -DW=1
 * mutant: MUTANT_look_first | it looks at the queues before it looks at gate | -DW=1
 * mutant: MUTANT_gate_unannounced | it looks at gate before it announces itself | -DW=1
 * mutant: MUTANT_wake_first | the closer wakes first and closes then | -DW=1
 * mutant: MUTANT_no_signal | a worker that ends does not say so | -DW=1
 * mutant: MUTANT_wait_unlocked | the closer looks before it takes the mutex | -DW=1
 * mutant: MUTANT_give_back_mute | an agent is given back without a look at gate | -DW=1 -DWAITER -DTASKS=1
 * mutant: MUTANT_give_back_late | gate is loaded before the agent is free | -DW=1 -DWAITER -DTASKS=1
 * mutant: MUTANT_borrow_late | a waiter takes its task before it borrows an agent | -DW=1 -DWAITER -DTASKS=1
 * mutant: MUTANT_loop_gate_first | a loop looks at gate before it borrows an agent | -DW=1 -DLOOP -DTASKS=1
 */

#ifndef W
#define W 1
#endif
#ifndef TASKS
#define TASKS 2 /* one for each submitter */
#endif
#ifndef CLOSERS
#define CLOSERS 1
#endif
#define NONE 255

/* Pool.gate */
bool closed;
bool cut;
byte gateIdle;

bool idle[W];    /* the bitmap */
bool woken[W];   /* parker.word: awake */
byte waking;
byte live = W;
byte busy[2];    /* agents: the first for waiters and drain, the second for loops */
bool mu;         /* Pool.mu */
byte signal;     /* Pool.changed: counts broadcasts */
bool cutWork;

/* The ring. */
byte tail;
bool published[TASKS];
bool taken[TASKS];

/* What the model knows and the code does not. */
#define RAN 1
#define CUTOFF 2
#define REFUSED 3
byte outcome[TASKS];
byte taskAt[TASKS];
byte running;
bool given;     /* the Future of the first position */
bool returned;  /* a Close */
byte closes;

inline end(task, how) {
	atomic { assert(outcome[task] == 0); outcome[task] = how }
}

inline run_(task) {
	atomic { assert(!returned); running++ };
	atomic { end(task, RAN); running-- }
}

/* Pool.hasWork */
inline hasWork() {
	atomic {
		i = 0;
		yes = false;
		do
		:: i < tail -> yes = yes || !taken[i]; i++
		:: else -> i = 0; break
		od
	}
}

/* dequeue and dequeuePast. Sets t, or soon. */
inline take() {
	atomic {
		t = NONE;
		soon = false;
		i = 0;
		do
		:: i < tail && t == NONE ->
		   if
		   :: !taken[i] && published[i] -> t = i; taken[i] = true
		   :: !taken[i] && !published[i] -> soon = true
		   :: else
		   fi;
		   i++
		:: else -> i = 0; break
		od
	}
}

inline takeAt(p) {
	atomic {
		if
		:: published[p] && !taken[p] -> taken[p] = true; yes = true
		:: else -> yes = false
		fi
	}
}

inline broadcast() {
	atomic { !mu -> signal++ }
}

/* Pool.borrow, Pool.giveBack */
inline borrow(a) {
	atomic { busy[a] == 0 -> busy[a] = 1 }
}

inline giveBack(a) {
#ifdef MUTANT_give_back_late
	yes = closed;
	busy[a] = 0;
#else
	busy[a] = 0; /* L1 */
	yes = closed;
#endif
#ifndef MUTANT_give_back_mute
	if
	:: yes -> broadcast()
	:: else
	fi;
#endif
	yes = false
}

/* Pool.unidle */
inline unidle(v) {
	atomic { yes = idle[v]; idle[v] = false };
	if
	:: yes -> atomic { assert(gateIdle > 0); gateIdle-- }
	:: else
	fi
}

proctype submitter(byte task) {
	byte pos, v, i;
	bool yes, wasClosed, anyIdle;

	if
	:: closed -> end(task, REFUSED); goto over
	:: else
	fi;
	atomic { pos = tail; tail++; taskAt[pos] = task }; /* D1 */
	published[pos] = true;
#ifndef MUTANT_gate_once
	atomic { wasClosed = closed; anyIdle = gateIdle > 0 }; /* D1 */
	if
	:: anyIdle -> /* wakeOne */
	   atomic {
	      if
	      :: waking == 0 -> waking = 1; yes = true
	      :: else
	      fi
	   };
	   do
	   :: yes ->
	      v = 0;
	      do
	      :: v < W ->
	         unidle(v);
	         if
	         :: yes -> break
	         :: else -> v++
	         fi
	      :: else -> break
	      od;
	      if
	      :: v < W -> woken[v] = true; break
	      :: else -> waking--
	      fi;
	      atomic {
	         v = 0;
	         do
	         :: v < W && !idle[v] -> v++
	         :: else -> break
	         od
	      };
	      if
	      :: v < W -> hasWork()
	      :: else -> yes = false
	      fi;
	      atomic {
	         if
	         :: yes && waking == 0 -> waking = 1
	         :: else -> yes = false
	         fi
	      }
	   :: else -> break
	   od;
	   yes = false
	:: else
	fi;
	if
	:: wasClosed ->
#ifdef MUTANT_keep_entry
	   end(task, REFUSED)
#else
	   takeAt(pos);
	   if
	   :: yes -> end(task, REFUSED); yes = false
	   :: else
	   fi
#endif
	:: else
	fi;
#endif
	if
	:: pos == 0 && outcome[task] != REFUSED -> given = true
	:: else
	fi;
over:
	skip
}

proctype worker(byte w) {
	byte t = NONE, i;
	bool yes, soon, wasClosed, sleeps;

	do
	:: take();
	   if
	   :: t != NONE ->
	      if
	      :: cut -> cutWork = true; end(taskAt[t], CUTOFF)
	      :: else -> run_(taskAt[t])
	      fi;
	      t = NONE
	   :: t == NONE && soon
	   :: else -> /* worker.idle */
	      sleeps = true;
	      woken[w] = false;
#ifdef MUTANT_gate_unannounced
	      wasClosed = closed;
#endif
	      gateIdle++;
	      idle[w] = true;
#ifdef MUTANT_look_first
	      hasWork();
#endif
#ifndef MUTANT_gate_unannounced
	      wasClosed = closed; /* D1 */
#endif
#ifdef MUTANT_look_first
	      yes = yes || wasClosed;
#else
	      if
	      :: wasClosed -> yes = true
	      :: else -> hasWork()
	      fi;
#endif
	      if
	      :: yes ->
	         unidle(w);
	         if
	         :: yes ->
	            sleeps = false;
	            woken[w] = true;
	            if
	            :: wasClosed ->
#if defined(MUTANT_end_blindly) || defined(MUTANT_look_first)
	               break
#else
	               hasWork();
	               if
	               :: yes
	               :: else -> break
	               fi
#endif
	            :: else
	            fi
	         :: else
	         fi
	      :: else
	      fi;
	      if
	      :: sleeps ->
	         woken[w];
	         waking-- /* worker.arrived */
	      :: else
	      fi;
	      atomic { yes = false; wasClosed = false; sleeps = false }
	   fi
	od;
	/* Pool.workerEnded */
	atomic {
		!mu -> live--;
#ifndef MUTANT_no_signal
		signal++
#endif
	}
}

/* Pool.ended, the caller holding mu: one load after the other. */
inline ended() {
	atomic { yes = (live == 0) };
	if
	:: yes -> yes = (busy[0] == 0) /* L1 */
	:: else
	fi;
	if
	:: yes -> yes = (busy[1] == 0) /* L1 */
	:: else
	fi
}

inline closeGate() {
#ifndef MUTANT_wake_first
	closed = true; /* D1, L1 */
#endif
	v = 0;
	do
	:: v < W ->
	   unidle(v);
	   if
	   :: yes -> waking++; woken[v] = true
	   :: else
	   fi;
	   v++
	:: else -> v = 0; break
	od;
#ifdef MUTANT_wake_first
	closed = true;
#endif
	broadcast()
}

/* Pool.Close */
proctype closer() {
	byte v, seen;
	bool yes;

	closeGate();
#ifdef MUTANT_wait_unlocked
	ended();
	do
	:: !yes ->
	   seen = signal;
	   seen != signal;
	   ended()
	:: else -> break
	od;
#else
	atomic { !mu -> mu = true };
	do
	:: ended();
	   if
	   :: yes -> break
	   :: else ->
	      atomic { mu = false; seen = signal }; /* changed.Wait */
	      atomic { !mu && seen != signal -> mu = true }
	   fi
	od;
	mu = false;
#endif
	atomic { assert(live == 0 && running == 0); returned = true; closes++ }
}

/* Pool.Shutdown with a context that ends: its own goroutine and AfterFunc's. */
bool ctxEnded;

proctype cutter() {
	byte t = NONE, i;
	bool yes, soon;

	closed;
	ctxEnded = true;
	cut = true;
	borrow(0); /* Pool.drain */
	do
	:: take();
	   if
	   :: t != NONE -> cutWork = true; end(taskAt[t], CUTOFF)
	   :: else -> break
	   fi
	od;
	giveBack(0);
	broadcast()
}

proctype shutter() {
	byte v, seen;
	bool yes;

	closeGate();
	atomic { !mu -> mu = true };
	do
	:: ended();
	   if
	   :: yes || cut -> break
	   :: else ->
	      atomic { mu = false; seen = signal };
	      atomic { !mu && seen != signal -> mu = true }
	   fi
	od;
	if
	:: ctxEnded ->
	   ended();
	   if
	   :: !yes || cutWork -> mu = false; goto over /* the context's error */
	   :: else
	   fi
	:: else
	fi;
	do
	:: ended();
	   if
	   :: yes -> break
	   :: else ->
	      atomic { mu = false; seen = signal };
	      atomic { !mu && seen != signal -> mu = true }
	   fi
	od;
	mu = false;
	assert(live == 0 && running == 0);
over:
	closes++
}

/* Future.help for the task of the first position, once Submit has returned. */
proctype waiter() {
	bool yes;

endNone:
	given;
#ifndef MUTANT_borrow_late
	borrow(0);
#endif
	takeAt(0);
#ifdef MUTANT_borrow_late
	borrow(0);
#endif
	if
	:: yes -> run_(taskAt[0])
	:: else
	fi;
	giveBack(0)
}

/* Pool.loop */
proctype loop() {
	bool yes;

#ifdef MUTANT_loop_gate_first
	yes = closed;
	borrow(1);
#else
	borrow(1);
	yes = closed; /* L1 */
#endif
	if
	:: yes
	:: else ->
	   atomic { assert(!returned); running++ };
	   running--
	fi;
	giveBack(1)
}

init {
	byte i;

	atomic {
		do
		:: i < W -> run worker(i); i++
		:: else -> i = 0; break
		od;
		do
		:: i < TASKS -> run submitter(i); i++
		:: else -> i = 0; break
		od;
		do
		:: i < CLOSERS -> run closer(); i++
		:: else -> i = 0; break
		od;
#ifdef CUT
		run shutter();
		run cutter();
#endif
#ifdef WAITER
		run waiter();
#endif
#ifdef LOOP
		run loop();
#endif
	};
	timeout;
	do
	:: i < TASKS -> assert(outcome[i] != 0); i++
	:: else -> i = 0; break
	od;
#ifdef CUT
	assert(closes == CLOSERS + 1);
#else
	assert(closes == CLOSERS);
#endif
	assert(live == 0 && gateIdle == 0 && waking == 0)
}
