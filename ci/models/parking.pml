/*
 * Parking, waking, putting wakes off, the sentry, and helpers for parked
 * waiters (docs/protocol.md, sections 3, 4, 5 and 8; submit.go, worker.go,
 * wake.go, park.go, habit.go, standin.go).
 *
 * One access to a shared word is one step. The workers share one ring, whose
 * operations are one step each: what they promise is checked in ring.pml, and
 * several rings in stealing.pml. A claim and its publication are two steps.
 *
 * What the code decides by clocks, counts of CPUs or histories, the model
 * decides at will: whether a wake is put off (with TIMER), whether a submitter
 * has the habit and leaves its task to the sentry (with SENTRY), whether a timer
 * finds all Ps busy. The timer and the sentry's naps end whenever they like.
 *
 * With BLOCKING, that many tasks end only when all others have been run: they
 * wait for that in a Wait, which the pool knows of, or, with LONG, in their own
 * way. OUTSIDE goroutines are in a Wait too. How a waiter learns of the end is
 * checked in completion.pml.
 *
 * Checked: when nothing can move any more, every task has been run; gate agrees
 * with the bitmap, no wake is in flight and no helper is counted. The count of
 * idle workers never goes below zero.
 *
 * check: two workers | -DW=2 -DTASKS=3
 * check: two submitters | -DW=1 -DTASKS=3 -DSUBMITTERS=2
 * check: a task that lasts | -DW=2 -DTASKS=3 -DBLOCKING=1 -DLONG
 * check: channels in place of futexes | -DW=2 -DTASKS=2 -DCHANNEL
 * full: put-off wakes, a task that lasts | -DW=2 -DTASKS=2 -DBLOCKING=1 -DLONG -DTIMER
 * check: sentry | -DW=1 -DTASKS=3 -DSENTRY
 * full: sentry, a task that lasts | -DW=2 -DTASKS=2 -DBLOCKING=1 -DLONG -DSENTRY
 * check: sentry with channels | -DW=1 -DTASKS=2 -DSENTRY -DCHANNEL
 * check: helpers | -DW=1 -DTASKS=3 -DBLOCKING=1
 * check: helpers for a waiter outside, a task that lasts | -DW=1 -DTASKS=2 -DBLOCKING=1 -DLONG -DOUTSIDE=1
 * check: helpers, put-off wakes | -DW=1 -DTASKS=2 -DBLOCKING=1 -DSUBMITTERS=2 -DTIMER
 * check: helpers, put-off wakes, sentry | -DW=1 -DTASKS=2 -DBLOCKING=1 -DTIMER -DSENTRY
 * full: two workers, two submitters | -DW=2 -DTASKS=3 -DSUBMITTERS=2
 * full: tasks that last, put-off wakes, sentry | -DW=2 -DTASKS=2 -DBLOCKING=1 -DLONG -DTIMER -DSENTRY
 * full: two workers, put-off wakes | -DW=2 -DTASKS=2 -DTIMER
 * full: two workers, sentry | -DW=2 -DTASKS=2 -DSENTRY
 * full: sentry, put-off wakes | -DW=1 -DTASKS=2 -DSENTRY -DTIMER -DSUBMITTERS=2
 * full: helpers, two submitters | -DW=1 -DTASKS=3 -DBLOCKING=1 -DSUBMITTERS=2
 * full: helpers, a waiter outside | -DW=1 -DTASKS=2 -DBLOCKING=1 -DOUTSIDE=1
 *
 * mutant: MUTANT_no_look | no second look at the queues before sleep | -DW=1
 * mutant: MUTANT_look_first | the look comes before the announcement | -DW=1
 * mutant: MUTANT_announce_late | the parker is set to drowsy after the announcement | -DW=1
 * mutant: MUTANT_bit_first | the bit is set before the count | -DW=1
 * mutant: MUTANT_sleep_store | to sleep is a store and not a CAS | -DW=1
 * mutant: MUTANT_nap_store | back to drowsy is a store and not a CAS | -DW=1 -DSENTRY
 * mutant: MUTANT_gate_first | a submitter loads gate before it claims | -DW=1
 * mutant: MUTANT_waking_late | a woken worker lowers waking after its looks | -DW=2 -DTASKS=3 -DSUBMITTERS=2 -DBLOCKING=1 -DLONG
 * mutant: MUTANT_keep_waking | who finds nobody to wake leaves waking raised | -DW=2
 * mutant: MUTANT_no_second_look | who finds nobody to wake does not look again | -DW=1 -DTASKS=2 -DSUBMITTERS=2
 * mutant: MUTANT_no_pass | a woken worker does not pass the wake on | -DW=2 -DTASKS=3 -DBLOCKING=1 -DLONG
 * mutant: MUTANT_pass_late | it passes the wake on after its task | -DW=2 -DTASKS=3 -DBLOCKING=1 -DLONG
 * mutant: MUTANT_no_help_pass | it starts no helper when nobody is idle | -DW=1 -DTASKS=2 -DBLOCKING=1 -DLONG -DOUTSIDE=1
 * mutant: MUTANT_no_pass_back | nor does one that took its announcement back | -DW=1 -DTASKS=2 -DBLOCKING=1 -DLONG -DOUTSIDE=1
 * mutant: MUTANT_disarm_late | the timer disarms after its look | -DW=2 -DTASKS=3 -DBLOCKING=1 -DLONG -DTIMER
 * mutant: MUTANT_sentry_no_look | the sentry leaves without a look | -DW=1 -DSENTRY
 * mutant: MUTANT_sentry_look_first | the sentry looks before it leaves | -DW=1 -DSENTRY
 * mutant: MUTANT_sentry_stays | a sentry that is woken does not leave | -DW=1 -DSENTRY
 * mutant: MUTANT_sentry_no_pass | a sentry that found a task does not look for more hands | -DW=2 -DTASKS=2 -DBLOCKING=1 -DLONG -DSENTRY
 * mutant: MUTANT_no_before_park | a waiter parks without a look at the queues | -DW=1 -DTASKS=2 -DBLOCKING=1
 * mutant: MUTANT_look_uncounted | a waiter looks before it is counted | -DW=1 -DTASKS=2 -DBLOCKING=1
 * mutant: MUTANT_helper_no_look | a helper ends without a second look | -DW=1 -DTASKS=3 -DBLOCKING=1
 */

#ifndef W
#define W 2 /* workers */
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 1
#endif
#ifndef TASKS
#define TASKS 2
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
#define NONE 255

/* Pool.gate: its fields are loaded together. */
byte gateIdle;
byte gateWaiters;

byte waking;  /* Pool.waking */
byte idle;    /* Pool.idle: one bit for each worker */
byte helping; /* Pool.helping */

/* parker.word, and who the kernel holds in FUTEX_WAIT or what is in parker.ch */
#define AWAKE 0
#define DROWSY 1
#define ASLEEP 2
byte word[W];
bool held[W];

/* later: the timer and what it knows. */
bool armed;
bool timerSet;
byte begunSeen;

/* habits */
bool sentry;
bool formed = true;
byte seen;

/* The ring. */
byte tail;
bool published[TASKS];
bool taken[TASKS];
bool blocks[TASKS]; /* the task waits for the last of the others */

byte begun; /* tasks begun: Pool.progress */
byte ran;   /* tasks ended that do not wait */
byte ended; /* tasks ended */
byte starts; /* stand-ins started and not yet running */

#define allRun (ran == TASKS - BLOCKING)

/* Pool.hasWork, Pool.hasTasks: a claimed position that nobody has taken. Sets
 * yes. */
inline hasWork(yes) {
	atomic {
		i = 0;
		yes = false;
		do
		:: i < tail -> yes = yes || !taken[i]; i++
		:: else -> i = 0; break
		od
	}
}

/* dequeue and dequeuePast. Sets t, or soon if a submitter is about to publish. */
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

/* Pool.unidle. Sets yes. */
inline unidle(v, yes) {
	atomic {
		yes = (idle & (1 << (v))) != 0;
		idle = idle & ~(1 << (v))
	};
	if
	:: yes -> atomic { assert(gateIdle > 0); gateIdle-- }
	:: else
	fi
}

/* parker.wake */
inline wakeParker(v) {
	atomic { i = word[v]; word[v] = AWAKE };
	if
	:: i == ASLEEP ->
#ifdef CHANNEL
	   atomic { !held[v]; held[v] = true }
#else
	   held[v] = false
#endif
	:: else
	fi;
	i = 0
}

/* Pool.wakeOne, with Pool.claimIdle: the order does not matter. */
inline wakeOne() {
	do
	:: atomic {
	      if
	      :: waking != 0 -> break
	      :: else
	      fi
	   };
	   atomic {
	      if
	      :: waking == 0 -> waking = 1
	      :: else -> break
	      fi
	   };
	   v = 0;
	   yes = false;
	   do
	   :: v < W && !yes ->
	      if
	      :: (idle & (1 << v)) != 0 -> unidle(v, yes)
	      :: else
	      fi;
	      v = (yes -> v : v + 1)
	   :: else -> break
	   od;
	   if
	   :: yes -> yes = false; wakeParker(v); break
	   :: else ->
#ifdef MUTANT_keep_waking
	      break
#else
	      atomic { assert(waking > 0); waking-- };
#ifdef MUTANT_no_second_look
	      break
#else
	      if
	      :: idle == 0 -> break
	      :: else
	      fi;
	      hasWork(yes);
	      if
	      :: !yes -> break
	      :: else -> yes = false
	      fi
#endif
#endif
	   fi
	od;
	v = 0
}

/* Pool.wakeLater */
inline wakeLater() {
	if
	:: armed
	:: else ->
	   atomic {
	      if
	      :: !armed -> armed = true; yes = true
	      :: else
	      fi
	   };
	   if
	   :: yes -> atomic { timerSet = true; yes = false }
	   :: else
	   fi
	fi
}

/* Pool.wakeFor */
inline wakeFor() {
	if
	:: waking != 0 /* P3 */
	:: else ->
#ifdef TIMER
	   if
	   :: gateIdle < W -> wakeLater() /* Pool.putsOff */
	   :: wakeOne()
	   fi
#else
	   wakeOne()
#endif
	fi
}

/* Pool.helpWaiters, with Pool.mayHelp */
inline helpWaiters() {
	do
	:: n = helping; /* H2 */
	   if
	   :: n >= gateWaiters -> break
	   :: else
	   fi;
	   atomic {
	      if
	      :: helping == n -> helping++; starts++; break
	      :: else
	      fi
	   }
	od;
	n = 0
}

/* Pool.wakeIfWork */
inline wakeIfWork() {
	atomic { n = (gateIdle != 0 -> 1 : (gateWaiters != 0 -> 2 : 0)) };
	if
	:: n == 1 ->
	   n = 0;
	   hasWork(yes);
	   if
	   :: yes -> yes = false; wakeFor()
	   :: else
	   fi
#ifndef MUTANT_no_help_pass
	:: n == 2 ->
	   n = 0;
	   hasWork(yes);
	   if
	   :: yes -> yes = false; helpWaiters()
	   :: else
	   fi
#endif
	:: else -> n = 0
	fi
}

/* park, as far as others must be found for the work: waiters.go, and beforePark
 * in standin.go. */
inline beforePark() {
	atomic { n = (gateIdle != 0 -> 1 : 0) };
	hasWork(yes);
	if
	:: yes && n == 1 -> atomic { yes = false; n = 0 }; wakeOne()
	:: yes && n == 0 -> yes = false; helpWaiters()
	:: else -> n = 0
	fi
}

inline park() {
#ifdef MUTANT_look_uncounted
	beforePark();
	gateWaiters++;
#else
	gateWaiters++; /* W1, H1 */
#ifndef MUTANT_no_before_park
	beforePark();
#endif
#endif
	allRun;
	gateWaiters--
}

inline runTask() {
	begun++;
	if
#ifdef LONG
	:: blocks[t] -> allRun; ended++
#else
	:: blocks[t] -> park(); ended++
#endif
	:: else -> atomic { ran++; ended++ }
	fi;
	t = NONE
}

proctype submitter(byte plain; byte blocking) {
	byte pos, v, n, i;
	bool yes, waits;

	do
	:: plain + blocking > 0 ->
#ifdef MUTANT_gate_first
	   atomic { n = (gateIdle != 0 -> 1 : (gateWaiters != 0 -> 2 : 0)) };
#endif
	   atomic {
	      pos = tail; /* P1 */
	      tail++;
	      if
	      :: plain > 0 -> plain--
	      :: blocking > 0 -> blocking--; blocks[pos] = true
	      fi
#ifdef SENTRY
	      ;
	      if
	      :: waits = true
	      :: waits = false
	      fi
#endif
	   };
	   published[pos] = true;
#ifndef MUTANT_gate_first
	   atomic { n = (gateIdle != 0 -> 1 : (gateWaiters != 0 -> 2 : 0)) }; /* P1, H1 */
#endif
	   if
	   :: n != 0 && waits && sentry -> n = 0 /* S1: Pool.leaveToSentry */
	   :: n == 1 && !(waits && sentry) -> n = 0; wakeFor() /* Pool.published */
	   :: n == 2 && !(waits && sentry) -> n = 0; helpWaiters()
	   :: n == 0
	   fi
	:: else -> break
	od
}

/* What the timer runs: Pool.wakeNow */
proctype timer() {
	byte v, n, i;
	bool yes;

end:
	do
	:: atomic { timerSet -> timerSet = false };
#ifndef MUTANT_disarm_late
	   armed = false; /* P4 */
#endif
	   if
	   :: gateIdle == 0
	   :: else ->
	      hasWork(yes);
	      if
	      :: yes ->
	         yes = false;
	         atomic {
	            if
	            :: begunSeen != begun -> begunSeen = begun; yes = true
	            :: begunSeen != begun -> begunSeen = begun
	            :: else
	            fi
	         };
	         if
	         :: yes -> yes = false; wakeLater()
	         :: else -> wakeOne()
	         fi
	      :: else
	      fi
	   fi;
#ifdef MUTANT_disarm_late
	   armed = false;
#endif
	od
}

/* parker.sleepFor. Sets yes: woken. */
inline nap(w) {
	atomic {
		if
		:: word[w] == DROWSY -> word[w] = ASLEEP; yes = false
		:: else -> yes = true
		fi
	};
	if
	:: yes
#ifdef CHANNEL
	:: !yes && held[w] -> atomic { held[w] = false; yes = true }
#endif
	:: !yes -> /* the time is over, or FUTEX_WAIT returned for any other reason */
	   atomic {
#ifdef MUTANT_nap_store
	      word[w] = DROWSY
#else
	      if
	      :: word[w] == ASLEEP -> word[w] = DROWSY
	      :: else -> yes = true
	      fi
#endif
	   };
#ifdef CHANNEL
	   if
	   :: yes -> atomic { held[w]; held[w] = false }
	   :: else
	   fi
#endif
	fi
}

/* standSentry in habit.go. Sets stay: not woken and nothing found, go on to
 * sleep; and fresh if it found something. */
#define NAPS 2 /* without a submission, until the sentry leaves; 6 in habit.go */
inline standSentry(w) {
	atomic {
		if
		:: formed && !sentry -> sentry = true; yes = true
		:: else -> yes = false
		fi
	};
	if
	:: yes ->
	   atomic { last = tail; quiet = 0; seen = NONE };
	   do
	   :: nap(w);
	      if
	      :: yes -> stay = false; break
	      :: else
	      fi;
	      atomic { /* Pool.abandoned */
	         i = 0;
	         do
	         :: i < tail && taken[i] -> i++
	         :: else -> break
	         od;
	         if
	         :: i < tail && published[i] -> yes = (seen == i); seen = i
	         :: else -> seen = NONE
	         fi;
	         i = 0
	      };
	      if
	      :: yes ->
	         unidle(w, yes);
	         if
	         :: yes -> atomic { stay = false; found = true }; break
	         :: else
	         fi
	      :: else
	      fi;
	      atomic {
	         if
	         :: tail != last -> last = tail; quiet = 0
	         :: else -> quiet++
	         fi
	      };
	      if
	      :: quiet == NAPS -> break
	      :: else
	      fi
	   od;
	   if
	   :: found ->
	      sentry = false;
	      formed = false; /* habits.forget */
	      word[w] = AWAKE
	   :: !found && !stay ->
#ifndef MUTANT_sentry_stays
	      sentry = false /* S1 */
#endif
	   :: else ->
	      formed = false;
#ifdef MUTANT_sentry_look_first
	      hasWork(yes);
	      sentry = false;
#else
	      sentry = false; /* S1 */
#ifdef MUTANT_sentry_no_look
	      yes = false;
#else
	      hasWork(yes);
#endif
#endif
	      if
	      :: yes ->
	         unidle(w, yes);
	         if
	         :: yes -> word[w] = AWAKE; atomic { stay = false; found = true }
	         :: else
	         fi
	      :: else
	      fi
	   fi;
	   atomic { yes = false; last = 0; quiet = 0 }
	:: else
	fi
}

/* worker.idle */
inline goIdle(w) {
	atomic { stay = true; found = false };
#ifdef MUTANT_look_first
	hasWork(yes);
#endif
#ifndef MUTANT_announce_late
	word[w] = DROWSY;
#endif
#ifdef MUTANT_bit_first
	idle = idle | (1 << w);
	gateIdle++;
#else
	gateIdle++; /* P2 */
	idle = idle | (1 << w); /* P2 */
#endif
#ifdef MUTANT_announce_late
	word[w] = DROWSY;
#endif
#ifdef MUTANT_no_look
	yes = false;
#else
#ifndef MUTANT_look_first
	hasWork(yes);
#endif
#endif
	if
	:: yes ->
	   unidle(w, yes);
	   if
	   :: yes ->
	      word[w] = AWAKE;
#ifndef MUTANT_no_pass_back
	      fresh = true;
#endif
	      atomic { stay = false; found = true; yes = false }
	   :: else
	   fi
	:: else ->
#ifdef SENTRY
	   standSentry(w);
	   if
#ifndef MUTANT_sentry_no_pass
	   :: found -> fresh = true
#endif
	   :: else
	   fi
#endif
	fi;
	if
	:: stay -> /* parker.sleep */
	   atomic {
#ifdef MUTANT_sleep_store
	      word[w] = ASLEEP
#else
	      if
	      :: word[w] == DROWSY -> word[w] = ASLEEP
	      :: else -> stay = false
	      fi
#endif
	   };
#ifdef CHANNEL
	   if
	   :: stay ->
endAsleep:
	      atomic { held[w]; held[w] = false }
	   :: else
	   fi
#else
	   do
	   :: stay ->
	      atomic { /* FUTEX_WAIT compares before it sleeps */
	         if
	         :: word[w] == ASLEEP -> held[w] = true
	         :: else -> break
	         fi
	      };
endAsleep:
	      !held[w]
	   :: else -> break
	   od
#endif
	:: else
	fi;
	if
	:: found
	:: else -> /* worker.arrived */
#ifdef MUTANT_waking_late
	   lower = true;
#else
	   atomic { assert(waking > 0); waking-- }; /* P3 */
#endif
	   fresh = true
	fi;
	atomic { stay = false; found = false }
}

/* worker.passWake */
inline passWake() {
	if
	:: fresh ->
	   fresh = false;
#ifndef MUTANT_no_pass
	   wakeIfWork()
#endif
	:: else
	fi
}

proctype worker(byte w) {
	byte t = NONE, v, n, i, last, quiet;
	bool yes, soon, fresh, stay, found;
#ifdef MUTANT_waking_late
	bool lower;
#endif

	do
	:: take();
#ifdef MUTANT_waking_late
	   if
	   :: t != NONE -> passWake()
	   :: else
	   fi;
	   if
	   :: lower -> atomic { lower = false; waking-- }
	   :: else
	   fi;
#endif
	   if
	   :: t != NONE ->
#ifdef MUTANT_pass_late
	      runTask();
	      passWake()
#else
	      passWake();
	      runTask()
#endif
	   :: t == NONE && soon
	   :: else -> goIdle(w)
	   fi
	od
}

/* A stand-in that helps: standIn.work */
proctype helper() {
	byte t = NONE, v, n, i;
	bool yes, soon;

end:
	do
	:: atomic { starts > 0 -> starts-- };
	   do
	   :: if
	      :: gateWaiters > 0 -> take()
	      :: else
	      fi;
	      if
	      :: t != NONE -> runTask()
	      :: else ->
	         atomic { assert(helping > 0); helping-- };
#ifdef MUTANT_helper_no_look
	         break
#else
	         if
	         :: gateIdle == 0 -> hasWork(yes) /* H2 */
	         :: else
	         fi;
	         if
	         :: yes ->
	            yes = false;
	            helpWaiters()
	         :: else
	         fi;
	         break
#endif
	      fi
	   od
	od
}

/* A goroutine outside the pool that waits. */
proctype outside() {
	byte v, n, i;
	bool yes;

	park()
}

init {
	byte i;

	atomic {
		do
		:: i < W -> run worker(i); i++
		:: else -> i = 0; break
		od;
#if SUBMITTERS == 2
		run submitter(1, 0);
		run submitter(TASKS - 1 - BLOCKING, BLOCKING);
#else
		run submitter(TASKS - BLOCKING, BLOCKING);
#endif
#ifdef TIMER
		run timer();
#endif
#if WAITERS > 0
		do
		:: i < WAITERS -> run helper(); i++
		:: else -> i = 0; break
		od;
#endif
#if OUTSIDE > 0
		run outside();
#endif
	};
	timeout;
	assert(ended == TASKS);
	assert(gateIdle == W && idle == (1 << W) - 1 && gateWaiters == 0);
	assert(waking == 0 && helping == 0 && !armed && !sentry)
}
