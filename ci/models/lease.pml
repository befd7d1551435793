/*
 * Leases of CPUs: a worker that narrows the affinity mask of its thread for a
 * while, against Close, collections, Goexit and the scheduler (docs/protocol.md:
 * leases).
 *
 * A goroutine that is not locked to its thread may be on another one at every
 * step; a thread that is locked runs nothing else. New threads get the mask of
 * an unlocked thread. Workers work, take and give leases, park and end; a task
 * may end its goroutine with Goexit, and the worker goes on as a new one.
 *
 * Checked: a thread that is not locked has the whole mask, so that no other
 * goroutine and no new thread ever gets a narrow one; nobody parks with a lease,
 * or keeps one past a look for work while collections are frequent; when Close
 * returns, no thread is narrow or locked.
 *
 * check: a worker, two threads | -DW=1 -DTHREADS=2
 * check: two workers, three threads | -DW=2 -DTHREADS=3
 *
 * mutant: MUTANT_narrow_first | the mask is narrowed before the goroutine is locked | -DW=1
 * mutant: MUTANT_tid_first | the thread is asked for its number before the goroutine is locked | -DW=1
 * mutant: MUTANT_unlock_first | the goroutine is unlocked before the mask is whole again | -DW=1
 * mutant: MUTANT_unlock_on_error | it is not unlocked when the kernel refuses the mask | -DW=1
 * mutant: MUTANT_twice | a lease is taken twice and the narrow mask is kept as the old one | -DW=1
 * mutant: MUTANT_mask_kept | the mask is not restored | -DW=1
 * mutant: MUTANT_park_kept | a worker parks with its lease | -DW=1
 * mutant: MUTANT_end_kept | it ends with its lease | -DW=1
 * mutant: MUTANT_goexit_kept | Goexit leaves the lease | -DW=1
 * mutant: MUTANT_count_first | a worker counts as ended before it gives its lease back | -DW=1
 * mutant: MUTANT_collections_once | collections are looked at only before a lease | -DW=1
 */

#ifndef W
#define W 1
#endif
#ifndef THREADS
#define THREADS 2
#endif
#define NOBODY 255

bool narrow[THREADS];
byte locked[THREADS] = NOBODY; /* the worker that is locked to it */
byte on[W];                    /* the worker's thread */
bool isLocked[W];
bool frequent;                 /* collections */
bool closed;
byte live = W;
bool returned;

/* The scheduler. */
proctype moves(byte r) {
	byte t;

end:
	do
	:: d_step { !isLocked[r] && live > 0 && on[r] == t && t + 1 < THREADS && locked[t + 1] == NOBODY -> on[r] = t + 1; t++ }
	:: d_step { !isLocked[r] && live > 0 && on[r] == t && t > 0 && locked[t - 1] == NOBODY -> on[r] = t - 1; t-- }
	:: d_step { on[r] != t -> t = on[r] }
	od
}

proctype collector() {
	frequent = true;
	if
	:: frequent = false
	:: true
	fi
}

/* No goroutine meets a narrow mask. */
#define WHOLE(t) (!narrow[t] || locked[t] != NOBODY)

proctype observer() {
	byte t;

	do
	:: atomic { t < THREADS -> assert(WHOLE(t)) }; t++
	:: t == THREADS -> break
	od
}

inline lock() {
	d_step {
		locked[on[r]] == NOBODY || locked[on[r]] == r ->
		locked[on[r]] = r; isLocked[r] = true
	}
}

inline unlock() {
	d_step { locked[on[r]] = NOBODY; isLocked[r] = false }
}

inline take() {
#ifdef MUTANT_tid_first
	tid = on[r];
	lock();
#else
#ifdef MUTANT_narrow_first
	tid = on[r];
	d_step { old = narrow[tid]; narrow[tid] = true };
	lock();
	leased = true;
#else
	lock();
	tid = on[r];
#endif
#endif
#ifndef MUTANT_narrow_first
	old = narrow[tid];
	if
	:: narrow[tid] = true; leased = true
	:: true -> /* refused */
#ifndef MUTANT_unlock_on_error
	   unlock()
#endif
	fi
#endif
}

inline give() {
	if
	:: leased ->
#ifdef MUTANT_unlock_first
	   unlock();
	   narrow[tid] = old;
#else
#ifndef MUTANT_mask_kept
	   narrow[tid] = old;
#endif
	   unlock();
#endif
	   d_step { leased = false; old = false; tid = 0 }
	:: else
	fi
}

proctype worker(byte r) {
	byte tid;
	bool old, leased;
	bool c;

	do
	:: /* a look for work */
	   c = frequent;
#ifndef MUTANT_collections_once
	   if
	   :: c -> give()
	   :: else
	   fi;
#endif
	   assert(!c || !leased);
	   if
	   :: closed -> break
	   :: true -> /* a task that ends well */
	   :: true -> /* Goexit: the goroutine's deferred call */
#ifdef MUTANT_goexit_kept
	      leased = false; /* the next goroutine knows nothing of it */
	      isLocked[r] = false;
#else
	      give();
#endif
	   :: true -> /* nothing to do */
#ifndef MUTANT_park_kept
	      give();
#endif
	      assert(!leased);
end:
	      closed
#ifdef MUTANT_twice
	   :: !c ->
#else
	   :: !leased && !c ->
#endif
	      take()
	   fi
	od;
#ifdef MUTANT_count_first
	live--;
#endif
#ifndef MUTANT_end_kept
	give();
#endif
#ifndef MUTANT_count_first
	live--
#endif
}

proctype closer() {
	byte t;

	closed = true;
	live == 0;
	returned = true;
	do
	:: t < THREADS -> assert(!narrow[t] && locked[t] == NOBODY); t++
	:: else -> break
	od
}

init {
	byte i;

	atomic {
		do
		:: i < W -> on[i] = i; run worker(i); run moves(i); i++
		:: else -> break
		od;
		run collector();
		run closer();
		run observer();
		i = 0
	};
	timeout;
	assert(returned)
}
