// The workloads by plain loops and calls of C++, without tasks.
#include "work.hpp"

struct Plain {
	static void start(int) {}
	template <class F> static void run(F f) { f(); }
	template <class A, class B> static void join(A a, B b) {
		a();
		b();
	}
	template <class F> static void tasks(int n, F f) { each(n, f); }
	template <class F> static void each(int n, F f) {
		for (int i = 0; i < n; i++) {
			f(i);
		}
	}
};

int main(int argc, char **argv) { return serve<Plain>(argc, argv, "C++17"); }
