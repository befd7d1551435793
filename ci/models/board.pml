/*
 * The board of open batches (docs/protocol.md: board of batches).
 *
 * Posters take a record, fill it, post it and join it, USES times each; records
 * are used again as soon as nobody holds them. Runners look at the board, hold
 * what they see, and claim elements, one or all that are left. Nothing can be
 * claimed before the batch is on the board, for until then its cursor is at the
 * end. A board that is
 * full sends further batches to a list. One access is one step; what a lock
 * protects is one step.
 *
 * Checked: each element of each batch is run once, by somebody who reads that
 * batch's function; a join returns when all have ended and finds their results;
 * at the end no batch is on the board or the list, and no record is held.
 *
 * check: a poster, two runners | -DPOSTERS=1 -DUSES=3 -DRUNNERS=2
 * check: two posters, two spots | -DPOSTERS=2 -DSPOTS=2 -DRUNNERS=1
 * check: two posters, one spot | -DPOSTERS=2 -DSPOTS=1 -DRUNNERS=1 -DUSES=1
 * check: joiners help | -DPOSTERS=1 -DUSES=2 -DRUNNERS=1 -DHELP
 * check: two posters, two runners | -DPOSTERS=2 -DSPOTS=1 -DRUNNERS=2 -DUSES=1
 * full: two posters, two runners, two spots | -DPOSTERS=2 -DSPOTS=2 -DRUNNERS=2
 *
 * mutant: MUTANT_cursor_first | elements can be claimed before the batch is on the board | -DPOSTERS=1 -DRUNNERS=2
 * mutant: MUTANT_old_end | the cursor stays at the end of the batch before | -DPOSTERS=1 -DRUNNERS=2
 * mutant: MUTANT_no_hold | a runner does not hold the batch | -DPOSTERS=1 -DUSES=3 -DRUNNERS=2
 * mutant: MUTANT_hold_free | a record that nobody holds can be held | -DPOSTERS=1 -DRUNNERS=2
 * mutant: MUTANT_clear_late | the entry is removed by who no longer holds the batch | -DPOSTERS=2 -DRUNNERS=2 -DSPOTS=2
 * mutant: MUTANT_no_clear | the entry is not removed | -DPOSTERS=1 -DRUNNERS=1
 * mutant: MUTANT_clear_any | whoever finds no element left removes the entry, after its release | -DPOSTERS=2 -DRUNNERS=2 -DSPOTS=2
 * mutant: MUTANT_no_joiner | the joiner does not count | -DPOSTERS=2 -DRUNNERS=1 -DUSES=1
 * mutant: MUTANT_count_first | an element counts as ended before it has run | -DPOSTERS=1 -DRUNNERS=1
 * mutant: MUTANT_claim_store | elements are claimed with a store | -DPOSTERS=1 -DRUNNERS=2
 * mutant: MUTANT_two_release | who ends the last element releases twice | -DPOSTERS=1 -DRUNNERS=2
 */

#ifndef POSTERS
#define POSTERS 1
#endif
#ifndef USES
#define USES 2
#endif
#ifndef RUNNERS
#define RUNNERS 2
#endif
#ifndef SPOTS
#define SPOTS 1
#endif
#define N 2         /* elements of a batch at most, and a cursor at the end of any */
#define SIZE(k) (1 + (k) % 2)
#define RECORDS POSTERS
#define BATCHES (POSTERS * USES)
#define LIST SPOTS  /* record.spot of one in the list */

byte board[SPOTS];  /* a record plus 1 */
byte list;          /* one bit for each record */

byte idle = (1 << RECORDS) - 1; /* records that are free for use */

typedef record {
	byte refs;
	byte fn;        /* which batch it is */
	byte cursor;
	byte n;         /* elements */
	byte left;      /* elements that have not ended */
	byte spot;
	byte results;   /* one bit for each element */
};
record rec[RECORDS];

byte ran[BATCHES];  /* one bit for each element */
byte batches;
byte joined;

#define BIT(i) (1 << (i))

inline release(b) {
	d_step {
		rec[b].refs--;
		if
		:: rec[b].refs == 0 -> assert(!(idle & BIT(b))); idle = idle | BIT(b)
		:: else
		fi
	}
}

/* Removes b's entry. */
inline clear(b) {
	s = rec[b].spot;
	if
	:: s == LIST -> list = list & (255 - BIT(b))
	:: else -> board[s] = 0
	fi;
	s = 0
}

/* Helps with b, which is held. */
inline help(b) {
	do
	:: c = rec[b].cursor;
	   if
	   :: c >= rec[b].n -> break
	   :: c < rec[b].n -> e = c + 1
	   :: c < rec[b].n -> e = rec[b].n
	   fi;
	   if
#ifdef MUTANT_claim_store
	   :: true -> rec[b].cursor = e;
#else
	   :: atomic { rec[b].cursor == c -> rec[b].cursor = e };
#endif
#if !defined(MUTANT_no_clear) && !defined(MUTANT_clear_late) && !defined(MUTANT_clear_any)
	      if
	      :: e == rec[b].n -> clear(b)
	      :: else
	      fi;
#endif
#ifdef MUTANT_clear_late
	      last = (e == rec[b].n);
#endif
	      f = rec[b].fn;
#ifdef MUTANT_count_first
	      d_step { rec[b].left = rec[b].left - (e - c); w = (rec[b].left == 0) };
	      if
	      :: w -> release(b)
	      :: else
	      fi;
#endif
	      d_step {
		do
		:: c < e ->
		   assert(!(ran[f] & BIT(c)));
		   ran[f] = ran[f] | BIT(c);
		   rec[b].results = rec[b].results | BIT(c);
#ifndef MUTANT_count_first
		   n++;
#endif
		   c++
		:: else -> break
		od
	      };
#ifndef MUTANT_count_first
	      d_step { rec[b].left = rec[b].left - n; n = 0; w = (rec[b].left == 0) };
	      if
	      :: w -> w = false; release(b);
#ifdef MUTANT_two_release
	         release(b);
#endif
	      :: else
	      fi
#endif
#ifndef MUTANT_claim_store
	   :: atomic { rec[b].cursor != c -> skip }
#endif
	   fi
	od;
	c = 0; e = 0; f = 0; w = false
}

inline hold(b) {
	if
#ifdef MUTANT_no_hold
	:: true -> held = true
#else
#ifdef MUTANT_hold_free
	:: atomic { true -> rec[b].refs++; held = true; idle = idle & (255 - BIT(b)) }
#else
	:: atomic { rec[b].refs > 0 -> rec[b].refs++; held = true }
#endif
	:: rec[b].refs == 0 -> skip
#endif
	fi
}

proctype runner() {
	byte b, c, e, f, n, s;
	bool held, w, last;

	do
	:: joined == BATCHES -> break
	:: b = 0;
	   if
	   :: atomic { board[0] != 0 -> b = board[0] }
#if SPOTS > 1
	   :: atomic { board[1] != 0 -> b = board[1] }
#endif
	   :: atomic { list != 0 ->
	      if
	      :: list & 1 -> b = 1
#if RECORDS > 1
	      :: list & 2 -> b = 2
#endif
	      fi }
	   :: joined == BATCHES -> break
	   fi;
	   b--;
	   hold(b);
	   if
	   :: held ->
	      help(b);
	      held = false;
#ifndef MUTANT_no_hold
	      release(b);
#endif
#ifdef MUTANT_clear_late
	      if
	      :: last -> clear(b); last = false
	      :: else
	      fi
#endif
#ifdef MUTANT_clear_any
	      clear(b)
#endif
	   :: else
	   fi
	od
}

proctype poster() {
	byte b, c, e, f, n, s, use, k;
	bool w, last;

	do
	:: use < USES ->
	   atomic {
		if
		:: idle & 1 -> b = 0
#if RECORDS > 1
		:: idle & 2 -> b = 1
#endif
		fi;
		idle = idle & (255 - BIT(b));
		k = batches; batches++
	   };
	   assert(rec[b].refs == 0);
	   rec[b].fn = k;
	   rec[b].left = SIZE(k);
	   rec[b].results = 0;
#ifdef MUTANT_cursor_first
	   rec[b].cursor = 0;
#elif !defined(MUTANT_old_end)
	   rec[b].cursor = N;
#endif
	   rec[b].n = SIZE(k);
#ifdef MUTANT_no_joiner
	   rec[b].refs = 1;
#else
	   rec[b].refs = 2;
#endif
	   s = 0;
	   do
	   :: s < SPOTS ->
	      rec[b].spot = s;
	      if
	      :: atomic { board[s] == 0 -> board[s] = b + 1 }; break
	      :: board[s] != 0 -> s++
	      fi
	   :: else -> rec[b].spot = LIST; list = list | BIT(b); break
	   od;
	   s = 0;
#ifndef MUTANT_cursor_first
	   rec[b].cursor = 0;
#endif
#ifdef HELP
	   help(b);
#endif
	   rec[b].left == 0 || rec[b].fn != k;
	   d_step {
		assert(rec[b].fn == k && ran[k] == (1 << SIZE(k)) - 1 && rec[b].results == ran[k])
	   };
#ifndef MUTANT_no_joiner
	   release(b);
#endif
	   joined++;
	   b = 0; k = 0;
	   use++
	:: else -> break
	od
}

init {
	byte i;

	atomic {
		do
		:: i < POSTERS -> run poster(); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < RUNNERS -> run runner(); i++
		:: else -> break
		od;
		i = 0
	};
	timeout;
	assert(joined == BATCHES);
	assert(board[0] == 0 && board[SPOTS - 1] == 0 && list == 0);
	assert(idle == (1 << RECORDS) - 1)
}
