/* SPDX-License-Identifier: MIT */
#include "process/inject-regs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"
#include "tests/unit/test.h"

enum { ERESTARTSYS_K = 512, ERESTART_RESTARTBLOCK_K = 516, PC = 0x1002, TOP = 1 << 20 };

static struct regs regs;

static struct user_regs_struct *general(void)
{
	return (struct user_regs_struct *)regs.general;
}

static void instructions_are_found(void **state)
{
	static const uint8_t code[] = {0x90, 0x0f, 0x05, 0x90, 0x0f, 0x05, 0xc3, 0x90, 0x48,
				       0xc7, 0xc0, 15,   0,    0,    0,    0x0f, 0x05};
	uint64_t call = 0, sigreturn = 0;

	assert_false(regs_find_gadgets(code, 7, 0x1000, &call, &sigreturn));
	assert_int_equal(call, 0x1004);
	assert_int_equal(sigreturn, 0);
	/* what was found in one module stays when the other is found in the next */
	assert_true(regs_find_gadgets(code, sizeof(code), 0x5000, &call, &sigreturn));
	assert_int_equal(call, 0x1004);
	assert_int_equal(sigreturn, 0x5008);
}

/* A stop in a system call with that result; the number and the pc that it goes on with. */
static void check_restart(long number, long result, bool pending, long rax, uint64_t pc)
{
	regs = (struct regs){};
	general()->orig_rax = (uint64_t)number;
	general()->rax = (uint64_t)result;
	general()->rip = PC;
	regs_restart_syscall(&regs, pending);
	assert_int_equal((long)general()->rax, rax);
	assert_int_equal(general()->rip, pc);
	/* or else the kernel would step back once more */
	assert_int_equal((long)general()->orig_rax, -1);
}

static void interrupted_calls_begin_again(void **state)
{
	check_restart(SYS_read, -ERESTARTSYS_K, false, SYS_read, PC - 2);
	check_restart(SYS_read, -ERESTARTSYS_K, true, SYS_read, PC - 2);
	check_restart(SYS_nanosleep, -ERESTART_RESTARTBLOCK_K, false, SYS_restart_syscall, PC - 2);
}

static void calls_that_end_with_eintr_begin_again_if_no_signal_waits(void **state)
{
	check_restart(SYS_epoll_wait, -EINTR, false, SYS_epoll_wait, PC - 2);
	check_restart(SYS_epoll_wait, -EINTR, true, -EINTR, PC);
	/* this one has had a signal, or it would not say so */
	check_restart(SYS_read, -EINTR, false, -EINTR, PC);
}

static void finished_calls_keep_their_result(void **state)
{
	check_restart(SYS_read, 100, false, 100, PC);
	check_restart(SYS_read, -EAGAIN, false, -EAGAIN, PC);
	check_restart(-1, -ERESTARTSYS_K, false, -ERESTARTSYS_K, PC);
}

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

static void a_frame_is_as_the_kernel_makes_it(void **state)
{
	const uint64_t legacy = 3;
	uint8_t *buffer;
	uint64_t at, fp;

	regs = (struct regs){.fp_size = 576, .signal_mask = 0x1234};
	memcpy(regs.fp + 464, &legacy, sizeof(legacy));
	general()->rip = 0xabcd;
	buffer = calloc(1, regs_frame_size(&regs));
	at = regs_make_frame(&regs, TOP, 0x7777, buffer);
	/* as after a call */
	assert_int_equal(at % 16, 8);
	assert_true(TOP - at <= regs_frame_size(&regs));
	assert_int_equal(word_at(buffer, 0), 0x7777);
	assert_int_equal(word_at(buffer, 304), 0x1234);
	fp = word_at(buffer, 232);
	assert_int_equal(fp % 64, 0);
	assert_int_equal((uint32_t)word_at(buffer, fp - at + 464), 0x46505853);
	assert_int_equal((uint32_t)word_at(buffer, fp - at + 576), 0x46505845);
	assert_true(fp + 576 + 4 <= TOP);
	free(buffer);
}

static void a_thread_that_nobody_sends_anywhere_finds_the_way_out(void **state)
{
	uint8_t park[REGS_PARK_SIZE];

	regs_make_park(0x4000, park);
	assert_int_equal(word_at(park, 0), 0x4000 + REGS_PARK_CODE);
}

static void stop_child(pid_t *ret)
{
	int status;

	*ret = fork();
	assert_true(*ret >= 0);
	if (*ret == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(7);
	}
	assert_int_equal(waitpid(*ret, &status, 0), *ret);
	assert_true(WIFSTOPPED(status));
}

static void what_is_saved_is_restored(void **state)
{
	static struct regs saved, sent;
	const uint64_t arguments[6] = {1, 2, 3, 4, 5, 6};
	int status;
	pid_t pid;

	stop_child(&pid);
	assert_int_equal(regs_save(pid, &saved), 0);
	assert_int_equal(regs_send_to_syscall(pid, &saved, 0x1000, 0x2000, 39, arguments), 0);
	assert_int_equal(regs_clean_fp(pid, &saved), 0);
	assert_int_equal(regs_save(pid, &sent), 0);
	assert_int_equal(regs_pc(&sent), 0x1000);
	assert_int_equal(regs_sp(&sent), 0x2000);
	assert_int_equal(regs_thread_pointer(&sent), regs_thread_pointer(&saved));
	assert_int_equal(regs_restore(pid, &saved), 0);
	assert_int_equal(regs_save(pid, &sent), 0);
	assert_memory_equal(sent.general, saved.general, saved.general_size);
	assert_memory_equal(sent.fp, saved.fp, saved.fp_size);
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions_are_found),
		cmocka_unit_test(interrupted_calls_begin_again),
		cmocka_unit_test(calls_that_end_with_eintr_begin_again_if_no_signal_waits),
		cmocka_unit_test(finished_calls_keep_their_result),
		cmocka_unit_test(a_frame_is_as_the_kernel_makes_it),
		cmocka_unit_test(a_thread_that_nobody_sends_anywhere_finds_the_way_out),
		cmocka_unit_test(what_is_saved_is_restored),
	};

	return cmocka_run_group_tests_name("inject-regs", tests, NULL, NULL);
}
