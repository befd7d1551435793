//! The workloads of work.hpp by rayon, asked for in the same way. The calling
//! thread is none of the workers: it has one of them do the work, and waits.

use rayon::prelude::*;
use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant};

const ANSWER: i64 = 42;

#[derive(Clone, Copy, Default)]
struct Cell {
    value: i64,
}

/// Hides a value from the compiler (std::hint::black_box came after Debian's).
fn black_box<T: Copy>(x: T) -> T {
    unsafe { std::ptr::read_volatile(&x) }
}

fn store(c: &mut Cell) {
    c.value = ANSWER;
}

/// Computes turn by turn: the compiler would compose some of them into one.
fn leaf(mut x: u64, turns: u64) -> u64 {
    for _ in 0..turns {
        unsafe { std::arch::asm!("/* {0} */", inout(reg) x) };
        x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    }
    x
}

fn fib(n: u32) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let (a, b) = rayon::join(|| fib(n - 2), || fib(n - 1));
    a + b
}

fn tree(depth: u32, turns: u64) -> u64 {
    if depth == 0 {
        return leaf(black_box(0), turns);
    }
    let (a, b) = rayon::join(|| tree(depth - 1, turns), || tree(depth - 1, turns));
    a.wrapping_add(b)
}

const BOARD_SIZE: u32 = 11;
const QUEENS_CUT: u32 = 5;
const SOLUTIONS: u64 = 2680;

#[derive(Clone, Copy, Default)]
struct Board {
    straight: u32,
    left: u32,
    right: u32,
    rows: u32,
}

impl Board {
    fn free(&self) -> u32 {
        ((1 << BOARD_SIZE) - 1) & !(self.straight | self.left | self.right)
    }

    fn with(&self, column: u32) -> Board {
        Board {
            straight: self.straight | column,
            left: (self.left | column) << 1,
            right: (self.right | column) >> 1,
            rows: self.rows - 1,
        }
    }

    fn search(&self) -> u64 {
        if self.rows == 0 {
            return 1;
        }
        let mut n = 0;
        let mut free = self.free();
        while free != 0 {
            n += self.with(free & free.wrapping_neg()).search();
            free &= free - 1;
        }
        n
    }
}

fn queens(b: &Board) -> u64 {
    if b.rows <= QUEENS_CUT {
        return b.search();
    }
    let mut next = [(Board::default(), 0u64); BOARD_SIZE as usize];
    let mut n = 0;
    let mut free = b.free();
    while free != 0 {
        next[n].0 = b.with(free & free.wrapping_neg());
        n += 1;
        free &= free - 1;
    }
    rayon::scope(|s| {
        for (board, found) in &mut next[..n] {
            s.spawn(move |_| *found = queens(board));
        }
    });
    next[..n].iter().map(|(_, found)| found).sum()
}

const SORT_CUT: usize = 256;

/// Puts no greater elements before no smaller ones and returns how many come
/// first: at least one, and not all. There are three or more.
fn split(d: &mut [i64]) -> usize {
    let last = d.len() - 1;
    let (x, y, z) = (d[0], d[last / 2], d[last]);
    let pivot = x.min(y).max(x.max(y).min(z));
    let (mut i, mut j) = (0, last);
    loop {
        while d[i] < pivot {
            i += 1;
        }
        while d[j] > pivot {
            j -= 1;
        }
        if i >= j {
            return j + 1;
        }
        d.swap(i, j);
        i += 1;
        j -= 1;
    }
}

fn quicksort(d: &mut [i64]) {
    if d.len() <= SORT_CUT {
        d.sort_unstable();
        return;
    }
    let n = split(d);
    let (a, b) = d.split_at_mut(n);
    rayon::join(|| quicksort(a), || quicksort(b));
}

fn one_by_one(pool: &rayon::ThreadPool, cells: &mut [Cell], f: fn(&mut Cell)) {
    pool.in_place_scope(|s| {
        for c in cells {
            s.spawn(move |_| f(c));
        }
    });
}

struct Data {
    cells: Vec<Cell>,
    given: Vec<i64>,
    sorted: Vec<i64>,
    number: u64,
}

/// Does a workload once. Returns its time, or nothing if it has no such name.
fn once(pool: &rayon::ThreadPool, name: &str, arg: u64, d: &mut Data) -> Option<Duration> {
    let few = d.cells.len().min(1000);
    if name == "quicksort" {
        d.sorted.copy_from_slice(&d.given);
    }
    let f: fn(&mut Cell) = black_box(store);
    let began = Instant::now();
    match name {
        "single-1000" | "group-1000" => one_by_one(pool, &mut d.cells[..few], f),
        "batch-1000" | "foreach-1000" => pool.install(|| d.cells[..few].par_iter_mut().for_each(f)),
        "batch-100000" | "foreach-100000" => pool.install(|| d.cells.par_iter_mut().for_each(f)),
        "for-100000" => pool.install(|| d.cells.par_iter_mut().for_each(|c| c.value = ANSWER)),
        "fib-22" => d.number = pool.install(|| fib(black_box(22))),
        "fork-tree" => d.number = pool.install(|| tree(14, arg)),
        "n-queens" => d.number = pool.install(|| queens(&Board { rows: BOARD_SIZE, ..Board::default() })),
        "quicksort" => pool.install(|| quicksort(&mut d.sorted)),
        _ => return None,
    }
    Some(began.elapsed())
}

fn right(name: &str, arg: u64, d: &Data) -> bool {
    match name {
        "fib-22" => d.number == 17711,
        "fork-tree" => d.number == leaf(0, arg).wrapping_mul(1 << 14),
        "n-queens" => d.number == SOLUTIONS,
        "quicksort" => {
            let mut want = d.given.clone();
            want.sort_unstable();
            want == d.sorted
        }
        _ => {
            let n = if name.ends_with("-1000") { 1000 } else { d.cells.len() };
            d.cells[..n].iter().all(|c| c.value == ANSWER)
        }
    }
}

fn main() -> io::Result<()> {
    let workers = std::env::args().nth(1).and_then(|w| w.parse().ok()).unwrap_or(0);
    if workers < 1 {
        eprintln!("usage: rayon WORKERS");
        std::process::exit(2);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().expect("no threads");
    let mut x = 1u64;
    let given: Vec<i64> = (0..2_000_000)
        .map(|_| {
            // xorshift64, which needs no crate
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 1) as i64
        })
        .collect();
    let mut data = Data { cells: vec![Cell::default(); 100_000], sorted: given.clone(), given, number: 0 };
    let mut out = io::stdout();
    writeln!(out, "{}", env!("NATIVE_VERSION"))?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| words.get(i).and_then(|w| w.parse::<u64>().ok()).unwrap_or(0);
        let name = words.get(1).copied().unwrap_or("");
        let (n, arg) = if words[0] == "run" { (number(2), number(3)) } else { (1, number(2)) };
        if words[0] == "check" {
            data.cells.fill(Cell::default());
        }
        let took: Option<Duration> = (0..n).map(|_| once(&pool, name, arg, &mut data)).sum();
        match took {
            None => writeln!(out, "no workload is named {}", name)?,
            Some(t) if words[0] == "run" => writeln!(out, "{}", t.as_nanos())?,
            Some(_) if right(name, arg, &data) => writeln!(out, "ok")?,
            Some(_) => writeln!(out, "wrong result")?,
        }
        out.flush()?;
    }
    Ok(())
}
