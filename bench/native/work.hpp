// The workloads that the programs of this folder have in common, and how they
// are asked for them. A program gives serve() a System, the ways in which a
// library runs tasks:
//
//	start(workers)   before everything else
//	run(f)           runs f where the library can fork
//	join(a, b)       a as a task, b here; waits for both
//	tasks(n, f)      f(0) to f(n-1), each as a task of its own; waits for all
//	each(n, f)       the library's parallel loop over f(0) to f(n-1)
//
// The program reads lines from its standard input, and ends with it:
//
//	check NAME ARG   does the workload once; answers "ok", or what is wrong
//	run NAME N ARG   does it N times; answers how many nanoseconds that took
//
// Its first line says the library's version and the compiler's.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

struct Cell {
	int64_t value;
};

constexpr int64_t answer = 42;

// store is the tiny task. It is called through this pointer, so that nothing
// can inline it.
inline void store_cell(Cell *c) { c->value = answer; }
inline void (*volatile store)(Cell *) = store_cell;

// A leaf computes for some turns, one after the other, as the leaves of the Go
// programs do: no compiler composes turns into one, or two leaves.
inline uint64_t leaf(uint64_t x, int turns) {
	for (int i = 0; i < turns; i++) {
		asm volatile("" : "+r"(x));
		x = x * 6364136223846793005u + 1442695040888963407u;
	}
	return x;
}

template <class System> int64_t fib(int n) {
	if (n < 2) {
		return n;
	}
	int64_t a, b;
	System::join([&a, n] { a = fib<System>(n - 2); }, [&b, n] { b = fib<System>(n - 1); });
	return a + b;
}

template <class System> uint64_t tree(int depth, int turns) {
	if (depth == 0) {
		return leaf(0, turns);
	}
	uint64_t a, b;
	System::join([&a, depth, turns] { a = tree<System>(depth - 1, turns); },
	             [&b, depth, turns] { b = tree<System>(depth - 1, turns); });
	return a + b;
}

constexpr int board_size = 11, queens_cut = 5, solutions = 2680;

struct Board {
	uint32_t straight = 0, left = 0, right = 0;
	int rows = board_size;

	uint32_t free() const { return ((1u << board_size) - 1) & ~(straight | left | right); }
	Board with(uint32_t column) const {
		return Board{straight | column, (left | column) << 1, (right | column) >> 1, rows - 1};
	}
	int search() const {
		if (rows == 0) {
			return 1;
		}
		int n = 0;
		for (uint32_t f = free(); f != 0; f &= f - 1) {
			n += with(f & -f).search();
		}
		return n;
	}
};

template <class System> int queens(const Board &b) {
	if (b.rows <= queens_cut) {
		return b.search();
	}
	Board next[board_size];
	int found[board_size];
	int n = 0;
	for (uint32_t f = b.free(); f != 0; f &= f - 1) {
		next[n++] = b.with(f & -f);
	}
	System::tasks(n, [&next, &found](int i) { found[i] = queens<System>(next[i]); });
	int all = 0;
	for (int i = 0; i < n; i++) {
		all += found[i];
	}
	return all;
}

constexpr ptrdiff_t sort_cut = 256;

// split puts no greater elements before no smaller ones and returns how many
// come first: at least one, and not all. There are three or more.
inline ptrdiff_t split(int64_t *d, ptrdiff_t n) {
	int64_t x = d[0], y = d[(n - 1) / 2], z = d[n - 1];
	int64_t pivot = std::max(std::min(x, y), std::min(std::max(x, y), z));
	for (ptrdiff_t i = 0, j = n - 1;; i++, j--) {
		while (d[i] < pivot) {
			i++;
		}
		while (d[j] > pivot) {
			j--;
		}
		if (i >= j) {
			return j + 1;
		}
		std::swap(d[i], d[j]);
	}
}

template <class System> void quicksort(int64_t *d, ptrdiff_t n) {
	if (n <= sort_cut) {
		std::sort(d, d + n);
		return;
	}
	ptrdiff_t k = split(d, n);
	System::join([=] { quicksort<System>(d, k); }, [=] { quicksort<System>(d + k, n - k); });
}

struct Workload {
	std::function<void()> before; // not in the time
	std::function<void(int arg)> op;
	std::function<bool(int arg)> right; // whether op has done it; forgets cells
};

template <class System> Workload on_cells(int n, std::function<void(std::vector<Cell> &)> op) {
	auto cells = std::make_shared<std::vector<Cell>>(n);
	return Workload{[] {}, [=](int) { op(*cells); },
	                [=](int) {
		                bool all = std::all_of(cells->begin(), cells->end(), [](Cell c) { return c.value == answer; });
		                std::fill(cells->begin(), cells->end(), Cell{0});
		                return all;
	                }};
}

template <class System> Workload on_number(std::function<uint64_t(int)> op, std::function<uint64_t(int)> want) {
	auto got = std::make_shared<uint64_t>();
	return Workload{[] {}, [=](int arg) { System::run([&] { *got = op(arg); }); },
	                [=](int arg) { return *got == want(arg); }};
}

template <class System> std::map<std::string, Workload> workloads() {
	auto one_by_one = [](std::vector<Cell> &c) {
		System::run([&c] { System::tasks(int(c.size()), [&c](int i) { store(&c[i]); }); });
	};
	auto call_each = [](std::vector<Cell> &c) { System::each(int(c.size()), [&c](int i) { store(&c[i]); }); };
	auto set_each = [](std::vector<Cell> &c) { System::each(int(c.size()), [&c](int i) { c[i].value = answer; }); };

	auto given = std::make_shared<std::vector<int64_t>>(2'000'000);
	std::mt19937_64 random(1);
	for (auto &x : *given) {
		x = int64_t(random() >> 1);
	}
	auto want = std::make_shared<std::vector<int64_t>>(*given);
	std::sort(want->begin(), want->end());
	auto got = std::make_shared<std::vector<int64_t>>(*given);

	return {
	    {"single-1000", on_cells<System>(1000, one_by_one)},
	    {"group-1000", on_cells<System>(1000, one_by_one)},
	    {"batch-1000", on_cells<System>(1000, call_each)},
	    {"batch-100000", on_cells<System>(100'000, call_each)},
	    {"foreach-1000", on_cells<System>(1000, call_each)},
	    {"foreach-100000", on_cells<System>(100'000, call_each)},
	    {"for-100000", on_cells<System>(100'000, set_each)},
	    {"fib-22", on_number<System>([](int) {
		                                    int n = 22;
		                                    asm volatile("" : "+r"(n)); // not known to the compiler
		                                    return fib<System>(n);
	                                    }, [](int) { return 17711; })},
	    {"fork-tree", on_number<System>([](int turns) { return tree<System>(14, turns); },
	                                    [](int turns) { return (uint64_t(1) << 14) * leaf(0, turns); })},
	    {"n-queens", on_number<System>([](int) { return queens<System>(Board()); }, [](int) { return solutions; })},
	    {"quicksort", Workload{[=] { *got = *given; },
	                           [=](int) { System::run([&] { quicksort<System>(got->data(), ptrdiff_t(got->size())); }); },
	                           [=](int) { return *got == *want; }}},
	};
}

template <class System> int serve(int argc, char **argv, const std::string &version) {
	int workers = argc == 2 ? std::atoi(argv[1]) : 0;
	if (workers < 1) {
		std::cerr << "usage: " << argv[0] << " WORKERS\n";
		return 2;
	}
	System::start(workers);
	auto all = workloads<System>();
	std::cout << version << ", gcc " << __VERSION__ << std::endl;
	std::string line;
	while (std::getline(std::cin, line)) {
		std::istringstream words(line);
		std::string verb, name;
		words >> verb >> name;
		auto found = all.find(name);
		if (found == all.end()) {
			std::cout << "no workload is named " << name << std::endl;
			continue;
		}
		Workload &w = found->second;
		int n = 1, arg = 0;
		if (verb == "run") {
			words >> n;
		} else {
			w.right(arg); // what is left from before must not count
		}
		words >> arg;
		std::chrono::nanoseconds took{0};
		for (int i = 0; i < n; i++) {
			w.before();
			auto began = std::chrono::steady_clock::now();
			w.op(arg);
			took += std::chrono::steady_clock::now() - began;
		}
		if (verb == "run") {
			std::cout << took.count() << std::endl;
		} else {
			std::cout << (w.right(arg) ? "ok" : "wrong result") << std::endl;
		}
	}
	return 0;
}
