// Loads a shared library of Go and calls its function run.
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
	void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : 0;
	int (*run)(void) = library ? (int (*)(void))dlsym(library, "run") : 0;
	if (!run) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	return run();
}
