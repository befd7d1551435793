// The workloads by the OpenMP of gcc. The calling thread is one of the workers.
#include "work.hpp"

#include <omp.h>

struct OpenMP {
	static void start(int workers) {
		omp_set_dynamic(0);
		omp_set_num_threads(workers);
	}
	template <class F> static void run(F f) {
#pragma omp parallel
#pragma omp single
		f();
	}
	template <class A, class B> static void join(A a, B b) {
#pragma omp task firstprivate(a)
		a();
		b();
#pragma omp taskwait
	}
	template <class F> static void tasks(int n, F f) {
		for (int i = 0; i < n; i++) {
#pragma omp task firstprivate(f, i)
			f(i);
		}
#pragma omp taskwait
	}
	template <class F> static void each(int n, F f) {
#pragma omp parallel for
		for (int i = 0; i < n; i++) {
			f(i);
		}
	}
};

int main(int argc, char **argv) {
	std::ostringstream version;
	version << "OpenMP " << _OPENMP;
	return serve<OpenMP>(argc, argv, version.str());
}
