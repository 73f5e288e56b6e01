/* SPDX-License-Identifier: MIT */
/*
 * test-unwind.c: our frames are those of libunwind, on stacks of every kind that we know how to make.
 *
 * check() takes both traces from the same place. Ours begins inside unwind_trace, libunwind's inside
 * oracle_trace, so both are compared from check() itself outward.
 */
#include "test.h"

#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "agent/core/modules.h"
#include "agent/core/sys.h"
#include "agent/core/unwind.h"
#include "region/abi.h"
#include "tests/support/oracle.h"

enum { FRAMES_MAX = 512, STACK_SIZE = 256 * 1024 };

static __thread struct unwind_stack stack;
/* what the last check() saw */
static unsigned seen, seen_flags;
static uint64_t ours[FRAMES_MAX], theirs[FRAMES_MAX];
static unsigned constructor_frames, checks;

static void note_stack(void)
{
	pthread_attr_t attr;
	void *start;
	size_t size;

	if (stack.end)
		return;
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &start, &size);
	pthread_attr_destroy(&attr);
	stack.start = (uintptr_t)start;
	stack.end = (uintptr_t)start + size;
}

/* Frames of this file's own run are compared from the second on: pcs within check() differ. */
static __attribute__((noinline)) unsigned compare(void)
{
	unsigned flags = 0, n, m;

	n = unwind_trace(&stack, NULL, 0, 0, ours, FRAMES_MAX, &flags);
	m = oracle_trace(theirs, FRAMES_MAX);
	checks++;
	seen = n;
	seen_flags = flags;
	/* ours: unwind_trace, compare, caller...; theirs: compare, caller... */
	if (n < 3 || n - 1 != m)
		return UINT32_MAX;
	for (unsigned i = 2; i < n; i++)
		if (MT_FRAME_PC(ours[i]) != theirs[i - 1])
			return i;
	return 0;
}

static __attribute__((noinline)) void check(void)
{
	unsigned r;

	for (unsigned round = 0; round < 3; round++) {
		r = compare();
		if (r) {
			for (unsigned i = 0; i < seen; i++)
				print_error("%2u %#llx module %u  %#lx\n", i, MT_FRAME_PC(ours[i]),
					    MT_FRAME_MODULE(ours[i]), theirs[i ? i - 1 : 0]);
			fail_msg("frame %d differs", (int)r);
		}
		assert_false(seen_flags & MT_STACK_TRUNCATED);
	}
	__asm__ volatile("");
}

__attribute__((constructor)) static void check_in_constructor(void)
{
	struct modules_loader loader;

	sys_init(getauxval(AT_SYSINFO_EHDR));
	oracle_find_loader(&loader);
	modules_init(&loader);
	note_stack();
	if (compare() == 0 && !(seen_flags & MT_STACK_TRUNCATED))
		constructor_frames = seen;
}

static void test_counters_of_the_loader_are_found(void **state)
{
	struct modules_loader loader;

	oracle_find_loader(&loader);
	assert_non_null(loader.load_counter);
	assert_non_null(loader.unload_counter);
}

static void test_constructors_and_main(void **state)
{
	assert_true(constructor_frames > 4);
	check();
	assert_true(seen > 4);
}

static __attribute__((noinline)) unsigned recurse(unsigned depth)
{
	char *room = alloca(depth % 7 * 24 + 1);

	room[0] = (char)depth;
	if (depth == 0) {
		check();
		return 1;
	}
	depth = recurse(depth - 1) + (unsigned)room[0];
	__asm__ volatile("" ::"r"(room) : "memory");
	return depth;
}

static void test_deep_recursion_with_alloca(void **state)
{
	recurse(3);
	recurse(200);
	assert_true(seen > 200);
}

static void test_a_full_buffer_is_called_truncated(void **state)
{
	unsigned flags = 0;
	uint64_t frames[4];

	assert_int_equal(unwind_trace(&stack, NULL, 0, 0, frames, 4, &flags), 4);
	assert_int_equal(flags & MT_STACK_TRUNCATED, MT_STACK_TRUNCATED);
}

static void test_own_text_is_left_out_at_the_inner_end_only(void **state)
{
	unsigned flags = 0, n = unwind_trace(&stack, NULL, 0, 0, ours, FRAMES_MAX, &flags);
	uint64_t frames[FRAMES_MAX];
	uintptr_t pc = MT_FRAME_PC(ours[2]);
	/* everything up to cmocka's frame, then only unwind_trace itself */
	unsigned m = unwind_trace(&stack, NULL, 0, pc - 1, frames, FRAMES_MAX, &flags);

	assert_true(m < n);
	m = unwind_trace(&stack, NULL, MT_FRAME_PC(ours[0]) - 512, MT_FRAME_PC(ours[0]) + 512,
			 frames, FRAMES_MAX, &flags);
	assert_int_equal(m, n - 1);
	assert_int_equal(frames[1], ours[2]);
}

/* The frame that this returns to is told, as the doors of the agent tell it. */
#ifdef __x86_64__
static __attribute__((noinline, optimize("no-omit-frame-pointer"))) unsigned
check_from_caller(uintptr_t skip_start, uintptr_t skip_end, bool is_believed)
{
	const uint64_t *frame = __builtin_frame_address(0);
	struct unwind_caller caller = {
		.sp = (uintptr_t)(frame + 2), .fp = frame[0], .pc = frame[1]};
	uint64_t frames[FRAMES_MAX];
	unsigned flags = 0, n = unwind_trace(&stack, NULL, 0, 0, ours, FRAMES_MAX, &flags), m;

	m = unwind_trace(&stack, &caller, skip_start, skip_end, frames, FRAMES_MAX, &flags);
	assert_int_equal(flags, 0);
	/* less unwind_trace and this function */
	assert_int_equal(m, is_believed ? n - 2 : n);
	assert_memory_equal(frames + m - (n - 2), ours + 2, (n - 2) * sizeof(*frames));
	caller.pc = 0;
	assert_int_equal(unwind_trace(&stack, &caller, 0, 0, frames, FRAMES_MAX, &flags), n);
	return m;
}

static void test_a_trace_begins_where_it_is_told(void **state)
{
	const uintptr_t here = (uintptr_t)test_a_trace_begins_where_it_is_told;

	const unsigned n = check_from_caller(0, 0, true);

	/* a caller within what is left out is a door that was called from another */
	assert_int_equal(check_from_caller(here, here + 256, false), n + 2);
}
#else
static void test_a_trace_begins_where_it_is_told(void **state)
{
	skip();
}
#endif

static int compare_checking(const void *a, const void *b)
{
	static unsigned calls;

	if (calls++ % 16 == 0)
		check();
	return *(const int *)a - *(const int *)b;
}

static void test_callbacks_through_libc(void **state)
{
	int numbers[64], key = 17;
	unsigned before = checks;

	for (int i = 0; i < 64; i++)
		numbers[i] = (i * 37) % 64;
	qsort(numbers, 64, sizeof(int), compare_checking);
	assert_non_null(bsearch(&key, numbers, 64, sizeof(int), compare_checking));
	assert_true(checks > before + 10);
}

/* A frame aligned beyond the ABI's 16 bytes: the CFA is an expression over rbp. */
static __attribute__((noinline)) void with_realigned_stack(unsigned n)
{
	char aligned[64] __attribute__((aligned(64)));
	char *room = alloca(n);

	memset(aligned, (int)n, sizeof(aligned));
	room[0] = aligned[1];
	check();
	__asm__ volatile("" ::"r"(aligned), "r"(room) : "memory");
}

static void test_functions_that_realign_the_stack(void **state)
{
	for (unsigned n = 1; n < 200; n += 37)
		with_realigned_stack(n);
}

/*
 * The CFA in a callee-saved register that is neither sp nor fp, and rbx saved at a distance: the fast
 * gear cannot do it, nor go on from there without rbx.
 */
void with_cfa_in_rbx(void (*function)(void));
__asm__(".text\n"
	".globl with_cfa_in_rbx\n"
	".type with_cfa_in_rbx, @function\n"
	"with_cfa_in_rbx:\n"
	".cfi_startproc\n"
	"	push %rbx\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_offset %rbx, -16\n"
	"	mov %rsp, %rbx\n"
	".cfi_def_cfa_register %rbx\n"
	"	sub $176, %rsp\n"
	"	call *%rdi\n"
	"	add $176, %rsp\n"
	".cfi_def_cfa_register %rsp\n"
	"	pop %rbx\n"
	".cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	".cfi_endproc\n"
	".size with_cfa_in_rbx, . - with_cfa_in_rbx\n");

static void nested_in_rbx(void)
{
	with_cfa_in_rbx(check);
	__asm__ volatile("");
}

static void test_cfa_in_another_register(void **state)
{
	with_cfa_in_rbx(check);
	with_cfa_in_rbx(nested_in_rbx);
}

static void *thread_main(void *arg)
{
	note_stack();
	check();
	recurse(20);
	return NULL;
}

static void test_threads_end_where_they_began(void **state)
{
	pthread_t thread;

	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&thread, NULL, thread_main, NULL), 0);
		pthread_join(thread, NULL);
	}
}

/*
 * What the signal handlers below saw. They only note it: a test that fails leaves by longjmp, which in a
 * handler would open the way for the next signal and hide what went wrong behind what followed.
 */
static struct {
	volatile sig_atomic_t n;
	unsigned n_wrong, frame, seen; /* the rest is of the first one that was wrong */
	uint64_t pc, ours[FRAMES_MAX], theirs[FRAMES_MAX];
} handled;

static void on_signal(int number, siginfo_t *info, void *context)
{
	unsigned r = compare();

	handled.n++;
	if ((r == 0 && !(seen_flags & MT_STACK_TRUNCATED)) || handled.n_wrong++)
		return;
	handled.frame = r;
	handled.seen = seen;
#ifdef __x86_64__
	handled.pc = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#endif
	memcpy(handled.ours, ours, sizeof(ours));
	memcpy(handled.theirs, theirs, sizeof(theirs));
}

static void catch_signal(int number, int flags, struct sigaction *ret_old)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};

	memset(&handled, 0, sizeof(handled));
	sigaction(number, &action, ret_old);
}

static void assert_that_handlers_saw_the_same(void)
{
	if (!handled.n_wrong)
		return;
	for (unsigned i = 0; i < handled.seen; i++)
		print_error("%2u %#llx module %u  %#lx\n", i, MT_FRAME_PC(handled.ours[i]),
			    MT_FRAME_MODULE(handled.ours[i]), handled.theirs[i ? i - 1 : 0]);
	fail_msg("%u of %d signals; the first one at %#lx, frame %d differs", handled.n_wrong,
		 (int)handled.n, handled.pc, (int)handled.frame);
}

static void take_signals(int flags)
{
	struct sigaction old;
	struct itimerval timer = {{0, 300}, {0, 300}}, none = {{0}};
	volatile double sum = 0;
	time_t end = time(NULL) + 180;

	catch_signal(SIGALRM, flags, &old);
	raise(SIGALRM);
	assert_int_equal(handled.n, 1);
	assert_true(seen_flags & MT_STACK_SIGNAL);
	/* anywhere: in prologues and epilogues, in libc, in the vdso */
	setitimer(ITIMER_REAL, &timer, NULL);
	while (handled.n < 200 && time(NULL) < end) {
		struct timespec ts;
		char text[64];

		clock_gettime(CLOCK_MONOTONIC, &ts);
		snprintf(text, sizeof(text), "%f %ld", sum, ts.tv_nsec);
		sum = sum + strtod(text, NULL) / 3;
	}
	setitimer(ITIMER_REAL, &none, NULL);
	sigaction(SIGALRM, &old, NULL);
	assert_that_handlers_saw_the_same();
	assert_true(handled.n >= 200);
}

static void test_signal_handlers(void **state)
{
	take_signals(SA_RESTART);
}

static void test_signal_handlers_on_an_alternate_stack(void **state)
{
	void *memory =
		mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t alternate = {.ss_sp = memory, .ss_size = STACK_SIZE}, old;

	sigaltstack(&alternate, &old);
	take_signals(SA_RESTART | SA_ONSTACK);
	sigaltstack(&old, NULL);
	munmap(memory, STACK_SIZE);
}

#ifdef __x86_64__
/*
 * The loader binds a function at its first call, in frames whose CFA is in rbx, and a signal may come at
 * any instruction of it: with the trap flag one comes at every one.
 */
static void test_signals_at_every_instruction_of_a_first_call(void **state)
{
	struct sigaction old;
	volatile long double value;

	catch_signal(SIGTRAP, 0, &old);
	__asm__ volatile("pushf; orl $0x100, (%%rsp); popf" ::: "memory", "cc");
	value = strtold("1.5", NULL);
	__asm__ volatile("pushf; andl $~0x100, (%%rsp); popf" ::: "memory", "cc");
	sigaction(SIGTRAP, &old, NULL);
	assert_true(value > 1);
	assert_that_handlers_saw_the_same();
	assert_true(handled.n > 20);
}
#endif

static ucontext_t home, away;

static void coroutine(void)
{
	check();
	recurse(30);
	swapcontext(&away, &home);
	with_realigned_stack(9);
	with_cfa_in_rbx(check);
}

static void test_coroutines(void **state)
{
	const size_t size = STACK_SIZE;
	/* guarded on both sides, so that a step too far is seen */
	char *memory = mmap(NULL, size + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(memory + 4096, size, PROT_READ | PROT_WRITE);
	for (int i = 0; i < 3; i++) {
		getcontext(&away);
		away.uc_stack.ss_sp = memory + 4096;
		away.uc_stack.ss_size = size;
		away.uc_link = &home;
		makecontext(&away, coroutine, 0);
		swapcontext(&home, &away);
		recurse(2);
		swapcontext(&home, &away);
	}
	munmap(memory, size + 8192);
	/* what was learnt of that stack is of no use any more, and does no harm */
	check();
}

static __attribute__((noinline)) void take_trace(void)
{
	seen_flags = 0;
	seen = unwind_trace(&stack, NULL, 0, 0, ours, FRAMES_MAX, &seen_flags);
}

/* What the walk itself takes of the stack, measured by painting it. */
static char small_stack[16384] __attribute__((aligned(64)));
static uintptr_t deepest_sp;

static __attribute__((noinline)) void trace_on_painted_stack(void)
{
	deepest_sp = (uintptr_t)__builtin_frame_address(0);
	take_trace();
}

static void paint_and_trace(void)
{
	char *here = (char *)__builtin_frame_address(0) - 512;

	for (char *at = small_stack; at < here; at++)
		*(volatile char *)at = 0x5a;
	trace_on_painted_stack();
}

static void test_the_walk_needs_little_stack(void **state)
{
	size_t used[2], at;

	/* the first time with tables to interpret, then with warm rules */
	for (int i = 0; i < 2; i++) {
		getcontext(&away);
		away.uc_stack.ss_sp = small_stack;
		away.uc_stack.ss_size = sizeof(small_stack);
		away.uc_link = &home;
		makecontext(&away, paint_and_trace, 0);
		swapcontext(&home, &away);
		for (at = 0; at < sizeof(small_stack) && small_stack[at] == 0x5a; at++)
			;
		used[i] = deepest_sp - ((uintptr_t)small_stack + at);
	}
	print_message("stack used: %zu bytes cold, %zu warm\n", used[0], used[1]);
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
	assert_true(used[0] < 1600);
	assert_true(used[1] < 700);
#endif
}

/* Machine code that no module holds, as a just-in-time compiler makes it. */
static void *make_code(const uint8_t *bytes, size_t size)
{
	uint8_t *code =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(code, bytes, size);
	mprotect(code, 4096, PROT_READ | PROT_EXEC);
	return code;
}

static void test_code_without_tables_is_followed_by_frame_pointer(void **state)
{
	/* push %rbp; mov %rsp, %rbp; call *%rdi; pop %rbp; ret */
	const uint8_t bytes[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
	void (*code)(void (*)(void)) = make_code(bytes, sizeof(bytes));

	for (int i = 0; i < 3; i++) {
		unsigned n;

		take_trace();
		assert_false(seen_flags & (MT_STACK_FP | MT_STACK_TRUNCATED));
		n = seen;
		code(take_trace);
		assert_int_equal(seen_flags, MT_STACK_FP);
		/* the same callers, one frame more between them */
		assert_int_equal(seen, n + 1);
		assert_int_equal(ours[2], (uintptr_t)code + 6);
		assert_int_not_equal(MT_FRAME_MODULE(ours[3]), MT_MODULE_NONE);
	}
	munmap(code, 4096);
}

/* As CPython's trampolines of -X perf: only what comes behind the call says how large its frame is. */
static void test_code_without_a_frame_pointer_that_only_returns_is_followed(void **state)
{
	/* nop, for a pc that no test before had; sub $8, %rsp; call *%rdi; add $8, %rsp; ret */
	const uint8_t bytes[] = {0x90, 0x48, 0x83, 0xec, 0x08, 0xff,
				 0xd7, 0x48, 0x83, 0xc4, 0x08, 0xc3};
	void (*code)(void (*)(void)) = make_code(bytes, sizeof(bytes));

	for (int i = 0; i < 3; i++) {
		unsigned n;

		take_trace();
		n = seen;
		code(take_trace);
		assert_int_equal(seen_flags, 0);
		assert_int_equal(seen, n + 1);
		assert_int_equal(ours[2], (uintptr_t)code + 7);
		assert_int_not_equal(MT_FRAME_MODULE(ours[3]), MT_MODULE_NONE);
	}
	munmap(code, 4096);
}

static void test_frame_pointers_that_are_none(void **state)
{
	/* push %rbp; movabs $value, %rbp; call *%rdi; pop %rbp; ret */
	uint8_t bytes[] = {0x55, 0x48, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd7, 0x5d, 0xc3};
	uint64_t local = 0, fake[2] = {0, 0x1234};
	char *guarded =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t values[] = {0,
				   1,
				   16,
				   UINT64_MAX - 7,
				   1ull << 63,
				   (uintptr_t)&local + 1,
				   (uintptr_t)guarded + 4096,
				   (uintptr_t)guarded + 4088,
				   stack.end,
				   stack.end - 8,
				   (uintptr_t)fake};

	mprotect(guarded + 4096, 4096, PROT_NONE);
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		void (*code)(void (*)(void));

		memcpy(bytes + 3, &values[i], 8);
		code = make_code(bytes, sizeof(bytes));
		code(take_trace);
		assert_int_equal(seen, 3);
		assert_true(seen_flags & MT_STACK_TRUNCATED);
		munmap(code, 4096);
	}
	munmap(guarded, 8192);
}

static void on_raw_signal(int number)
{
	handled.n++;
	take_trace();
}

static void test_signal_trampoline_without_tables(void **state)
{
	/* mov $15, %rax; syscall */
	const uint8_t bytes[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	void *code = make_code(bytes, sizeof(bytes));
	struct {
		void (*handler)(int);
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} action = {on_raw_signal, 0x04000000 /* SA_RESTORER */, code, 0}, old;

	assert_int_equal(syscall(SYS_rt_sigaction, SIGUSR1, &action, &old, 8), 0);
	for (int i = 0; i < 3; i++) {
		unsigned n, at;

		take_trace();
		n = seen;
		raise(SIGUSR1);
		assert_int_equal(seen_flags, MT_STACK_SIGNAL);
		/* the handler may have jumped to take_trace: then it is no frame */
		for (at = 2; at < 3 && ours[at] != (uintptr_t)code; at++)
			;
		assert_int_equal(ours[at], (uintptr_t)code);
		/* behind the interrupted raise stand our callers */
		for (at++; at < seen && MT_FRAME_MODULE(ours[at]) != MT_FRAME_MODULE(ours[0]); at++)
			;
		assert_int_equal(seen - at, n - 2);
	}
	syscall(SYS_rt_sigaction, SIGUSR1, &old, NULL, 8);
	munmap(code, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_of_the_loader_are_found),
		cmocka_unit_test(test_constructors_and_main),
		cmocka_unit_test(test_deep_recursion_with_alloca),
		cmocka_unit_test(test_a_full_buffer_is_called_truncated),
		cmocka_unit_test(test_own_text_is_left_out_at_the_inner_end_only),
		cmocka_unit_test(test_a_trace_begins_where_it_is_told),
		cmocka_unit_test(test_callbacks_through_libc),
		cmocka_unit_test(test_functions_that_realign_the_stack),
		cmocka_unit_test(test_cfa_in_another_register),
		cmocka_unit_test(test_threads_end_where_they_began),
		cmocka_unit_test(test_signal_handlers),
#ifdef __x86_64__
		cmocka_unit_test(test_signals_at_every_instruction_of_a_first_call),
#endif
		cmocka_unit_test(test_signal_handlers_on_an_alternate_stack),
		cmocka_unit_test(test_coroutines),
		cmocka_unit_test(test_the_walk_needs_little_stack),
		cmocka_unit_test(test_code_without_tables_is_followed_by_frame_pointer),
		cmocka_unit_test(test_code_without_a_frame_pointer_that_only_returns_is_followed),
		cmocka_unit_test(test_frame_pointers_that_are_none),
		cmocka_unit_test(test_signal_trampoline_without_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
