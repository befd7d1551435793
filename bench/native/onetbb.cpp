// The workloads by oneTBB. The calling thread is one of the workers.
#include "work.hpp"

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_group.h>
#include <tbb/version.h>

struct OneTBB {
	static void start(int workers) {
		static tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
	}
	template <class F> static void run(F f) { f(); }
	template <class A, class B> static void join(A a, B b) {
		tbb::task_group g;
		g.run(a);
		b();
		g.wait();
	}
	template <class F> static void tasks(int n, F f) {
		tbb::task_group g;
		for (int i = 0; i < n; i++) {
			g.run([f, i] { f(i); });
		}
		g.wait();
	}
	template <class F> static void each(int n, F f) { tbb::parallel_for(0, n, f); }
};

int main(int argc, char **argv) {
	std::ostringstream version;
	version << "oneTBB " << TBB_VERSION_MAJOR << '.' << TBB_VERSION_MINOR;
	return serve<OneTBB>(argc, argv, version.str());
}
