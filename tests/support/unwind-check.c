/* SPDX-License-Identifier: MIT */
/*
 * unwind-check.c: a preloaded library that, in any program, compares our stacks with libunwind's.
 *
 * Every malloc of a thread on its own stack is recalled (agent/core/recall.h), as the recorder does it. On every Nth
 * it takes the stack in all three ways and counts. At exit it writes one line of figures and the first
 * traces that differed to $UNWIND_CHECK_OUT.PID. Only for tests: libunwind must never be in a program
 * that is not one.
 *
 * UNWIND_CHECK_EVERY=N         which calls (97)
 * UNWIND_CHECK_OUT=PATH        where to write (no file without)
 * UNWIND_CHECK_LOADER=MASK     leave out: 1 counters, 2 _dl_find_object
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/modules.h"
#include "agent/core/recall.h"
#include "agent/core/stack-hash.h"
#include "agent/core/sys.h"
#include "agent/core/unwind.h"
#include "region/abi.h"
#include "tests/support/oracle.h"

enum { FRAMES_MAX = 400, RECALLED_MAX = 128, SHOWN = 5, SHOWN_EACH = 64 * 1024 };

extern void *__libc_malloc(size_t size);
void *malloc(size_t size);

static unsigned every;
static unsigned long calls, traces, different, truncated, frame_pointers, signals, frames, longer;
static unsigned long recalled, noted, wrong;
static unsigned long our_ns, their_ns, warm_ns;
static char shown[SHOWN * SHOWN_EACH];
static size_t shown_size;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread struct unwind_stack stack __attribute__((tls_model("initial-exec")));
static __thread int is_inside __attribute__((tls_model("initial-exec")));
static __thread struct recall *recall __attribute__((tls_model("initial-exec")));
/* this library */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));
static uint64_t ours[FRAMES_MAX], again[FRAMES_MAX], theirs[FRAMES_MAX];

static void note_stack(void)
{
	pthread_attr_t attr;
	void *start;
	size_t size;

	if (pthread_getattr_np(pthread_self(), &attr))
		return;
	pthread_attr_getstack(&attr, &start, &size);
	pthread_attr_destroy(&attr);
	stack.start = (uintptr_t)start;
	stack.end = (uintptr_t)start + size;
}

static void show(unsigned n, unsigned m, unsigned flags)
{
	char *at = shown + shown_size, *end = shown + sizeof(shown);

	at += snprintf(at, (size_t)(end - at), "different: %u against %u frames, flags %#x\n", n, m,
		       flags);
	for (unsigned i = 0; i < MAX(n, m + 1) && end - at > 512; i++) {
		uint64_t mine = i < n ? MT_FRAME_PC(ours[i]) : 0;
		uint64_t other = i > 0 && i - 1 < m ? theirs[i - 1] : 0;
		Dl_info info = {0};

		dladdr((void *)((mine ? mine : other) - 1), &info);
		at += snprintf(at, (size_t)(end - at), "%c %3u %#14lx %#14lx %s+%#lx %s\n",
			       mine == other || i < 2 ? ' ' : '!', i, mine, other,
			       info.dli_fname ? info.dli_fname : "?",
			       (mine ? mine : other) - (uintptr_t)info.dli_fbase,
			       info.dli_sname ? info.dli_sname : "");
	}
	shown_size = (size_t)(at - shown);
}

/*
 * One thread compares at a time, and the others wait: how much is compared does not depend on how threads are
 * scheduled. Not for ever: one that holds the loader's lock would wait for one that libunwind has wait for that lock.
 */
static bool may_compare(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	return pthread_mutex_timedlock(&lock, &until) == 0;
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static __attribute__((noinline)) void compare(void)
{
	unsigned flags = 0, n, m, i;
	uint64_t t0, t1, t2, t3;

	if (!stack.end)
		note_stack();
	t0 = sys_clock_ns();
	n = unwind_trace(&stack, NULL, 0, 0, ours, FRAMES_MAX, &flags);
	t1 = sys_clock_ns();
	unwind_trace(&stack, NULL, 0, 0, again, FRAMES_MAX, &flags);
	t2 = sys_clock_ns();
	m = oracle_trace(theirs, FRAMES_MAX - 1);
	t3 = sys_clock_ns();
	traces++;
	frames += n;
	our_ns += t1 - t0;
	warm_ns += t2 - t1;
	their_ns += t3 - t2;
	truncated += n < FRAMES_MAX && (flags & MT_STACK_TRUNCATED);
	frame_pointers += (flags & MT_STACK_FP) != 0;
	signals += (flags & MT_STACK_SIGNAL) != 0;
	/* ours: unwind_trace, compare, malloc...; theirs: compare, malloc... */
	for (i = 2; i < n && i - 1 < m && MT_FRAME_PC(ours[i]) == theirs[i - 1]; i++)
		;
	if (i == n && i - 1 == m)
		return;
	if (i - 1 == m) {
		longer++; /* we know more than libunwind does */
		return;
	}
	different++;
	if (shown_size + SHOWN_EACH < sizeof(shown))
		show(n, m, flags);
}

/* The test's note for a stack. */
static uint32_t note_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static void show_recalled(const struct recall_stack *found, unsigned n)
{
	shown_size += (size_t)snprintf(shown + shown_size, sizeof(shown) - shown_size,
				       "wrong: note %#x, %u frames; unwound %u: %#x\n", found->note,
				       found->n_frames, n, note_of(stack_hash(ours, n)));
}

/* Recalls the stack of the program's call; if it is one to compare, unwinds it. */
static __attribute__((noinline)) void remember(bool is_compared)
{
	const uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	unsigned flags = 0, n;
	struct recall_stack found;

	if (!stack.end)
		note_stack();
	if (!recall)
		recall = recall_new((uintptr_t)__ehdr_start, (uintptr_t)etext, RECALLED_MAX);
	if (!recall || sp < stack.start || sp >= stack.end ||
	    !recall_trace(recall, &stack, NULL, true, &found))
		return;
	if (!found.note && !found.is_truncated)
		recall_set_note(recall, note_of(found.hash));
	if (!is_compared)
		return;
	recalled++;
	noted += found.note != 0;
	n = unwind_trace(&stack, NULL, (uintptr_t)__ehdr_start, (uintptr_t)etext, ours,
			 RECALLED_MAX, &flags);
	if (found.note ? found.note == note_of(stack_hash(ours, n))
		       : found.n_frames == n && found.hash == stack_hash(ours, n) &&
				 found.is_truncated == !!(flags & MT_STACK_TRUNCATED))
		return;
	wrong++;
	if (shown_size + SHOWN_EACH < sizeof(shown))
		show_recalled(&found, n);
}

__attribute__((constructor)) static void start(void)
{
	const char *number = getenv("UNWIND_CHECK_EVERY"), *mask = getenv("UNWIND_CHECK_LOADER");
	long without = mask ? strtol(mask, NULL, 10) : 0;
	struct modules_loader loader;

	is_inside++;
	sys_init(getauxval(AT_SYSINFO_EHDR));
	oracle_find_loader(&loader);
	if (without & 1)
		loader.load_counter = loader.unload_counter = NULL;
	if (without & 2)
		loader.find_object = NULL;
	modules_init(&loader);
	pthread_atfork(before_fork, after_fork, after_fork);
	every = number ? (unsigned)strtoul(number, NULL, 10) : 97;
	is_inside--;
}

__attribute__((destructor)) static void finish(void)
{
	const char *out = getenv("UNWIND_CHECK_OUT");
	char path[4096];
	FILE *file;

	is_inside++;
	if (!out || !traces)
		return;
	snprintf(path, sizeof(path), "%s.%d", out, getpid());
	file = fopen(path, "w");
	if (!file)
		return;
	fprintf(file,
		"traces %lu different %lu longer %lu truncated %lu fp %lu signal %lu frames %lu "
		"recalled %lu noted %lu wrong %lu "
		"ns %lu warm_ns %lu libunwind_ns %lu own_bytes %lu\n",
		traces, different, longer, truncated, frame_pointers, signals, frames, recalled,
		noted, wrong, our_ns, warm_ns, their_ns, unwind_own_bytes());
	fwrite(shown, 1, shown_size, file);
	fclose(file);
	is_inside--;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
	if (every && !is_inside) {
		const bool is_compared =
			__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) % every == 0;

		is_inside = 1;
		if (!is_compared) {
			remember(false);
		} else if (may_compare()) {
			remember(true);
			compare();
			pthread_mutex_unlock(&lock);
		}
		is_inside = 0;
	}
	return __libc_malloc(size);
}
