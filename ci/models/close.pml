/*
 * Close and Shutdown against owners that submit and wait, tasks that submit,
 * runners that fall asleep, and waiters (docs/protocol.md: Close and Shutdown),
 * with the store buffers of the lanes' owners.
 *
 * Each submitter and each runner owns a lane; each task has a slot of its own.
 * Attaching is one step, and so is an owner's private take (lane.pml has their
 * parts); an attempt to attach may fail. What the pool's lock protects is one
 * step, but for the closer's looks, during which it holds the lock. Each runner
 * that falls asleep is taken for the last one.
 *
 * With FORK, the first task submits another if a runner runs it. With WAITER, a
 * goroutine waits for the first task and runs it if it can have it. With CUT, the
 * context of a Shutdown ends at any time.
 *
 * Checked: every task is run, or its submitter gets ErrClosed, or its Future ends
 * with ErrClosed because of CUT, and only one of these; when Close returns,
 * every task whose submitter saw the gate open has ended for all to see, and
 * nothing begins later; when
 * Shutdown has cut, nothing is left in a queue, and what is taken later is not
 * run; every Close returns.
 *
 * check: two tasks | -DTASKS=2
 * check: two closers | -DCLOSERS=2
 * check: a waiter | -DWAITER
 * check: a task that submits | -DFORK
 * check: Shutdown cuts | -DCUT
 * check: Close looks at the slots only, two tasks | -DNO_COUNTS -DTASKS=2
 * check: Close looks at the slots only, a waiter | -DNO_COUNTS -DWAITER
 * check: Close looks at the slots only, a task that submits | -DNO_COUNTS -DFORK
 * slow:  two workers | -DW=2
 * full: Shutdown cuts, two tasks | -DCUT -DTASKS=2
 * full: Shutdown cuts, a waiter | -DCUT -DWAITER
 * full: two submitters | -DSUBMITTERS=2
 *
 * mutant: MUTANT_no_barrier | Close executes no barrier | -DTASKS=1
 * mutant: MUTANT_end_on_closed | runners end once the gate is closed | -DTASKS=1
 * mutant: MUTANT_end_blindly | a runner ends without a look at the queues | -DTASKS=1
 * mutant: MUTANT_look_first | it looks at the queues before it looks whether it may end | -DTASKS=1
 * mutant: MUTANT_park_unasked | a runner parks without asking whether it may end | -DTASKS=1
 * mutant: MUTANT_no_wake | the closer wakes nobody | -DTASKS=1
 * mutant: MUTANT_end_mute | a runner that ends does not say so | -DTASKS=1
 * mutant: MUTANT_no_tell | an owner that ends a task does not say so | -DTASKS=1
 * mutant: MUTANT_gate_early | it loads the gate before it stores the state | -DTASKS=1
 * mutant: MUTANT_count_after | a task is counted after it is published | -DTASKS=1
 * mutant: MUTANT_gate_first | a submitter loads the gate before it publishes | -DTASKS=1
 * mutant: MUTANT_keep_task | it says ErrClosed and leaves its task | -DTASKS=1
 * mutant: MUTANT_no_slots | Close does not look at the slots | -DTASKS=1
 * mutant: MUTANT_no_live | Close does not wait for the runners | -DTASKS=1
 * mutant: MUTANT_cut_unseen | who takes a task does not look whether Shutdown has cut | -DCUT
 * mutant: MUTANT_cut_no_barrier | Shutdown cuts without a barrier | -DCUT
 * mutant: MUTANT_cut_give_up | it leaves a lane whose owner is busy | -DCUT
 */

#ifndef W
#define W 1
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 1
#endif
#ifndef TASKS
#define TASKS 1 /* of each submitter */
#endif
#ifndef CLOSERS
#define CLOSERS 1
#endif
#ifdef FORK
#define ALL (SUBMITTERS * TASKS + 1)
#else
#define ALL (SUBMITTERS * TASKS)
#endif
#define LANES (SUBMITTERS + W)
#define BUF 5

/* a slot's state */
#define FREE 0
#define FULL 1
#define OWNED 2
#define TAKEN 3
#define DONE 4

/* Words that owners store to: the slots' states and the lanes' counters. */
#define PUSHED(l) (ALL + (l))
#define COMPLETED(l) (ALL + LANES + (l))
#define WORDS (ALL + 2 * LANES)
byte mem[WORDS];
byte stolen;        /* tasks that others than the owner have ended */
byte shared[LANES];

typedef buffer {
	byte n;
	byte a[BUF];
	byte v[BUF];
};
buffer sb[LANES];

#define SLEEPING 1
#define CLOSED 2
#define CUTS 4
byte gate;
bool ending;        /* runners may end */
byte parked;
bool woken[W];
byte live = W;
bool mu;            /* the pool's lock, while a closer looks */
bool told[CLOSERS]; /* a closer's condition variable */

/* What the model knows and the code does not. */
#define RAN 1
#define CUTOFF 2
#define REFUSED 3
byte outcome[ALL];
byte accepted[ALL]; /* by a submitter that saw the gate open: 1, closed: 2 */
byte laneOf[ALL];
byte running;
bool closedAll;     /* a Close has returned */
bool cutDone;

/* --- memory --- */

inline pop(l) {
	mem[sb[l].a[0]] = sb[l].v[0];
	k = 0;
	do
	:: k + 1 < sb[l].n -> sb[l].a[k] = sb[l].a[k + 1]; sb[l].v[k] = sb[l].v[k + 1]; k++
	:: else -> break
	od;
	sb[l].n--;
	sb[l].a[sb[l].n] = 0;
	sb[l].v[sb[l].n] = 0;
	k = 0
}

inline drain(l) {
	do
	:: sb[l].n > 0 -> pop(l)
	:: else -> break
	od
}

proctype drainer(byte l) {
	byte k;

end:
	do
	:: d_step { sb[l].n > 0 -> pop(l) }
	od
}

inline append(l, addr, val) {
	sb[l].a[sb[l].n] = addr;
	sb[l].v[sb[l].n] = val;
	sb[l].n++
}

inline put(l, addr, val) {
	d_step { sb[l].n < BUF -> append(l, addr, val) }
}

inline see(l, addr) {
	w = mem[addr];
	k = 0;
	do
	:: k < sb[l].n ->
	   if
	   :: sb[l].a[k] == addr -> w = sb[l].v[k]
	   :: else
	   fi;
	   k++
	:: else -> break
	od;
	k = 0
}

inline increment(l, addr) {
	d_step {
		sb[l].n < BUF ->
		see(l, addr);
		w++;
		append(l, addr, w);
		w = 0
	}
}

inline heavy() {
	b = 0;
	do
	:: b < LANES -> d_step { drain(b); b++ }
	:: else -> break
	od;
	b = 0
}

/* --- the end of a task --- */

/* To lock is a locked operation, so owners empty their buffers before. */
inline tell() {
	atomic {
		!mu ->
		told[0] = true;
#if CLOSERS > 1
		told[1] = true
#endif
	}
}

inline result(t, o) {
	d_step { assert(outcome[t] == 0); outcome[t] = o }
}

/* Runs t, which has been taken. */
inline work(t) {
	if
#ifndef MUTANT_cut_unseen
	:: gate & CUTS -> result(t, CUTOFF)
#endif
	:: else ->
	   d_step { assert(!closedAll && !late); running++ };
#ifdef FORK
	   if
	   :: t == 0 && me >= SUBMITTERS -> submit(ALL - 1, me)
	   :: else
	   fi;
#endif
	   d_step { running--; result(t, RAN) }
	fi;
	late = false
}

/* The end of a task that the owner of l took: got tells how. */
inline endOwn(t, l) {
#ifdef MUTANT_gate_early
	x = gate;
#endif
	increment(l, COMPLETED(l));
	if
	:: got == OWNED -> put(l, t, DONE)
	:: else -> atomic { sb[l].n == 0 -> mem[t] = DONE }
	fi;
#ifndef MUTANT_gate_early
	x = gate;
#endif
	got = 0;
	if
#ifndef MUTANT_no_tell
	:: x & CLOSED -> sb[l].n == 0; tell()
#endif
	:: else
	fi;
	x = 0
}

/* The end of a task that was stolen. */
inline endStolen(t) {
	stolen++;
	mem[t] = DONE;
	if
	:: gate & CLOSED -> tell()
	:: else
	fi
}

/* The owner of l takes t. */
inline takeOwn(t, l) {
	if
	:: atomic { shared[l] == 0 && sb[l].n < BUF ->
	     see(l, t);
	     if
	     :: w == FULL -> append(l, t, OWNED); got = OWNED; late = cutDone
	     :: else
	     fi;
	     w = 0 }
	:: atomic { shared[l] != 0 && sb[l].n == 0 ->
	     if
	     :: mem[t] == FULL -> mem[t] = TAKEN; got = TAKEN; late = cutDone
	     :: else
	     fi }
	fi
}

/* Somebody who is not the owner tries to take t. */
inline steal(t) {
	d_step { drain(laneOf[t]); shared[laneOf[t]]++ };
	if
	:: atomic { mem[t] == FULL -> mem[t] = TAKEN; got = TAKEN; late = cutDone }
	:: atomic { mem[t] != FULL -> skip }
	fi;
	shared[laneOf[t]]--
}

/* --- submitting --- */

inline submit(t, l) {
	laneOf[t] = l;
#ifdef MUTANT_gate_first
	x = gate;
#endif
#ifdef MUTANT_count_after
	put(l, t, FULL);
	increment(l, PUSHED(l));
#else
	increment(l, PUSHED(l));
	put(l, t, FULL);
#endif
#ifndef MUTANT_gate_first
	x = gate;
#endif
	if
	:: x & SLEEPING -> wake()
	:: else
	fi;
	if
	:: x & CLOSED ->
#ifdef MUTANT_keep_task
	   result(t, REFUSED);
#else
	   takeOwn(t, l);
	   if
	   :: got != 0 ->
	      late = false;
	      result(t, REFUSED);
	      endOwn(t, l)
	   :: else -> accepted[t] = 2
	   fi
#endif
	:: else -> accepted[t] = 1
	fi;
	x = 0
}

inline wake() {
	d_step {
		if
		:: gate & SLEEPING ->
		   gate = gate & (CLOSED | CUTS);
		   if
		   :: parked & 1 -> parked = parked & 2; woken[0] = true
#if W > 1
		   :: !(parked & 1) && (parked & 2) -> parked = 0; woken[1] = true
#endif
		   :: else
		   fi
		:: else
		fi;
		if
		:: parked != 0 -> gate = gate | SLEEPING
		:: else
		fi
	}
}

proctype submitter(byte me) {
	byte n, k, w, x, got;
	bool late;

	do
	:: n < TASKS ->
	   submit(me * TASKS + n, me);
	   if
	   :: accepted[me * TASKS + n] -> /* Wait, as far as the owner's own take */
	      takeOwn(me * TASKS + n, me);
	      if
	      :: got != 0 ->
	         work(me * TASKS + n);
	         endOwn(me * TASKS + n, me)
	      :: else
	      fi
	   :: true
	   fi;
	   n++
	:: else -> break
	od
}

proctype waiter() {
	byte k, w, x, got, me;
	bool late;

end:
	accepted[0];
	steal(0);
	if
	:: got != 0 -> got = 0; work(0); endStolen(0)
	:: else
	fi
}

/* --- runners --- */

proctype runner(byte r) {
	byte t, b, k, w, x, got, me;
	bool late, may, found;

	me = SUBMITTERS + r;
look:
#ifdef MUTANT_end_on_closed
	may = (gate & CLOSED) != 0;
#else
	may = ending;
#endif
	t = 0; found = false;
	do
	:: t < ALL && mem[t] == FULL ->
	   found = true;
	   if
	   :: steal(t);
	      if
	      :: got != 0 -> got = 0; work(t); endStolen(t)
	      :: else
	      fi;
	      t = 0;
	      goto look
	   :: t++ /* its owner is busy */
	   fi
	:: t < ALL && mem[t] != FULL -> t++
	:: t == ALL -> break
	od;
	t = 0;
#ifdef MUTANT_look_first
	may = ending;
#endif
	if
#ifdef MUTANT_end_blindly
	:: may ->
#else
	:: may && !found ->
#endif
	   d_step { live--; assert(live < W) };
#ifndef MUTANT_end_mute
	   tell();
#endif
	   goto out
	:: else
	fi;
	if
	:: found -> goto look
	:: else
	fi;
	d_step {
		if
#ifndef MUTANT_park_unasked
		:: ending
#endif
		:: else -> parked = parked | (1 << r); gate = gate | SLEEPING; w = 1
		fi
	};
	if
	:: w == 0 -> goto look
	:: else -> w = 0
	fi;
	heavy();
	do
	:: t < ALL && mem[t] == FULL -> found = true; break
	:: t < ALL && mem[t] != FULL -> t++
	:: t == ALL -> break
	od;
	t = 0;
	if
	:: found ->
	   d_step {
		if
		:: parked & (1 << r) ->
		   parked = parked & (255 - (1 << r));
		   woken[r] = true;
		   if
		   :: parked == 0 -> gate = gate & (CLOSED | CUTS)
		   :: else
		   fi
		:: else
		fi
	   }
	:: else
	fi;
end:
	atomic { woken[r] -> woken[r] = false; found = false };
	goto look;
out:
	skip
}

/* --- Close and Shutdown --- */

inline lookAtCounts() {
	b = 0;
	e = stolen;
	do
	:: b < LANES -> e = e + mem[COMPLETED(b)]; b++
	:: else -> break
	od;
	b = 0;
	do
	:: b < LANES -> n = n + mem[PUSHED(b)]; b++
	:: else -> break
	od;
	b = 0;
	ok = ok && (n == e);
	n = 0; e = 0
}

inline lookAtSlots() {
	b = 0;
	do
	:: b < ALL -> ok = ok && mem[b] != OWNED && mem[b] != TAKEN; b++
	:: else -> break
	od;
	b = 0
}

proctype closer(byte c) {
	byte b, k, n, e;
	bool ok;

	if
	:: d_step { !(gate & CLOSED) -> gate = gate | CLOSED };
#ifndef MUTANT_no_barrier
	   heavy();
#endif
	   d_step {
		ending = true;
		gate = gate & (CLOSED | CUTS);
#ifndef MUTANT_no_wake
		if
		:: parked & 1 -> woken[0] = true
		:: else
		fi;
#if W > 1
		if
		:: parked & 2 -> woken[1] = true
		:: else
		fi;
#endif
		parked = 0
#endif
	   }
	:: gate & CLOSED -> skip
	fi;
	do
	:: atomic { !mu -> mu = true };
	   ok = true;
#ifdef MUTANT_no_live
	   skip;
#else
	   ok = (live == 0);
#endif
#ifndef NO_COUNTS
	   lookAtCounts();
#endif
#ifndef MUTANT_no_slots
	   lookAtSlots();
#endif
	   if
	   :: ok -> break
	   :: else ->
	      d_step { told[c] = false; mu = false };
	      told[c]
	   fi
	od;
	mu = false;
	d_step {
		closedAll = true;
		assert(running == 0 && live == 0);
		b = 0;
		do
		:: b < ALL -> assert(accepted[b] != 1 || mem[b] == DONE); b++
		:: else -> break
		od;
		b = 0
	}
}

/* Shutdown, once its context has ended. */
proctype cutter() {
	byte b, k, t, got;
	bool late;

	gate & CLOSED;
	gate = gate | CUTS;
#ifndef MUTANT_cut_no_barrier
	heavy();
#endif
	do
	:: t < ALL && mem[t] == FULL ->
	   if
	   :: steal(t);
	      if
	      :: got != 0 -> got = 0; late = false; result(t, CUTOFF); endStolen(t)
	      :: else
	      fi;
	      t++
#ifdef MUTANT_cut_give_up
	   :: t++ /* its owner is busy */
#endif
	   fi
	:: t < ALL && mem[t] != FULL -> t++
	:: t == ALL -> break
	od;
	t = 0;
	d_step {
		cutDone = true;
		do
		:: t < ALL -> assert(accepted[t] != 1 || mem[t] != FULL); t++
		:: else -> break
		od
	}
}

init {
	byte i;

	atomic {
		do
		:: i < LANES -> run drainer(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < SUBMITTERS -> run submitter(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < W -> run runner(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < CLOSERS -> run closer(i); i++
		:: else -> break
		od;
#ifdef WAITER
		run waiter();
#endif
#ifdef CUT
		run cutter();
#endif
		i = 0
	};
	timeout;
	assert(closedAll && live == 0 && running == 0);
	do
	:: i < ALL ->
	   assert(outcome[i] != 0 || mem[i] == FREE && !accepted[i]);
	   assert((accepted[i] != 0) == (outcome[i] == RAN || outcome[i] == CUTOFF));
	   i++
	:: else -> break
	od
}
