/*
 * The ring: slots with sequence numbers, one claim word for each block of
 * slots (docs/protocol.md, section 2; queue.go, queue_generic.go, queue_*.s).
 *
 * One access to a shared word is one step, and what a process computes from it
 * belongs to the step. The words of a task are one word that holds the number
 * of its position. Positions have 8 bits and wrap: START puts the first next to
 * the wrap. A claim word has BLOCK bits; its version counts without end, as 56
 * bits do for as long as a model runs.
 *
 * Checked: a position is taken once; the words copied are those of the
 * position, and nobody stores into a slot that another still owns; "empty" is
 * said, and hasWork says false, only if every claimed position has been taken;
 * head never passes a position that has not; a full ring is one whose next slot
 * is not released; nothing is left when all have ended.
 *
 * SUBMITTERS, BATCH, WORKER, THIEF (how many it takes at once), WAITER (how
 * often it comes) and SLEEPER say who takes part.
 *
 * check: two consumers, two laps and a half | -DTASKS=5 -DWORKER -DTHIEF=1
 * check: batches on both sides | -DTASKS=4 -DSTART=254 -DTHIEF=2 -DWAITER=1 -DBATCH
 * check: two submitters, over the wrap of positions | -DTASKS=5 -DSTART=252 -DSUBMITTERS=2 -DWORKER
 * check: a waiter, over the wrap of positions | -DTASKS=5 -DSTART=252 -DWORKER -DWAITER=2
 * check: two blocks, over the wrap of positions | -DCAP=4 -DTASKS=6 -DSTART=250 -DWORKER -DWAITER=1 -DBATCH
 * check: one about to sleep | -DTASKS=3 -DTHIEF=1 -DSLEEPER
 * full: two submitters, two consumers | -DTASKS=4 -DSUBMITTERS=2 -DWORKER -DTHIEF=2
 * full: worker, batches, waiter, four laps and a half | -DTASKS=9 -DBATCH -DWORKER -DWAITER=1
 * full: two blocks, thief, waiter | -DCAP=4 -DTASKS=6 -DSTART=250 -DWORKER -DTHIEF=2 -DWAITER=1 -DBATCH
 * full: one about to sleep | -DTASKS=4 -DWORKER -DWAITER=1 -DSLEEPER
 *
 * mutant: MUTANT_no_version | the claim word counts no claims | -DTASKS=5 -DWORKER -DTHIEF=1
 * mutant: MUTANT_seq_first | A2 before A3 | -DTASKS=5 -DWORKER -DTHIEF=1
 * mutant: MUTANT_no_bit | a consumer looks at the sequence number only | -DTASKS=5 -DWORKER -DTHIEF=1
 * mutant: MUTANT_no_seq | a consumer looks at the claim bit only | -DTASKS=5 -DWORKER
 * mutant: MUTANT_same_lap | a claim bit means the same in every lap | -DTASKS=5 -DWORKER
 * mutant: MUTANT_release_early | R1 before the words are copied | -DTASKS=5 -DWORKER
 * mutant: MUTANT_publish_early | R2 before the words are stored | -DTASKS=5 -DWORKER
 * mutant: MUTANT_check_last | claim of n looks at the last slot only | -DTASKS=5 -DWORKER -DBATCH -DWAITER=1
 * mutant: MUTANT_plain_tail | tail is moved by a store and not by a CAS | -DTASKS=5 -DSUBMITTERS=2 -DWORKER
 * mutant: MUTANT_empty_by_seq | a position that is not published counts as empty | -DTASKS=5 -DWORKER
 * mutant: MUTANT_no_settle_look | taking a block's last task moves head without a look | -DCAP=4 -DTASKS=6 -DWORKER -DWAITER=1
 * mutant: MUTANT_settle_first | settle looks at a block's first position only | -DCAP=4 -DTASKS=6 -DWORKER -DWAITER=1
 * mutant: MUTANT_look_for_full | hasWork overlooks what is claimed and not published | -DTASKS=3 -DWORKER -DSLEEPER
 */

#ifndef CAP
#define CAP 2
#endif
#ifndef TASKS
#define TASKS 5
#endif
#ifndef START
#define START 0
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 1
#endif
#define BLOCK 2 /* blockSize; 8 in queue.go */

#define WRAP(p) ((p) & 255)
#define BEHIND(a, b) (WRAP((a) - (b)) > 127) /* int64(a-b) < 0 */
#define NUMBER(p) WRAP((p) - (START))        /* of the task at position p */

#define SLOT(p) ((p) & (CAP - 1))
#define WORD(p) (SLOT(p) / BLOCK)
#define BIT(p) (1 << (SLOT(p) % BLOCK))
#define LAST(p) (SLOT(p) % BLOCK == BLOCK - 1)           /* of its block */
#define NEXTBLOCK(p) WRAP((p) - SLOT(p) % BLOCK + BLOCK) /* ring.nextBlock */

/* ring.lapBits and ring.unclaimed: does claim word c show p as not taken in its lap? */
#ifdef MUTANT_same_lap
#define FREE(c, p) (((c) & BIT(p)) == 0)
#else
#define FREE(c, p) ((((c) & BIT(p)) != 0) == ((WRAP(p) / CAP) % 2))
#endif

#ifdef MUTANT_no_bit
#define TAKEABLE(c, p) true
#else
#define TAKEABLE(c, p) FREE(c, p)
#endif

#ifdef MUTANT_no_seq
#define PUBLISHED(p) true
#else
#define PUBLISHED(p) (seq[SLOT(p)] == WRAP((p) + 1))
#endif

#ifdef MUTANT_no_version
#define STEP 0
#else
#define STEP (1 << BLOCK) /* claimStep */
#endif

#define CLEAR 255

byte tail = START;
byte head = START;
byte seq[CAP];
short claims[CAP / BLOCK];
byte words[CAP] = CLEAR;

mtype = { TAKEN, EMPTY, PENDING, BLANK, FULL, GONE }; /* dequeueStatus, position */

/* What the model knows and the code does not. */
bool taken[TASKS];
byte released; /* how many tasks were taken and their slots released */

inline allTaken(limit) {
	k = 0;
	do
	:: k < NUMBER(limit) -> assert(taken[k]); k++
	:: else -> k = 0; break
	od
}

/* claim: claimGeneric, Pool.submit. Sets pos and got; got == 0: full. */
inline claim(want) {
	do
	:: atomic { pos = tail; got = 0 };
	   do
	   :: atomic {
#ifdef MUTANT_check_last
	         got = want - 1;
#endif
	         s = seq[SLOT(pos + got)]; /* A1 */
	         if
	         :: s == WRAP(pos + got) ->
	            got++;
	            if
	            :: got == want -> break
	            :: else
	            fi
	         :: else ->
#ifdef MUTANT_check_last
	            got = 0;
#endif
	            break
	         fi
	      }
	   od;
	   atomic {
	      if
	      :: got == 0 && BEHIND(s, pos) && tail == pos -> break
	      :: got == 0 && !(BEHIND(s, pos) && tail == pos)
#ifdef MUTANT_plain_tail
	      :: got != 0 -> tail = WRAP(pos + got); break
#else
	      :: got != 0 && tail == pos -> tail = WRAP(pos + got); break /* P1 */
	      :: got != 0 && tail != pos
#endif
	      fi
	   }
	od;
	s = 0
}

inline storeWords() {
	do
	:: atomic {
	      assert(words[SLOT(pos + i)] == CLEAR);
	      words[SLOT(pos + i)] = NUMBER(pos + i);
	      i++;
	      if
	      :: i == got -> i = 0; break
	      :: else
	      fi
	   }
	od
}

/* publish: publishGeneric. */
inline publish() {
	do
	:: atomic {
	      seq[SLOT(pos + i)] = WRAP(pos + i + 1); /* R2 */
	      i++;
	      if
	      :: i == got -> i = 0; break
	      :: else
	      fi
	   }
	od
}

/* take: takeGeneric. Sets got. */
inline take(at, want) {
	do
#ifdef MUTANT_seq_first
	:: atomic {
	      got = 0;
	      if
	      :: PUBLISHED(at) -> got = 1
	      :: else -> break
	      fi
	   };
	   atomic {
	      c = claims[WORD(at)];
	      if
	      :: TAKEABLE(c, at)
	      :: else -> got = 0; break
	      fi
	   };
#else
	:: atomic {
	      c = claims[WORD(at)]; /* A3 */
	      got = 0;
	      if
	      :: TAKEABLE(c, at)
	      :: else -> break
	      fi
	   };
	   do
	   :: atomic {
	         if
	         :: PUBLISHED(at + got) -> /* A2 */
	            got++;
	            if
	            :: got == want || LAST(at + got - 1) || !TAKEABLE(c, at + got) -> break
	            :: else
	            fi
	         :: else -> break
	         fi
	      }
	   od;
#endif
	   atomic {
	      if
	      :: got == 0 -> break
	      :: got != 0 && claims[WORD(at)] == c ->
	         do
	         :: i < got ->
	            assert(NUMBER(at + i) < TASKS && !taken[NUMBER(at + i)]);
	            taken[NUMBER(at + i)] = true;
	            c = c ^ BIT(at + i);
	            i++
	         :: else -> break
	         od;
	         i = 0;
	         claims[WORD(at)] = c + STEP;
	         break
	      :: got != 0 && claims[WORD(at)] != c
	      fi
	   }
	od;
	c = 0
}

/* The end of take, which copies the words, and settleSlot (agent.go), which
 * clears them and releases the slot. */
inline finish(at) {
	do
	:: got == 0 -> break
#ifdef MUTANT_release_early
	:: got != 0 ->
	   atomic { seq[SLOT(at + i)] = WRAP(at + i + CAP) };
	   atomic {
	      assert(words[SLOT(at + i)] == NUMBER(at + i));
	      words[SLOT(at + i)] = CLEAR;
	      released++;
#else
	:: atomic {
	      got != 0 ->
	      assert(words[SLOT(at + i)] == NUMBER(at + i));
	      words[SLOT(at + i)] = CLEAR
	   };
	   atomic {
	      seq[SLOT(at + i)] = WRAP(at + i + CAP); /* R1: rearmGeneric, releaseGeneric */
	      released++;
#endif
	      i++;
	      if
	      :: i == got -> i = 0; break
	      :: else
	      fi
	   }
	od
}

/* look: ring.look. Sets what. */
inline look(p) {
	c = claims[WORD(p)]; /* A3 */
	atomic {
		if
		:: BEHIND(seq[SLOT(p)], p + 1) -> what = BLANK
		:: seq[SLOT(p)] == WRAP(p + 1) && FREE(c, p) -> what = FULL
		:: else -> what = GONE
		fi;
		c = 0
	}
}

/* The CAS of head; everything before head has been taken. */
inline moveHead(was, to) {
	atomic {
		if
		:: head == was -> head = to; allTaken(to)
		:: else
		fi
	}
}

/* advance: ring.advance. */
inline advance(to) {
	h = head;
	if
	:: BEHIND(h, to) -> moveHead(h, to)
	:: else
	fi;
	h = 0
}

/* settle: ring.settle. */
inline settle() {
	do
	:: atomic { h = head; p = h };
	   do
	   :: look(p);
	      atomic {
	         if
	         :: what != GONE -> break
	         :: else ->
#ifdef MUTANT_settle_first
	            p = NEXTBLOCK(h);
#else
	            p = WRAP(p + 1);
#endif
	            if
	            :: p == NEXTBLOCK(h) -> break
	            :: else
	            fi
	         fi
	      }
	   od;
	   if
	   :: what != GONE -> break
	   :: else -> moveHead(h, NEXTBLOCK(h))
	   fi
	od;
	atomic { h = 0; p = 0; what = 0 }
}

/* takeAt: ring.takeAt. */
inline takeAt(at) {
	take(at, 1);
	if
#ifdef MUTANT_no_settle_look
	:: got != 0 && LAST(at) -> advance(WRAP(at + 1))
#else
	:: got != 0 && (SLOT(at) % BLOCK == 0 || LAST(at)) -> settle()
#endif
	:: else
	fi;
	finish(at)
}

/* dequeue: ring.dequeue, from on. Sets from, got and what. */
inline dequeue(want) {
	do
	:: atomic { /* skips what the claim word shows as taken */
	      c = claims[WORD(from)];
	      do
	      :: !FREE(c, from) && !LAST(from) -> from = WRAP(from + 1)
	      :: else -> break
	      od;
	      if
	      :: FREE(c, from) -> c = 0
	      :: else -> from = WRAP(from + 1); c = 1
	      fi
	   };
	   if
	   :: c == 1 -> /* a whole block */
	      c = 0;
	      atomic {
	         if
	         :: !BEHIND(from, tail) -> allTaken(tail); got = 0; what = EMPTY; break
	         :: else
	         fi
	      }
	   :: else ->
	      take(from, want);
	      if
	      :: got != 0 ->
	         what = TAKEN;
	         if
	         :: WRAP(from + got) == NEXTBLOCK(from) -> advance(NEXTBLOCK(from))
	         :: else
	         fi;
	         break
	      :: else ->
	         look(from);
	         if
	         :: what == GONE ->
	            atomic {
	               from = WRAP(from + 1);
	               if
	               :: BEHIND(from, head) -> from = head
	               :: else
	               fi
	            }
	         :: what == BLANK ->
	            atomic {
	               if
#ifdef MUTANT_empty_by_seq
	               :: true -> allTaken(tail); what = EMPTY
#else
	               :: !BEHIND(from, tail) -> allTaken(tail); what = EMPTY
	               :: else -> what = PENDING
#endif
	               fi
	            };
	            break
	         :: what == FULL
	         fi
	      fi
	   fi
	od
}

/* dequeuePast: ring.dequeuePast, behind from. Sets got. */
inline dequeuePast() {
	atomic { h = tail; p = from; got = 0 };
	do
	:: BEHIND(p, h) ->
	   take(p, 1);
	   if
	   :: got != 0 -> finish(p); break
	   :: else -> p = WRAP(p + 1)
	   fi
	:: else -> break
	od;
	atomic { p = 0; h = 0 }
}

/* Submits n tasks, one at a time as submit does, or two as invite may. */
proctype submitter(byte n) {
	byte pos, got, s, i;

	do
	:: n > 0 ->
	   if
	   :: claim(1)
#ifdef BATCH
	   :: n > 1 -> claim(2)
#endif
	   fi;
	   if
	   :: got == 0 /* full: tries again */
	   :: else ->
#ifdef MUTANT_publish_early
	      publish();
	      storeWords();
#else
	      storeWords();
	      publish();
#endif
	   fi;
	   atomic { n = n - got; pos = 0; got = 0 }
	:: else -> break
	od
}

/* One that comes n times for a task that has been published at some time and
 * may be queued, running, or long gone: Future.help, Future.Cancel. */
proctype waiter(byte n) {
	byte at = START, got, i, k, h, p;
	short c;
	mtype what;

	do
	:: n > 0 ->
	   atomic {
	      do
	      :: NUMBER(at) < TASKS - 1 -> at = WRAP(at + 1)
	      :: break
	      od;
	      !BEHIND(seq[SLOT(at)], at + 1)
	   };
	   takeAt(at);
	   atomic { n--; got = 0; at = START }
	:: else -> break
	od
}

/* A worker on its own ring (worker.tryFind): it remembers where it was. */
proctype worker() {
	byte got, i, k, from = START, h, p;
	short c;
	mtype what;

	do
	:: released == TASKS -> break
	:: released < TASKS && released < NUMBER(tail) ->
	   dequeue(1);
	   if
	   :: what == TAKEN -> finish(from); from = WRAP(from + 1) /* w.next */
	   :: what == PENDING -> dequeuePast()
	   :: else
	   fi;
	   atomic { got = 0; what = 0 }
	od
}

/* One that starts at head: a thief, a helper, or, with n = BLOCK, Pool.drain. */
proctype thief(byte n) {
	byte got, i, k, from, h, p;
	short c;
	mtype what;

	do
	:: released == TASKS -> break
	:: released < TASKS && released < NUMBER(tail) ->
	   from = head;
	   dequeue(n);
	   if
	   :: what == TAKEN -> finish(from)
	   :: what == PENDING -> dequeuePast()
	   :: else
	   fi;
	   atomic { got = 0; what = 0; from = 0 }
	od
}

/* One that is about to sleep and asks hasWork (ring.hasWork). */
proctype sleeper() {
	byte k, h, p, before;
	short c;
	mtype what;

	atomic { p = head; before = tail };
	h = tail;
	do
	:: BEHIND(p, h) ->
	   look(p);
	   if
#ifdef MUTANT_look_for_full
	   :: what == FULL -> break
#else
	   :: what != GONE -> break
#endif
	   :: else -> p = WRAP(p + 1)
	   fi
	:: else -> atomic { allTaken(before); break }
	od
}

init {
	byte i;
	atomic {
		/* ring.init: not taken in the first lap means taken in the one before. */
		do
		:: i < CAP ->
		   seq[SLOT(START + i)] = WRAP(START + i);
		   if
		   :: !FREE(claims[WORD(START + i)], START + i) ->
		      claims[WORD(START + i)] = claims[WORD(START + i)] | BIT(START + i)
		   :: else
		   fi;
		   i++
		:: else -> break
		od;
		i = 0;
#if SUBMITTERS == 2
		run submitter(TASKS - TASKS / 2);
		run submitter(TASKS / 2);
#else
		run submitter(TASKS);
#endif
#ifdef WORKER
		run worker();
#endif
#ifdef WAITER
		run waiter(WAITER);
#endif
#ifdef THIEF
		run thief(THIEF);
#endif
#ifdef SLEEPER
		run sleeper();
#endif
	};
	_nr_pr == 1;
	assert(released == TASKS && NUMBER(tail) == TASKS)
}
