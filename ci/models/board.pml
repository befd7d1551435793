/*
 * The board of open batches (docs/protocol.md: board of batches).
 *
 * Posters take a record, fill it, post it and join it, USES times each; records
 * are used again as soon as nobody holds them. Runners hold a batch that they find on
 * the board, and claim elements, one or all that are left. Cancellers know a batch by its
 * number, which may be over, and withdraw what nobody has claimed. One access is one
 * step; what a lock protects is one step.
 *
 * Checked: each element of each batch is run or withdrawn once, by somebody who reads
 * that batch's function; a join returns when all have ended and finds their results;
 * at the end no batch is on the board, and no record is held.
 *
 * check: a poster, two runners | -DPOSTERS=1 -DUSES=3 -DRUNNERS=2
 * check: two posters | -DPOSTERS=2 -DRUNNERS=1
 * check: joiners help | -DPOSTERS=1 -DUSES=2 -DRUNNERS=1 -DHELP
 * check: two posters, two runners | -DPOSTERS=2 -DRUNNERS=2 -DUSES=1
 * check: somebody cancels | -DPOSTERS=1 -DUSES=3 -DRUNNERS=1 -DCANCELLERS=1
 * check: two cancel | -DPOSTERS=1 -DUSES=2 -DRUNNERS=1 -DCANCELLERS=2
 * full: two posters, two runners, twice each | -DPOSTERS=2 -DRUNNERS=2
 *
 * mutant: MUTANT_cursor_late | a batch is on the board before its cursor is set | -DPOSTERS=1 -DUSES=3 -DRUNNERS=2
 * mutant: MUTANT_no_hold | a runner does not hold the batch | -DPOSTERS=1 -DUSES=3 -DRUNNERS=2
 * mutant: MUTANT_hold_free | a record that nobody holds can be held | -DPOSTERS=1 -DUSES=3 -DRUNNERS=1 -DCANCELLERS=1
 * mutant: MUTANT_no_key | who knows a batch by its number does not look whether it is still that one | -DPOSTERS=1 -DUSES=3 -DRUNNERS=1 -DCANCELLERS=1
 * mutant: MUTANT_clear_late | the entry is removed by who no longer holds the batch | -DPOSTERS=2 -DRUNNERS=2
 * mutant: MUTANT_no_clear | the entry is not removed | -DPOSTERS=1 -DRUNNERS=1
 * mutant: MUTANT_clear_any | whoever finds no element left removes the entry, after its release | -DPOSTERS=2 -DRUNNERS=2
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
#ifndef CANCELLERS
#define CANCELLERS 0
#endif
#define N 2         /* elements of a batch at most */
#define SIZE(k) (1 + (k) % 2)
#define RECORDS POSTERS
#define BATCHES (POSTERS * USES)

byte board;         /* one bit for each record that is on it */

byte idle = (1 << RECORDS) - 1; /* records that are free for use */

typedef record {
	byte refs;
	byte fn;        /* which batch it is */
	byte cursor;
	byte n;         /* elements */
	byte left;      /* elements that have not ended */
	byte results;   /* one bit for each element */
};
record rec[RECORDS];

byte ran[BATCHES];  /* one bit for each element */
byte batches;
byte known;         /* one bit for each that has been posted: before that nobody has its number */
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
	board = board & (255 - BIT(b))
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

proctype runner() {
	byte b, c, e, f, n;
	bool held, w, last;

	do
	:: joined == BATCHES -> break
	:: atomic { /* under the board's lock */
		board != 0 ->
		if
		:: board & 1 -> b = 0
#if RECORDS > 1
		:: board & 2 -> b = 1
#endif
		fi;
		held = (rec[b].cursor < rec[b].n);
#ifndef MUTANT_no_hold
		if
		:: held -> assert(rec[b].refs > 0); rec[b].refs++
		:: else
		fi
#endif
	   };
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

/* Withdraws what nobody has claimed of batch k, which may be over. */
proctype canceller() {
	byte b, k, c, f;
	bool held, w;

	atomic {
		known != 0 ->
		do
		:: k + 1 < BATCHES -> k++
		:: known & BIT(k) -> break
		od
	};
#if RECORDS > 1
	if
	:: true -> b = 0
	:: true -> b = 1
	fi;
#endif
#ifdef MUTANT_hold_free
	d_step { rec[b].refs++; held = true; idle = idle & (255 - BIT(b)) };
#else
	if
	:: atomic { rec[b].refs > 0 -> rec[b].refs++; held = true }
	:: rec[b].refs == 0
	fi;
#endif
	if
#ifdef MUTANT_no_key
	:: held ->
#else
	:: held && rec[b].fn == k && rec[b].left > 0 ->
#endif
	   atomic { c = rec[b].cursor; rec[b].cursor = rec[b].n };
	   if
	   :: c < rec[b].n ->
	      clear(b);
	      f = rec[b].fn;
	      d_step {
		assert(f == k);
		w = false;
		do
		:: c < rec[b].n ->
		   assert(!(ran[f] & BIT(c)));
		   ran[f] = ran[f] | BIT(c);
		   rec[b].results = rec[b].results | BIT(c);
		   rec[b].left--;
		   c++
		:: else -> break
		od;
		w = (rec[b].left == 0)
	      };
	      if
	      :: w -> release(b)
	      :: else
	      fi
	   :: else
	   fi;
	   release(b)
	:: else ->
	   if
	   :: held -> release(b)
	   :: else
	   fi
	fi
}

proctype poster() {
	byte b, c, e, f, n, use, k;
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
	   rec[b].n = SIZE(k);
#ifdef MUTANT_no_joiner
	   rec[b].refs = 1;
#else
	   rec[b].refs = 2;
#endif
#ifdef MUTANT_cursor_late
	   board = board | BIT(b);
	   rec[b].cursor = 0;
#else
	   rec[b].cursor = 0;
	   board = board | BIT(b);
#endif
	   known = known | BIT(k);
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
		i = 0;
		do
		:: i < CANCELLERS -> run canceller(); i++
		:: else -> break
		od;
		i = 0
	};
	timeout;
	assert(joined == BATCHES);
	assert(board == 0);
	assert(idle == (1 << RECORDS) - 1)
}
