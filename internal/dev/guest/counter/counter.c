// A plugin of qemu's that counts what one program of an amd64 guest does: its
// instructions, those that are locked, its stores, and how often a store goes to a
// cache line that another CPU has written last. Go's tests in the guest read the
// counts in a PCI device's memory, which is a file that the plugin has mapped too.
//
// Arguments: counts=FILE, the memory; map=FILE, with lines of these forms, numbers
// in hexadecimal:
//
//	text START END       the program
//	pool START END       a function of the pool, in ascending order
//	call START INDEX     a function whose calls are to be counted
//
// It states the part of qemu's interface that it uses: not every distribution has
// the header. VERSION is the interface's version.

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
#if VERSION < 3
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *, void *, size_t);
#endif
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, void (*)(unsigned, uint32_t, uint64_t, void *), int, int, void *);
_Bool qemu_plugin_mem_is_store(uint32_t info);
enum { NO_REGISTERS = 0, STORES = 2 };
int qemu_plugin_version = VERSION;

// The layout of the memory, in words of 64 bits; internal/dev/guest/count_test.go
// has the same.
enum {
	EPOCH,  // set by the guest: another number for each count, 0 = do not count
	READY,  // set by the plugin, to MAGIC
	MISSED, // stores that the table of lines has had no place for
	FIRST = 64,
	CPUS = 512,
	EACH = 32, // words of a CPU
	// Within these, for the pool, and again with OTHER added for the rest of the program.
	INSTRUCTIONS = 0,
	LOCKED,
	STORED,
	MOVED, // stores to a line that another CPU has written last
	LINES, // that have been written
	SHARED, // of these, by more than one CPU
	OTHER = 8,
	SYSCALLS = 16,
	CALLS = 17, // of the functions of the map, by index
	WORDS = FIRST + CPUS * EACH,
};
#define MAGIC 0x7a65726f706f6f6c

static volatile uint64_t *memory;

struct range { uint64_t start, end; };
static struct range text, pool[1 << 14], call[EACH - CALLS];
static size_t pools, calls;

static uint64_t *counters(unsigned cpu) { return (uint64_t *)memory + FIRST + (cpu % CPUS) * EACH; }

static void counted(unsigned cpu, void *index) {
	if (memory[EPOCH]) counters(cpu)[(uintptr_t)index]++;
}

// A line that has been written in an epoch.
struct line { uint64_t number; uint64_t epoch; uint32_t last; int shared; };
enum { STRIPES = 4096, DEPTH = 256 };
static struct stripe { pthread_mutex_t lock; struct line lines[DEPTH]; } stripes[STRIPES];

static void stored(unsigned cpu, uint32_t info, uint64_t address, void *class) {
	uint64_t epoch = memory[EPOCH], number = address >> 6;
	// Version 7.2 of qemu calls for loads too, whatever was asked for.
	if (!epoch || !qemu_plugin_mem_is_store(info)) return;
	uint64_t *count = counters(cpu) + (uintptr_t)class;
	count[STORED]++;
	struct stripe *s = &stripes[number % STRIPES];
	pthread_mutex_lock(&s->lock);
	int i = 0;
	while (i < DEPTH && s->lines[i].epoch == epoch && s->lines[i].number != number) i++;
	if (i == DEPTH) {
		__atomic_fetch_add(&memory[MISSED], 1, __ATOMIC_RELAXED);
	} else if (s->lines[i].epoch != epoch) { // places of older epochs are free
		s->lines[i] = (struct line){number, epoch, cpu, 0};
		count[LINES]++;
	} else if (s->lines[i].last != cpu) {
		s->lines[i].last = cpu;
		count[MOVED]++;
		count[SHARED] += !s->lines[i].shared;
		s->lines[i].shared = 1;
	}
	pthread_mutex_unlock(&s->lock);
}

static int in_pool(uint64_t address) {
	size_t from = 0, to = pools;
	while (from < to) {
		size_t middle = (from + to) / 2;
		if (address >= pool[middle].end) from = middle + 1;
		else to = middle;
	}
	return from < pools && address >= pool[from].start;
}

// locked tells of a LOCK prefix, and of XCHG with memory, which implies it.
static int locked(const uint8_t *code, size_t n) {
	size_t i = 0;
	for (; i < n && code[i] && strchr("\x66\xf2\xf3\x2e\x36\x3e\x26\x64\x65\x67\xf0", code[i]); i++)
		if (code[i] == 0xf0) return 1;
	if (i < n && (code[i] & 0xf0) == 0x40) i++; // REX
	return i + 1 < n && (code[i] == 0x86 || code[i] == 0x87) && code[i + 1] >> 6 != 3;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t at = qemu_plugin_insn_vaddr(insn);
		if (at < text.start || at >= text.end) continue;
		size_t n = qemu_plugin_insn_size(insn);
#if VERSION < 3
		const uint8_t *code = qemu_plugin_insn_data(insn);
#else
		uint8_t copy[16];
		n = qemu_plugin_insn_data(insn, copy, n < sizeof copy ? n : sizeof copy);
		const uint8_t *code = copy;
#endif
		uintptr_t class = in_pool(at) ? 0 : OTHER;
		qemu_plugin_register_vcpu_insn_exec_cb(insn, counted, NO_REGISTERS, (void *)(class + INSTRUCTIONS));
		qemu_plugin_register_vcpu_mem_cb(insn, stored, NO_REGISTERS, STORES, (void *)class);
		if (locked(code, n)) qemu_plugin_register_vcpu_insn_exec_cb(insn, counted, NO_REGISTERS, (void *)(class + LOCKED));
		if (n == 2 && code[0] == 0x0f && code[1] == 0x05) qemu_plugin_register_vcpu_insn_exec_cb(insn, counted, NO_REGISTERS, (void *)(uintptr_t)SYSCALLS);
		for (size_t c = 0; c < calls; c++)
			if (call[c].start == at) qemu_plugin_register_vcpu_insn_exec_cb(insn, counted, NO_REGISTERS, (void *)(CALLS + (uintptr_t)call[c].end));
	}
}

static int read_map(const char *path) {
	FILE *f = fopen(path, "r");
	char kind[8];
	struct range r;
	if (!f) return -1;
	while (fscanf(f, "%7s %" SCNx64 " %" SCNx64, kind, &r.start, &r.end) == 3) {
		if (!strcmp(kind, "text")) text = r;
		else if (!strcmp(kind, "pool") && pools < sizeof pool / sizeof *pool) pool[pools++] = r;
		else if (!strcmp(kind, "call") && calls < sizeof call / sizeof *call && r.end < EACH - CALLS) call[calls++] = r;
		else break;
	}
	int all = feof(f);
	fclose(f);
	return all ? 0 : -1;
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "map=", 4)) {
			if (read_map(argv[i] + 4)) return fprintf(stderr, "counter: %s is not understood\n", argv[i]), 1;
		} else if (!strncmp(argv[i], "counts=", 7)) {
			int f = open(argv[i] + 7, O_RDWR);
			void *m = mmap(NULL, WORDS * 8, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
			if (f < 0 || m == MAP_FAILED) return perror(argv[i]), 1;
			memory = m;
		}
	}
	if (!memory || !pools) return fprintf(stderr, "counter: counts=FILE and map=FILE are needed\n"), 1;
	for (int i = 0; i < STRIPES; i++) pthread_mutex_init(&stripes[i].lock, NULL);
	memory[READY] = MAGIC;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
