/* SPDX-License-Identifier: MIT */
#include "process/inject-outside.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <unistd.h>

#include "tests/unit/test.h"

#ifdef __x86_64__
enum { ALLOCATOR = 0x100000, LIBC = 0x200000, PROGRAM = 0x300000, RETURN = 0x200100 };

static uint64_t stack[512];
static struct maps maps;
static struct inject_range modules[] = {{ALLOCATOR, 0x1000}, {LIBC, 0x1000}};

/* A thread of this process that is at pc, in that system call, with a word on its stack. */
static bool suits(const struct outside *outside, uint64_t pc, long number, uint64_t word, size_t at)
{
	static struct remote remote;
	struct user_regs_struct *r = (struct user_regs_struct *)remote.regs.general;

	remote.mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	r->rip = pc;
	r->rsp = (uintptr_t)stack;
	stack[at] = word;
	remote.syscall = number;
	bool result = outside_suits(&remote, &maps, outside);
	stack[at] = 0;
	close(remote.mem);
	return result;
}

static int read_maps(void **state)
{
	(void)state;
	return maps_read(getpid(), false, &maps);
}

static int forget_maps(void **state)
{
	(void)state;
	maps_deinit(&maps);
	return 0;
}

static void code_of_the_program_is_outside(void **state)
{
	struct outside outside = {modules, 2, modules[0], RETURN};

	(void)state;
	assert_true(suits(&outside, PROGRAM, -1, 0, 0));
	assert_false(suits(&outside, ALLOCATOR + 5, -1, 0, 0));
	assert_false(suits(&outside, LIBC + 5, -1, 0, 0));
}

static void a_handler_may_have_interrupted_the_allocator(void **state)
{
	struct outside outside = {modules, 2, modules[0], RETURN};

	(void)state;
	/* the frame's code segment */
	stack[400 + 24] = 0x002b000000000033;
	assert_false(suits(&outside, PROGRAM, -1, RETURN, 400));
	assert_true(suits(&outside, PROGRAM, -1, RETURN + 1, 400));
	stack[400 + 24] = 0;
}

/* It says where handlers return to, and what it had on the stack may stay there for long. */
static void what_sigaction_left_is_no_handler(void **state)
{
	struct outside outside = {modules, 2, modules[0], RETURN};

	(void)state;
	stack[400 + 1] = 0x1000;
	assert_true(suits(&outside, PROGRAM, -1, RETURN, 400));
	stack[400 + 1] = 0;
	assert_true(suits(&outside, PROGRAM, -1, RETURN, 400));
}

static void who_waits_for_the_world_is_outside(void **state)
{
	struct outside outside = {modules, 2, modules[0], RETURN};

	(void)state;
	assert_true(suits(&outside, LIBC + 5, SYS_ppoll, ALLOCATOR + 1, 3));
	assert_false(suits(&outside, ALLOCATOR + 5, SYS_ppoll, 0, 0));
	assert_false(suits(&outside, LIBC + 5, SYS_munmap, 0, 0));
	assert_false(suits(&outside, LIBC + 5, SYS_madvise, 0, 0));
}

static void who_waits_for_a_lock_is_outside_if_its_callers_are(void **state)
{
	struct outside brought = {modules, 2, modules[0], RETURN};
	struct outside glibc = {modules + 1, 1, {}, RETURN};

	(void)state;
	assert_false(suits(&brought, LIBC + 5, SYS_futex, ALLOCATOR + 1, 3));
	assert_true(suits(&brought, LIBC + 5, SYS_futex, PROGRAM, 3));
	/* glibc's waits for arenas while it holds none */
	assert_true(suits(&glibc, LIBC + 5, SYS_futex, LIBC + 1, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_of_the_program_is_outside),
		cmocka_unit_test(a_handler_may_have_interrupted_the_allocator),
		cmocka_unit_test(what_sigaction_left_is_no_handler),
		cmocka_unit_test(who_waits_for_the_world_is_outside),
		cmocka_unit_test(who_waits_for_a_lock_is_outside_if_its_callers_are),
	};

	return cmocka_run_group_tests(tests, read_maps, forget_maps);
}
#else
int main(void)
{
	return 77;
}
#endif
