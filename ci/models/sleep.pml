/*
 * Runners that look for work, poll, sleep and are woken; theft between queues;
 * places and stand-ins for parked waiters; the last sleeper's barrier
 * (docs/protocol.md: sleeping).
 *
 * Each submitter has a lane, and so has each runner, for the tasks that its
 * tasks submit. A published task is in its owner's store buffer until that is
 * drained. Runners look at one lane after the other and steal where they find
 * something, or fail to attach and go on. What the lock protects is one step;
 * the gate is loaded without it. How long a poller polls is left open.
 *
 * With FORKS, that many tasks submit one more. With BLOCKING, that many tasks
 * end only when all others have ended: they wait for that in a Wait, which the
 * pool knows of, or, with LONG, in their own way. OUTSIDE goroutines wait for the first
 * task. How a waiter learns of the end is checked in wait.pml.
 *
 * With SATURATED, a submitter may leave the gate and name no poller while others are
 * parked; with BATCH a submitter publishes its tasks in one step, and looks at the gate once.
 *
 * A task that is handed over changes nothing here: its stand-in has the place of the
 * waiter.
 *
 * Checked: at most one runner polls; while one is parked, or a place is lent that no
 * stand-in has, one polls or the gate says so; at the end every task has been run and
 * no place is lent: what is left of the count is that of the stand-ins, below 0.
 *
 * check: one worker | -DW=1 -DTASKS=2
 * check: two workers, two submitters | -DW=2 -DSUBMITTERS=2 -DTASKS=1
 * check: a task that lasts and submits | -DW=2 -DTASKS=2 -DFORKS=1 -DBLOCKING=1 -DLONG
 * check: two tasks that last | -DW=3 -DTASKS=3 -DBLOCKING=2 -DLONG
 * check: waiters, two of them in tasks | -DW=1 -DTASKS=1 -DFORKS=2 -DBLOCKING=2
 * check: a waiter and two workers | -DW=2 -DTASKS=3 -DBLOCKING=1
 * check: a waiter outside, a task that lasts | -DW=1 -DTASKS=2 -DBLOCKING=1 -DLONG -DOUTSIDE=1
 * full: two waiters outside | -DW=1 -DTASKS=2 -DOUTSIDE=2
 * check: a waiter, two submitters | -DW=1 -DSUBMITTERS=2 -DTASKS=2 -DBLOCKING=1
 * check: one parked runner is enough, waiters in tasks | -DW=1 -DTASKS=1 -DFORKS=2 -DBLOCKING=2 -DFEW
 * check: one is enough, a waiter outside | -DW=1 -DTASKS=2 -DBLOCKING=1 -DLONG -DOUTSIDE=1 -DFEW
 * full: one is enough, two waiters outside | -DW=1 -DTASKS=2 -DOUTSIDE=2 -DFEW
 * check: no heavy barrier | -DW=2 -DTASKS=2 -DNO_HEAVY
 * check: the heavy barrier comes later | -DW=2 -DTASKS=2 -DREGISTER
 * check: saturated, two workers, two submitters | -DW=2 -DSUBMITTERS=2 -DTASKS=1 -DSATURATED
 * check: saturated, tasks that last, a batch | -DW=3 -DTASKS=3 -DBLOCKING=2 -DLONG -DSATURATED -DBATCH
 * check: saturated, a waiter and two workers | -DW=2 -DTASKS=3 -DBLOCKING=1 -DSATURATED
 * slow: saturated, a waiter outside, a task that lasts | -DW=2 -DTASKS=2 -DBLOCKING=1 -DLONG -DOUTSIDE=1 -DSATURATED
 * check: saturated, stand-ins are woken first | -DW=1 -DTASKS=2 -DOUTSIDE=1 -DSATURATED -DSTAND_INS_FIRST
 * check: saturated, stand-ins first, one parked runner is enough | -DW=1 -DTASKS=1 -DFORKS=2 -DBLOCKING=2 -DFEW -DSATURATED -DSTAND_INS_FIRST
 * full: saturated, stand-ins first, a waiter in a task | -DW=2 -DTASKS=3 -DBLOCKING=1 -DSATURATED -DSTAND_INS_FIRST
 * full: saturated, three workers, a waiter | -DW=3 -DTASKS=2 -DBLOCKING=1 -DSATURATED
 * slow: two waiters in tasks, two workers | -DW=2 -DTASKS=3 -DBLOCKING=2
 * full: two workers, two submitters, two tasks each | -DW=2 -DSUBMITTERS=2 -DTASKS=2
 * full: three workers, a waiter | -DW=3 -DTASKS=2 -DBLOCKING=1
 *
 * mutant: MUTANT_no_barrier | the last to sleep looks without a barrier | -DW=1
 * mutant: MUTANT_no_look | it does not look | -DW=1
 * mutant: MUTANT_look_first | it looks before it announces itself | -DW=1
 * mutant: MUTANT_gate_first | a submitter loads the gate before it publishes | -DW=1
 * mutant: MUTANT_no_fence | without the heavy barrier a submitter publishes without a fence | -DW=1 -DNO_HEAVY
 * mutant: MUTANT_heavy_early | a sleeper asks before its announcement whether there is the barrier | -DW=1 -DREGISTER
 * mutant: MUTANT_back_beside | a sleeper takes its announcement back though there is a poller | -DW=2
 * mutant: MUTANT_idle_keeps_gate | a runner becomes the poller and leaves the gate | -DW=2 -DTASKS=3 -DBLOCKING=2
 * mutant: MUTANT_elect_beside | a submitter that finds the poller in a nap elects another one | -DW=2
 * mutant: MUTANT_no_hand_over | the poller takes a task and leaves nobody to poll | -DW=2 -DBLOCKING=1 -DLONG
 * mutant: MUTANT_over_late | it hands over after its task | -DW=2 -DBLOCKING=1 -DLONG
 * mutant: MUTANT_no_stand_in_over | it makes no stand-in the poller | -DW=1 -DTASKS=2 -DBLOCKING=1 -DLONG -DOUTSIDE=1
 * mutant: MUTANT_no_stand_in | a waiter that parks lets no stand-in begin | -DW=1 -DBLOCKING=1
 * mutant: MUTANT_handed_counts | a stand-in with a task that was handed over has a place of its own | -DW=1 -DBLOCKING=1
 * mutant: MUTANT_saturated_gate | where the Ps are saturated a submitter names no poller and clears the gate | -DW=2 -DSATURATED
 * mutant: MUTANT_saturated_batch | there a runner that finds more work than it takes wakes nobody | -DW=2 -DTASKS=2 -DBLOCKING=1 -DLONG -DSATURATED -DBATCH
 * mutant: MUTANT_saturated_retire | there a stand-in that is one too many ends, though it was woken for work | -DW=1 -DTASKS=2 -DOUTSIDE=1 -DSATURATED -DSTAND_INS_FIRST
 * mutant: MUTANT_retire_silent | a stand-in that retires does not hand over | -DW=1 -DTASKS=2 -DOUTSIDE=1
 */

#ifndef W
#define W 2 /* workers */
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 1
#endif
#ifndef TASKS
#define TASKS 2 /* of each submitter */
#endif
#ifndef FORKS
#define FORKS 0
#endif
#ifndef BLOCKING
#define BLOCKING 0
#endif
#ifndef OUTSIDE
#define OUTSIDE 0
#endif
#ifdef LONG
#define WAITERS OUTSIDE
#else
#define WAITERS (BLOCKING + OUTSIDE)
#endif
#define RUNNERS (W + WAITERS)
#define LANES (SUBMITTERS + RUNNERS)
#define TOTAL (SUBMITTERS * TASKS + FORKS)
#define NOBODY 255

byte pending[LANES]; /* published, still in the owner's store buffer */
byte queued[LANES];  /* visible */

bool sleeping;       /* the gate */
#ifdef SATURATED
bool saturated = true;
#endif
byte poller = NOBODY;
byte parked;         /* one bit for each runner */
bool woken[RUNNERS];
byte polling;        /* runners that take themselves for the poller */

short places;        /* that parked waiters lend, less those that stand-ins have */
byte standins;       /* one bit for each that is at work */
bool started[RUNNERS];

byte begun;
byte ended;

#ifdef REGISTER
bool heavyOn;        /* the heavy barrier can be used */
bool open[LANES];    /* counts one thief, so that its owner publishes with a fence */
#define HEAVY heavyOn
#define FENCE(l) open[l]
#else
#ifdef NO_HEAVY
#define HEAVY false
#ifdef MUTANT_no_fence
#define FENCE(l) false
#else
#define FENCE(l) true
#endif
#else
#define HEAVY true
#define FENCE(l) false
#endif
#endif

proctype drainer(byte l) {
end:
	do
	:: d_step { pending[l] > 0 -> queued[l] = queued[l] + pending[l]; pending[l] = 0 }
	od
}

inline heavy() {
	l = 0;
	do
	:: l < LANES -> d_step { queued[l] = queued[l] + pending[l]; pending[l] = 0; l++ }
	:: else -> break
	od;
	l = 0
}

/* Work for the poller is in sight. */
#if LANES == 2
#define SOMETHING (queued[0] + queued[1] > 0)
#elif LANES == 3
#define SOMETHING (queued[0] + queued[1] + queued[2] > 0)
#elif LANES == 4
#define SOMETHING (queued[0] + queued[1] + queued[2] + queued[3] > 0)
#else
#define SOMETHING (queued[0] + queued[1] + queued[2] + queued[3] + queued[4] > 0)
#endif

#define S assert((parked == 0 && places <= 0) || poller != NOBODY || sleeping)
#define BIT(r) (1 << (r))

/* A stand-in is one too many. */
#define SURPLUS (r >= W && places < 0)

/* Under the lock: a parked runner becomes the poller. */
inline unpark() {
#ifdef STAND_INS_FIRST
	i = RUNNERS - 1;
	do
	:: parked & BIT(i) -> break
	:: else -> i--
	od;
#else
	i = 0;
	do
	:: parked & BIT(i) -> break
	:: else -> i++
	od;
#endif
	parked = parked & (255 - BIT(i));
	poller = i;
	woken[i] = true;
	i = 0
}

/* Under the lock: a stand-in begins, as the poller. */
inline standIn() {
	i = W;
	do
	:: standins & BIT(i) -> i++
	:: else -> break
	od;
	assert(i < RUNNERS);
	standins = standins | BIT(i);
	places--;
	poller = i;
	started[i] = true;
	i = 0
}

/* Under the lock, by the poller or where there is none: a parked runner becomes the
 * poller, or a stand-in if there is a place left for one, or nobody. */
inline elect() {
	if
	:: parked != 0 -> unpark()
	:: parked == 0 && places > 0 -> standIn()
	:: else -> poller = NOBODY
	fi
}

/* Under the lock: the poller has something else to do. */
inline handOver() {
	assert(poller == r);
	polling--;
#ifdef MUTANT_no_hand_over
	poller = NOBODY;
#elif defined(MUTANT_no_stand_in_over)
	if
	:: parked != 0 -> unpark()
	:: else -> poller = NOBODY
	fi;
#else
	elect();
#endif
	S;
	polls = false
}

/* A submitter that has seen the gate, or a runner that takes work, gets a runner. Who is
 * woken sees what was published before: the lock, and the wake, order it. */
inline summon(q) {
	d_step {
		queued[q] = queued[q] + pending[q];
		pending[q] = 0;
		if
#ifndef MUTANT_elect_beside
		:: poller != NOBODY -> sleeping = false /* if it naps, the nap is cut short */
#endif
		:: else ->
		   sleeping = false;
		   elect();
#ifdef SATURATED
		   if
		   :: parked != 0 && saturated ->
		      poller = NOBODY;
#ifndef MUTANT_saturated_gate
		      sleeping = true
#endif
		   :: else
		   fi
#endif
		fi;
		S;
		g = false
	}
}

#ifdef BATCH
#define AT_ONCE TASKS
#else
#define AT_ONCE 1
#endif

inline publish(q, many) {
#ifdef MUTANT_gate_first
	g = sleeping;
#endif
	pending[q] = pending[q] + many;
	if
	:: FENCE(q) -> pending[q] == 0
	:: else
	fi;
#ifndef MUTANT_gate_first
	g = sleeping;
#endif
	if
	:: g -> summon(q)
	:: else
	fi
}

proctype submitter(byte me) {
	byte n, i;
	bool g;

	do
	:: n < TASKS -> publish(me, AT_ONCE); n = n + AT_ONCE
	:: else -> break
	od
}

/* A goroutine that parks gives its place to a stand-in. */
inline lend() {
	d_step {
		places++;
#ifndef MUTANT_no_stand_in
		if
		:: poller == NOBODY && !sleeping -> elect()
		:: else
		fi;
#endif
		S
	}
}

/* It ends that, whether a stand-in has the place or not. */
inline takePlace() { places-- }

/* A Wait that has to park until cond holds. */
inline wait(cond) {
	lend();
	cond;
	takePlace()
}

#define OTHERS (ended >= TOTAL - BLOCKING)

proctype outside() {
	byte i;

	wait(ended > 0)
}

#ifdef MUTANT_handed_counts
proctype handed() {
	places--;
	places++
}
#endif

proctype runner(byte r) {
	byte l, i, t;
	bool polls, g, found;

	if
	:: r < W
	:: else ->
end0:
	   atomic { started[r] -> started[r] = false; polls = true; polling++ }
	fi;

look:
	if
	:: SURPLUS /* it takes nothing more */
	:: else ->
	   do
	   :: atomic { l < LANES && queued[l] > 0 -> queued[l]--; l = 0 }; goto took
	   :: l < LANES -> l++ /* empty, or its owner is busy */
	   :: l == LANES -> break
	   od;
	   l = 0
	fi;
	d_step {
		if
		:: SURPLUS ->
		   places++;
		   standins = standins & (255 - BIT(r));
		   if
#ifdef MUTANT_retire_silent
		   :: polls -> polling--; poller = NOBODY; polls = false
#else
		   :: polls -> handOver()
#endif
#if defined(SATURATED) && !defined(MUTANT_saturated_retire)
		   :: !polls && poller == NOBODY && SOMETHING -> elect()
#endif
		   :: else
		   fi;
		   t = 1
#ifdef FEW
		:: r >= W && !polls && poller != r && parked != 0 && !SURPLUS ->
		   places++;
		   standins = standins & (255 - BIT(r));
#ifdef SATURATED
		   if
		   :: poller == NOBODY && SOMETHING -> elect()
		   :: else
		   fi;
#endif
		   t = 1
#endif
		:: else ->
		   if
		   :: polls
		   :: !polls && poller == NOBODY ->
		      poller = r; polls = true; polling++;
#ifndef MUTANT_idle_keeps_gate
		      sleeping = false
#endif
		   :: else -> parked = parked | BIT(r)
		   fi
		fi;
		S;
		assert(polling <= 1)
	};
	if
	:: t == 1 -> t = 0; goto end0
	:: t == 0 && !polls -> goto sleep
	:: t == 0 && polls -> goto poll
	fi;

poll:
	if
	:: SOMETHING || SURPLUS -> goto look
	:: true -> /* a nap that the next submission cuts short */
	   d_step { assert(poller == r); sleeping = true };
	   sleeping = false;
	   goto look
	:: true -> /* quiet for long enough */
#ifdef MUTANT_look_first
	   found = SOMETHING;
#endif
#ifdef MUTANT_heavy_early
	   g = HEAVY;
#endif
	   d_step {
		assert(poller == r);
		poller = NOBODY; polls = false; polling--;
		parked = parked | BIT(r);
		sleeping = true
	   };
	   if
#ifdef MUTANT_heavy_early
	   :: g -> heavy()
#elif !defined(MUTANT_no_barrier)
	   :: HEAVY -> heavy()
#endif
	   :: else
	   fi;
#ifndef MUTANT_look_first
	   do
#ifdef MUTANT_no_look
	   :: break
#else
	   :: l < LANES && queued[l] > 0 -> found = true; break
	   :: l < LANES && queued[l] == 0 -> l++
	   :: l == LANES -> break
#endif
	   od;
	   l = 0;
#endif
	   if
	   :: found ->
	      d_step {
		found = false;
		if
#ifdef MUTANT_back_beside
		:: parked & BIT(r) ->
#else
		:: (parked & BIT(r)) && poller == NOBODY ->
#endif
		   parked = parked & (255 - BIT(r));
		   poller = r; polls = true; polling++;
		   sleeping = false
		:: else
		fi;
		S;
		assert(polling <= 1)
	      };
	      if
	      :: polls -> goto look
	      :: else -> goto sleep
	      fi
	   :: else -> goto sleep
	   fi
	fi;

sleep:
end1:
	atomic {
		woken[r] -> woken[r] = false;
		if
		:: poller == r -> polls = true; polling++; assert(polling <= 1)
		:: else
		fi
	};
	goto look;

took:
#ifdef MUTANT_over_late
	g = polls;
#else
	if
	:: polls -> d_step { handOver() }
#if defined(SATURATED) && !defined(MUTANT_saturated_batch)
	:: !polls && sleeping && SOMETHING -> summon(SUBMITTERS + r)
#endif
	:: else
	fi;
#endif
	d_step { t = begun; begun++ };
	if
	:: t < FORKS -> publish(SUBMITTERS + r, 1)
	:: else
	fi;
	if
	:: t < BLOCKING ->
#ifdef LONG
	   OTHERS
#else
	   wait(OTHERS)
#endif
	:: else
	fi;
	d_step { t = 0; ended++ };
#ifdef MUTANT_over_late
	if
	:: polls -> d_step { handOver() }
	:: else
	fi;
#endif
	goto look
}

#ifdef SATURATED
proctype relief() { saturated = false }
#endif

#ifdef REGISTER
proctype registrar() {
	byte l;

	heavyOn = true;
	do
	:: l < LANES -> open[l] = false; l++
	:: else -> break
	od
}
#endif

init {
	byte i;

	atomic {
		do
		:: i < LANES -> run drainer(i);
#ifdef REGISTER
		   open[i] = true;
#endif
		   i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < SUBMITTERS -> run submitter(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < RUNNERS -> run runner(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < OUTSIDE -> run outside(); i++
		:: else -> break
		od;
#ifdef REGISTER
		run registrar();
#endif
#ifdef SATURATED
		run relief();
#endif
#ifdef MUTANT_handed_counts
		run handed();
#endif
		i = 0
	};
	timeout;
	do
	:: i < RUNNERS && (standins & BIT(i)) -> places++; i++
	:: i < RUNNERS && !(standins & BIT(i)) -> i++
	:: else -> break
	od;
	assert(ended == TOTAL && places == 0 && polling == 0)
}
