/*
 * An inbox: a lane that is always shared, with any number of pushers and takers
 * (docs/protocol.md: lane, take by CAS), and what a sleeper learns from its
 * counters. A lane that was taken over is the same without pushers.
 *
 * Each access to a shared word is one step. Pushers begin at the tail and go on
 * to the next slot where one is not free; a slot whose task failed is never free
 * again. Takers look at the slots one after the other, take one task, and stay in
 * it. The sleeper announces itself, looks at the counters, and sleeps until a
 * pusher wakes it. With CLOSED the gate is closed at any time, and a pusher that
 * sees that takes its task back if it is still there.
 *
 * Checked: each task is taken once, by somebody who reads its function; a slot
 * is written by one pusher at a time and while it is free; the positions of a
 * slot never come again; nobody sleeps while a task is queued; a task that was
 * refused is not run.
 *
 * check: two pushers, two takers, one slot | -DCAP=1 -DTAKERS=2
 * check: two pushers, a taker, two slots | -DCAP=2 -DTAKERS=1
 * check: three pushers, a taker, two slots | -DCAP=2 -DPUSHERS=3 -DTAKERS=1
 * check: two pushers, a sleeper | -DCAP=2 -DTAKERS=1 -DSLEEPER
 * check: two pushers, the gate closes | -DCAP=1 -DTAKERS=1 -DCLOSED
 *
 * mutant: MUTANT_reserve_store | a slot is reserved with a store | -DCAP=1 -DTAKERS=1
 * mutant: MUTANT_full_first | the task is published before its function is stored | -DCAP=1 -DTAKERS=1
 * mutant: MUTANT_take_store | a task is taken with a store | -DCAP=1 -DTAKERS=2
 * mutant: MUTANT_same_position | a slot is freed for the same position | -DCAP=1 -DTAKERS=2
 * mutant: MUTANT_failed_free | a slot that failed is used again | -DCAP=1 -DTAKERS=1
 * mutant: MUTANT_gate_first | a pusher loads the gate before it counts its task | -DCAP=2 -DTAKERS=1 -DSLEEPER
 * mutant: MUTANT_count_gate | a pusher counts its task after it has looked at the gate | -DCAP=2 -DTAKERS=1 -DSLEEPER
 * mutant: MUTANT_look_first | the sleeper looks before it announces itself | -DCAP=2 -DTAKERS=1 -DSLEEPER
 * mutant: MUTANT_keep_task | a pusher that sees the gate closed leaves its task | -DCAP=1 -DTAKERS=1 -DCLOSED
 */

#ifndef CAP
#define CAP 2
#endif
#ifndef PUSHERS
#define PUSHERS 2
#endif
#ifndef TAKERS
#define TAKERS 1
#endif

#define FREE 0
#define FULL 1
#define TAKEN 2
#define FAILED 3
#define WORD(p, kind) ((p) * 4 + (kind))
#define POS(w) ((w) / 4)
#define KIND(w) ((w) % 4)

byte state[CAP];
byte fn[CAP];       /* the pusher of the task, plus 1 */
byte tail;
byte pushed;
byte stolen;

bool sleeping;
bool closed;
bool awake;         /* the sleeper has been woken */

/* What the model knows and the code does not. */
byte ran;           /* one bit for each pusher's task */
byte used;          /* one bit for each position */
byte writing[CAP];
byte refused;
byte accepted;

inline run_(t) {
	d_step {
		assert(t != 0);
		assert(!((ran | refused) & (1 << (t - 1))));
		ran = ran | (1 << (t - 1))
	}
}

#ifdef MUTANT_same_position
#define NEXT(p) (p)
#else
#define NEXT(p) ((p) + CAP)
#endif

proctype pusher(byte me) {
	byte i, w, p, tries;
	bool s, c;

	i = tail % CAP;
again:
	w = state[i];
	if
#ifdef MUTANT_failed_free
	:: KIND(w) != FREE && KIND(w) != FAILED ->
#else
	:: KIND(w) != FREE ->
#endif
	   i = (i + 1) % CAP;
	   tries++;
	   if
	   :: tries == 2 * CAP -> goto out /* full: the caller runs it itself */
	   :: else -> goto again
	   fi
	:: else
	fi;
	p = POS(w);
	if
#ifdef MUTANT_reserve_store
	:: state[i] = WORD(p, TAKEN)
#else
	:: atomic { state[i] == w -> state[i] = WORD(p, TAKEN) }
	:: atomic { state[i] != w -> w = 0; p = 0 }; goto again
#endif
	fi;
	d_step {
		assert(writing[i] == 0 && !(used & (1 << p)));
		used = used | (1 << p);
		writing[i] = me + 1
	};
	tail++;
#ifdef MUTANT_full_first
	pushed++;
	state[i] = WORD(p, FULL);
	fn[i] = me + 1;
	writing[i] = 0;
#else
	fn[i] = me + 1;
#ifdef MUTANT_gate_first
	d_step { s = sleeping; c = closed };
#endif
#ifndef MUTANT_count_gate
	pushed++;
#endif
	d_step { writing[i] = 0; state[i] = WORD(p, FULL) };
#endif
#ifndef MUTANT_gate_first
	d_step { s = sleeping; c = closed };
#endif
#ifdef MUTANT_count_gate
	pushed++;
#endif
	if
	:: s -> sleeping = false; awake = true
	:: else
	fi;
	if
	:: c ->
#ifndef MUTANT_keep_task
	   if
	   :: atomic { state[i] == WORD(p, FULL) -> state[i] = WORD(p, TAKEN) };
	      stolen++;
	      d_step { assert(fn[i] == me + 1); refused = refused | (1 << me) };
	      state[i] = WORD(NEXT(p), FREE)
	   :: atomic { state[i] != WORD(p, FULL) -> accepted = accepted | (1 << me) }
	   fi
#else
	   refused = refused | (1 << me)
#endif
	:: else -> accepted = accepted | (1 << me)
	fi;
out:
	skip
}

/* Takes one task of slot i, or jumps away. */
inline take(i) {
	w = state[i];
	if
	:: KIND(w) == FULL ->
	   p = POS(w);
	   if
#ifdef MUTANT_take_store
	   :: true -> state[i] = WORD(p, TAKEN);
#else
	   :: atomic { state[i] == w -> state[i] = WORD(p, TAKEN) };
#endif
	      stolen++;
	      t = fn[i];
	      run_(t);
	      if
	      :: state[i] = WORD(NEXT(p), FREE)
	      :: state[i] = WORD(p, FAILED)
	      fi;
	      goto out
#ifndef MUTANT_take_store
	   :: atomic { state[i] != w -> w = 0; p = 0 }
#endif
	   fi
	:: else
	fi
}

#ifdef CLOSED
proctype closer() {
	closed = true
}
#endif

proctype taker() {
	byte w, p, t;

end:
	do
	:: KIND(state[0]) == FULL -> take(0)
#if CAP > 1
	:: KIND(state[1]) == FULL -> take(1)
#endif
	od;
out:
	skip
}

/* The last runner that is awake: it takes tasks for ever, or sleeps. */
proctype sleeper() {
	byte w, p, t, a, b;

again:
	do
	:: KIND(state[0]) == FULL -> take(0)
#if CAP > 1
	:: KIND(state[1]) == FULL -> take(1)
#endif
	:: true -> break
	od;
#ifdef MUTANT_look_first
	a = pushed; b = stolen;
	sleeping = true;
#else
	sleeping = true;
	a = pushed;
	b = stolen;
#endif
	if
	:: a > b -> sleeping = false; a = 0; b = 0; goto again
	:: else -> a = 0; b = 0
	fi;
end:
	atomic { awake -> awake = false };
	goto again;
out:
	goto again
}

init {
	byte i;

	atomic {
		do
		:: i < CAP -> state[i] = WORD(i, FREE); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < PUSHERS -> run pusher(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < TAKERS -> run taker(); i++
		:: else -> break
		od;
#ifdef SLEEPER
		run sleeper();
#endif
#ifdef CLOSED
		run closer();
#endif
		i = 0
	};
	timeout;
	assert((ran & refused) == 0 && (ran & accepted) == ran);
	do
	:: i < CAP ->
	   assert(KIND(state[i]) != TAKEN);
#ifdef SLEEPER
	   assert(KIND(state[i]) != FULL);
#endif
	   i++
	:: else -> break
	od
}
