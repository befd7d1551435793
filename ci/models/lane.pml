/*
 * A lane: its owner's push and take in the private and the shared mode, attach
 * and detach, foreign waiters, giving back and taking over, and the heavy
 * barrier, with store buffers (docs/protocol.md: lane).
 *
 * Owners store into a buffer, whose entries reach memory later: in their order
 * (TSO), or with ARM in any order that release stores and the order of each
 * address leave; with ARM the load of shared may also be executed before
 * anything else of its operation. A locked operation waits until the buffer is
 * empty. The heavy barrier empties the buffer of one owner after the other and
 * makes loads that were executed early be executed again. Thieves store with
 * locked operations only, so they have no buffer. Each access is one step.
 * With LINGER the attachment of a waiter lingers, and the owner ends it.
 *
 * Owners push, take, end and give back in any order; a task that an owner runs
 * may push and take itself. Thieves take any task of the lane, the waiter takes
 * the task of position 0. The lane changes hands when it is given back; one that
 * is taken over gets no new owner.
 *
 * Checked: each task is taken once, by somebody who reads its function; a slot
 * is written by one owner at a time and only while it is free; at the end no
 * task is lost, no thief is counted and the owners' count of ends is right.
 *
 * check: two thieves | -DTHIEVES=2 -DTASKS=2
 * slow:  two thieves, ARM | -DTHIEVES=2 -DTASKS=2 -DARM
 * check: a thief that comes again | -DROUNDS=2 -DTASKS=3
 * check: two slots, ARM | -DCAP=2 -DTASKS=2 -DARM
 * check: a thief and a waiter | -DWAITER -DTASKS=2
 * slow:  a thief and a waiter, ARM | -DWAITER -DTASKS=2 -DARM
 * check: an attachment lingers | -DWAITER -DLINGER -DTASKS=3 -DTHIEVES=0
 * slow:  an attachment lingers, and a thief | -DWAITER -DLINGER -DTASKS=2
 * slow:  an attachment lingers for the second waiter, ARM | -DWAITER=2 -DLINGER -DTASKS=3 -DTHIEVES=0 -DARM
 * slow:  takeover, ARM | -DTAKEOVER -DTASKS=2 -DARM
 * slow:  two owners, ARM | -DOWNERS=2 -DTASKS=2 -DARM
 * check: two owners, two slots, no thief | -DOWNERS=2 -DCAP=2 -DTASKS=2 -DTHIEVES=0
 * slow:  two owners, takeover | -DOWNERS=2 -DTAKEOVER -DTASKS=2
 * check: thieves do not wait for pushes, ARM | -DPUSHING=2 -DTASKS=2 -DARM
 * slow:  thieves do not wait for pushes, two owners, ARM | -DPUSHING=2 -DOWNERS=2 -DTASKS=2 -DARM
 * full: thieves do not wait for pushes, two of them, ARM | -DPUSHING=2 -DTHIEVES=2 -DTASKS=2 -DARM
 * full: two thieves, two slots | -DTHIEVES=2 -DCAP=2 -DTASKS=3
 * full: two owners, takeover, ARM | -DOWNERS=2 -DTAKEOVER -DTASKS=2 -DARM
 *
 * mutant: MUTANT_no_barrier | the thief looks at busy without a barrier | -DTASKS=2
 * mutant: MUTANT_ignore_busy | the thief does not look at busy after the barrier | -DTASKS=2
 * mutant: MUTANT_no_ack | the thief does not wait for the acknowledgement | -DTASKS=2
 * mutant: MUTANT_old_seq | an old acknowledgement serves again | -DTASKS=2
 * mutant: MUTANT_linger_both | a waiter detaches, and its attachment lingers too | -DTASKS=2 -DWAITER -DLINGER -DTHIEVES=0
 * mutant: MUTANT_linger_all | a second attachment lingers, and nobody knows of it | -DTASKS=2 -DWAITER=2 -DLINGER -DTHIEVES=0
 * mutant: MUTANT_linger_alone | a waiter that relies on the attachment that lingers does not count itself | -DTASKS=3 -DWAITER=2 -DLINGER -DTHIEVES=0
 * mutant: MUTANT_no_mutex | two thieves attach at a time | -DTASKS=1 -DTHIEVES=2
 * mutant: MUTANT_busy_late | the owner looks at the mode before it is busy | -DTASKS=2
 * mutant: MUTANT_busy_short | the owner is no longer busy when it takes | -DTASKS=2
 * mutant: MUTANT_ignore_mode | the owner takes in the shared mode as in the private one | -DTASKS=2
 * mutant: MUTANT_ack_in_take | the owner acknowledges in a private take | -DTASKS=2
 * mutant: MUTANT_state_first | the owner loads the state before the mode | -DTASKS=2
 * mutant: MUTANT_plain_busy | busy=0 is no release store | -DTASKS=2 -DARM
 * mutant: MUTANT_plain_full | nor is the publication | -DTASKS=2 -DARM
 * mutant: MUTANT_plain_ack | nor is the acknowledgement | -DTASKS=2 -DARM
 * mutant: MUTANT_over_no_barrier | a takeover without a barrier | -DTASKS=2 -DTAKEOVER
 * mutant: MUTANT_over_busy | a takeover of a lane whose owner is busy | -DTASKS=2 -DTAKEOVER
 * mutant: MUTANT_reuse | a lane that was taken over gets a new owner | -DTASKS=1 -DTAKEOVER -DOWNERS=2
 * mutant: MUTANT_give_store | a lane is given back with a store | -DTASKS=1 -DTAKEOVER -DOWNERS=2
 * mutant: MUTANT_give_running | a lane is given back while its owner runs a task of it | -DTASKS=2 -DCAP=2 -DOWNERS=2 -DTHIEVES=0
 */

#ifndef TASKS
#define TASKS 2
#endif
#ifndef CAP
#define CAP 1
#endif
#ifndef THIEVES
#define THIEVES 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef OWNERS
#define OWNERS 1
#endif
#ifndef PUSHING
#define PUSHING 1 /* busy in a push; 2 if thieves need not wait for its end */
#endif
#define TAKING 1
#ifndef BUF
#define BUF 5
#endif

/* slot.state of position p */
#define FREE 0
#define FULL 1
#define OWNED 2
#define TAKEN 3
#define WORD(p, kind) ((p) * 4 + (kind))
#define POS(w) ((w) / 4)
#define KIND(w) ((w) % 4)

/* Words that owners store to. */
#define BUSY 0
#define OWNER 1 /* 0 none, 1 and 2 goroutines, GONE after a takeover */
#define ACK 2
#define COMPLETED 3
#define STATE(i) (4 + (i))
#define FN(i) (4 + CAP + (i))
#define WORDS (4 + 2 * CAP)
#define GONE 9

byte mem[WORDS];
byte shared;
byte seq;
bool mu;
bool over; /* the lane has been taken over */
bool lingers; /* an attachment */

typedef buffer {
	byte n;
	byte a[BUF];
	byte v[BUF];
	bit rel[BUF];
	byte early; /* what an early load of shared has read, plus 1 */
};
buffer sb[OWNERS + 1]; /* 0 is not used */

byte ran;          /* one bit for each position */
byte ends;         /* tasks ended by owners */
byte writing[CAP]; /* the owner that is in the slot */
byte pushes;       /* positions begun */

/* --- memory --- */

inline pop(o, i) {
	mem[sb[o].a[i]] = sb[o].v[i];
	k = i;
	do
	:: k + 1 < sb[o].n ->
	   sb[o].a[k] = sb[o].a[k + 1];
	   sb[o].v[k] = sb[o].v[k + 1];
	   sb[o].rel[k] = sb[o].rel[k + 1];
	   k++
	:: else -> break
	od;
	sb[o].n--;
	sb[o].a[sb[o].n] = 0;
	sb[o].v[sb[o].n] = 0;
	sb[o].rel[sb[o].n] = 0;
	k = 0
}

/* The entry i may be the next to reach memory: no earlier one of its address,
 * and none at all before a release store. */
#define LATER(o, i) (i < sb[o].n)
#define SAME(o, i, j) (sb[o].a[i] == sb[o].a[j])

proctype drainer(byte o) {
	byte k;

end:
	do
	:: d_step { sb[o].n > 0 -> pop(o, 0) }
#ifdef ARM
	:: d_step { sb[o].n > 1 && !sb[o].rel[1] && !SAME(o, 1, 0) -> pop(o, 1) }
	:: d_step { sb[o].n > 2 && !sb[o].rel[2] && !SAME(o, 2, 0) && !SAME(o, 2, 1) -> pop(o, 2) }
	:: d_step { sb[o].n > 3 && !sb[o].rel[3] && !SAME(o, 3, 0) && !SAME(o, 3, 1) && !SAME(o, 3, 2) -> pop(o, 3) }
	:: d_step { sb[o].n > 4 && !sb[o].rel[4] && !SAME(o, 4, 0) && !SAME(o, 4, 1) && !SAME(o, 4, 2) && !SAME(o, 4, 3) -> pop(o, 4) }
#endif
	od
}

inline put(o, addr, val, release) {
	d_step {
		sb[o].n < BUF ->
		sb[o].a[sb[o].n] = addr;
		sb[o].v[sb[o].n] = val;
		sb[o].rel[sb[o].n] = release;
		sb[o].n++
	}
}

inline get(o, addr, dst) {
	d_step {
		dst = mem[addr];
		k = 0;
		do
		:: k < sb[o].n ->
		   if
		   :: sb[o].a[k] == addr -> dst = sb[o].v[k]
		   :: else
		   fi;
		   k++
		:: else -> break
		od;
		k = 0
	}
}

#define FENCED(o) (sb[o].n == 0)

inline heavy() {
	b = 1;
	do
	:: b <= OWNERS ->
	   d_step {
		do
		:: sb[b].n > 0 -> pop(b, 0)
		:: else -> break
		od;
		sb[b].early = 0;
		b++
	   }
	:: else -> break
	od;
	b = 0
}

/* --- the owner --- */

inline loadEarly() {
#ifdef ARM
	if
	:: sb[me].early = (shared != 0) + 1
	:: skip
	fi
#else
	skip
#endif
}

inline getShared() {
	d_step {
		if
		:: sb[me].early != 0 -> s = sb[me].early - 1
		:: else -> s = (shared != 0)
		fi;
		sb[me].early = 0
	}
}

inline run_(p) {
	assert(!(ran & (1 << (p))));
	ran = ran | (1 << (p))
}

/* What is stored as release, but for a mutant. */
#ifdef MUTANT_plain_busy
#define REL_BUSY 0
#else
#define REL_BUSY 1
#endif
#ifdef MUTANT_plain_full
#define REL_FULL 0
#else
#define REL_FULL 1
#endif
#ifdef MUTANT_plain_ack
#define REL_ACK 0
#else
#define REL_ACK 1
#endif

inline acknowledge() {
	w = seq;
	put(me, ACK, w, REL_ACK)
}

/* Leaves unless the lane is still the owner's. */
inline leave() {
	put(me, BUSY, 0, REL_BUSY);
	sb[me].early = 0
}

inline push() {
	loadEarly();
	put(me, BUSY, PUSHING, 0);
	get(me, OWNER, w);
	if
	:: w != me -> leave(); mine = false
	:: else ->
	   get(me, STATE(i), w);
	   if
	   :: KIND(w) != FREE || POS(w) >= TASKS -> leave()
	   :: else ->
	      d_step { p = POS(w); assert(writing[i] == 0); writing[i] = me };
	      put(me, FN(i), p + 1, 0);
	      d_step { writing[i] = 0; pushes++ };
	      put(me, STATE(i), WORD(p, FULL), REL_FULL);
	      put(me, BUSY, 0, REL_BUSY);
	      getShared();
	      if
	      :: s -> FENCED(me); acknowledge()
	      :: else
	      fi
	   fi
	fi;
	w = 0; p = 0; s = 0
}

inline begin() {
	run_(p);
	running[depth] = i + 1;
	depth++
}

/* The owner has taken enough since somebody waited, or not. */
inline endLingering() {
#ifdef LINGER
	if
	:: atomic { lingers && FENCED(me) -> lingers = false };
	   atomic { FENCED(me) -> shared-- }
	:: skip
	fi
#else
	skip
#endif
}

inline take() {
	loadEarly();
#ifdef MUTANT_busy_late
	get(me, OWNER, w);
#else
	put(me, BUSY, TAKING, 0);
	get(me, OWNER, w);
#endif
	if
	:: w != me -> leave(); mine = false
	:: else ->
#ifdef MUTANT_state_first
	   get(me, STATE(i), w);
#endif
	   getShared();
#ifdef MUTANT_busy_late
	   put(me, BUSY, TAKING, 0);
#endif
	   if
#ifndef MUTANT_ignore_mode
	   :: s ->
	      put(me, BUSY, 0, REL_BUSY);
	      acknowledge();
	      get(me, STATE(i), w);
	      if
	      :: atomic { KIND(w) == FULL && FENCED(me) && mem[STATE(i)] == w ->
	           p = POS(w);
	           mem[STATE(i)] = WORD(p, TAKEN) }
	         d_step { assert(mem[FN(i)] == p + 1); begin() };
	         endLingering()
	      :: atomic { KIND(w) != FULL || FENCED(me) && mem[STATE(i)] != w -> skip }
	      fi
#endif
	   :: else ->
#ifdef MUTANT_ack_in_take
	      w = seq;
	      put(me, ACK, w, 1);
#endif
#ifndef MUTANT_state_first
	      get(me, STATE(i), w);
#endif
	      if
	      :: KIND(w) == FULL ->
	         p = POS(w);
#ifdef MUTANT_busy_short
	         put(me, BUSY, 0, 1);
#endif
	         put(me, STATE(i), WORD(p, OWNED), 0);
	         get(me, FN(i), w);
#ifndef MUTANT_busy_short
	         put(me, BUSY, 0, REL_BUSY);
#endif
	         d_step { assert(w == p + 1); begin() }
	      :: else -> put(me, BUSY, 0, REL_BUSY)
	      fi
	   fi
	fi;
	w = 0; p = 0; s = 0
}

/* The innermost task that the owner runs ends. */
inline finish() {
	d_step { depth--; i = running[depth] - 1; running[depth] = 0 };
	get(me, COMPLETED, w);
	put(me, COMPLETED, w + 1, 0);
	ends++;
	get(me, STATE(i), w);
	if
	:: KIND(w) == OWNED -> put(me, STATE(i), WORD(POS(w) + CAP, FREE), 1)
	:: else -> atomic { FENCED(me) -> mem[STATE(i)] = WORD(POS(w) + CAP, FREE) }
	fi;
	w = 0; i = 0
}

inline pick() {
	if
	:: i = 0
#if CAP > 1
	:: i = 1
#endif
	fi
}

inline giveBack() {
#ifdef MUTANT_give_store
	get(me, OWNER, w);
	if
	:: w == me -> put(me, OWNER, 0, 1)
	:: else
	fi;
	w = 0;
#else
	atomic {
		FENCED(me);
		if
		:: mem[OWNER] == me -> mem[OWNER] = 0
		:: else
		fi
	};
#endif
	mine = false
}

#ifdef MUTANT_give_running
#define GIVES true
#else
#define GIVES depth == 0
#endif

proctype owner(byte me) {
	byte i, k, w, p, s;
	byte running[TASKS];
	byte depth;
	bool mine;

	if
	:: atomic { mem[OWNER] == 0 -> mem[OWNER] = me; mine = true }
#if OWNERS > 1
	:: skip
#endif
	fi;
	do
	:: mine && pushes < TASKS -> pick(); push(); i = 0
	:: mine -> pick(); take(); i = 0
	:: depth > 0 -> finish()
#if OWNERS > 1
	:: mine && (GIVES) -> giveBack()
#endif
	:: depth == 0 -> break
	od
}

/* --- thieves --- */

inline attach() {
#ifndef MUTANT_no_mutex
	atomic { !mu -> mu = true };
#endif
	d_step { was = shared; shared++ };
	if
	:: was > 0 -> attached = true
	:: else ->
#ifdef MUTANT_old_seq
	   q = seq;
#else
	   d_step { seq++; q = seq };
#endif
	   if
#ifdef MUTANT_no_ack
	   :: attached = true
#else
	   :: mem[ACK] == q -> attached = true
#endif
	   :: true ->
#ifndef MUTANT_no_barrier
	      heavy();
#endif
	      if
#ifdef MUTANT_ignore_busy
	      :: attached = true
#else
	      :: mem[BUSY] != TAKING -> attached = true
#endif
	      :: shared-- /* busy for too long */
	      fi
	   fi
	fi;
	was = 0; q = 0;
	mu = false
}

inline steal(i) {
	w = mem[STATE(i)];
	if
	:: KIND(w) == FULL ->
	   if
	   :: atomic { mem[STATE(i)] == w -> mem[STATE(i)] = WORD(POS(w), TAKEN) };
	      d_step { assert(mem[FN(i)] == POS(w) + 1); run_(POS(w)) };
	      mem[STATE(i)] = WORD(POS(w) + CAP, FREE)
	   :: atomic { mem[STATE(i)] != w -> skip }
	   fi
	:: else
	fi;
	w = 0
}

proctype thief() {
	byte was, q, b, k, w, n;
	bool attached;

	do
	:: n < ROUNDS ->
	   n++;
	   attach();
	   if
	   :: attached ->
	      do
	      :: steal(0)
#if CAP > 1
	      :: steal(1)
#endif
	      :: break
	      od;
	      shared--;
	      attached = false
	   :: else
	   fi
	:: else -> break
	od
}

#define STATE_OF(p) STATE((p) % CAP)

/* A goroutine that waits for the task of position x. */
proctype waiter(byte x) {
	byte was, q, b, k, w;
	bool attached;

end:
	POS(mem[STATE_OF(x)]) == x && KIND(mem[STATE_OF(x)]) != FREE || POS(mem[STATE_OF(x)]) > x;
#ifdef MUTANT_linger_alone
	if
	:: lingers -> attached = true
	:: else -> attach()
	fi;
#else
	attach();
#endif
	if
	:: attached ->
	   w = mem[STATE_OF(x)];
	   if
	   :: w == WORD(x, FULL) -> steal(x % CAP)
	   :: else
	   fi;
#ifdef LINGER
	   d_step { was = lingers; lingers = true };
	   if
#ifndef MUTANT_linger_both
	   :: !was
#endif
#if defined(MUTANT_linger_all) || defined(MUTANT_linger_alone)
	   :: was
#endif
	   :: else -> shared--
	   fi;
#else
	   shared--;
#endif
	   attached = false
	:: else
	fi
}

/* Takes the lane over, whoever has it, for good. */
proctype taker() {
	byte b, k, w, o, i;

	atomic { !mu -> mu = true };
	o = mem[OWNER];
	if
	:: o == 0
	:: else ->
#ifndef MUTANT_reuse
	   shared++;
#endif
	   if
#ifdef MUTANT_reuse
	   :: atomic { mem[OWNER] == o -> mem[OWNER] = 9 };
#else
	   :: atomic { mem[OWNER] == o -> mem[OWNER] = GONE };
#endif
#ifndef MUTANT_over_no_barrier
	      heavy();
#endif
	      if
#ifdef MUTANT_over_busy
	      :: true ->
#else
	      :: mem[BUSY] == 0 ->
#endif
#ifdef MUTANT_reuse
	         mem[OWNER] = 0
#else
	         do
	         :: i < CAP -> steal(i); i++
	         :: else -> break
	         od;
	         over = true
#endif
	      :: else ->
	         mem[OWNER] = o;
#ifndef MUTANT_reuse
	         shared--
#endif
	      fi
	   :: atomic { mem[OWNER] != o -> skip };
#ifndef MUTANT_reuse
	      shared--
#endif
	   fi
	fi;
	mu = false
}

init {
	byte i;

	atomic {
		do
		:: i < CAP -> mem[STATE(i)] = WORD(i, FREE); i++
		:: else -> break
		od;
		i = 1;
		do
		:: i <= OWNERS -> run drainer(i); run owner(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < THIEVES -> run thief(); i++
		:: else -> break
		od;
#ifdef WAITER
		run waiter(0);
#if WAITER > 1
		run waiter(1);
#endif
#endif
#ifdef TAKEOVER
		run taker();
#endif
	}
	timeout;
	i = 0;
	do
	:: i < CAP ->
	   assert(KIND(mem[STATE(i)]) == FREE || KIND(mem[STATE(i)]) == FULL && !over);
	   assert(KIND(mem[STATE(i)]) == FREE || !(ran & (1 << POS(mem[STATE(i)]))));
	   i++
	:: else -> break
	od;
	assert(shared == over + lingers && mem[COMPLETED] == ends && mem[BUSY] == 0)
}
