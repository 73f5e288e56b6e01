/* SPDX-License-Identifier: MIT */
#include "process/inject-check.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "tests/unit/test.h"

static const char running[] =
	"Name:\tserver\nState:\tS (sleeping)\nTracerPid:\t0\nUid:\t1000\t1000\t1000\t1000\n"
	"VmSize:\t  1000 kB\nThreads:\t4\nSeccomp:\t0\n";

/* What is said of a process whose status has that line instead of the one of that name. */
static int check(const char *name, const char *line, struct strbuf *error)
{
	char text[1024] = "";
	const char *at = strstr(running, name), *end = strchr(at, '\n') + 1;

	strncat(text, running, (size_t)(at - running));
	strcat(text, line);
	strcat(text, end);
	return inject_check_status(4711, text, error);
}

static void is_refused(const char *name, const char *line, int r, const char *reason,
		       const char *way_out)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};

	assert_int_equal(check(name, line, &error), r);
	assert_non_null(strstr(strbuf_text(&error), "4711"));
	assert_non_null(strstr(strbuf_text(&error), reason));
	assert_non_null(strstr(strbuf_text(&error), way_out));
	assert_null(strchr(strbuf_text(&error), '\n'));
}

static void an_ordinary_process_is_accepted(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};

	assert_int_equal(inject_check_status(4711, running, &error), 0);
	assert_int_equal(check("Seccomp:", "Seccomp:\t2\n", &error), 0);
	assert_int_equal(check("Seccomp:", "x86_Thread_features:\t\n", &error), 0);
	assert_string_equal(strbuf_text(&error), "");
}

static void a_tracer_is_named(void **state)
{
	char line[64], pid[16];

	snprintf(line, sizeof(line), "TracerPid:\t%d\n", (int)getpid());
	snprintf(pid, sizeof(pid), "by %d (", (int)getpid());
	is_refused("TracerPid:", line, -EBUSY, pid, "--no-inject");
}

static void what_has_ended_or_stands_still_is_refused(void **state)
{
	is_refused("State:", "State:\tZ (zombie)\n", -ESRCH, "has ended", "no memory");
	is_refused("State:", "State:\tT (stopped)\n", -EBUSY, "is stopped", "kill -CONT 4711");
}

static void threads_of_the_kernel_are_refused(void **state)
{
	is_refused("VmSize:", "", -EINVAL, "kernel", "no malloc");
}

static void strict_seccomp_is_refused(void **state)
{
	is_refused("Seccomp:", "Seccomp:\t1\n", -EPERM, "strict seccomp", "--no-inject");
}

static void a_shadow_stack_is_refused(void **state)
{
	is_refused("Seccomp:", "x86_Thread_features:\tshstk wrss \n", -ENOTSUP, "CET shadow stack",
		   "memtrace run");
}

static void programs_of_32_bits_are_refused(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};

	assert_int_equal(inject_check_class(4711, ELFCLASS64, &error), 0);
	assert_int_equal(inject_check_class(4711, ELFCLASS32, &error), -ENOTSUP);
	assert_non_null(strstr(strbuf_text(&error), "32-bit"));
	assert_non_null(strstr(strbuf_text(&error), "--no-inject"));
}

static void says(const struct inject_denial *denial, const char *reason, const char *way_out)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};

	inject_explain_denial(4711, denial, &error);
	assert_non_null(strstr(strbuf_text(&error), reason));
	assert_non_null(strstr(strbuf_text(&error), way_out));
}

static void a_denial_has_its_reason_and_the_way_out(void **state)
{
	says(&(struct inject_denial){.uid = 33, .is_other = true, .is_yama = true}, "uid 33",
	     "as that user, or as root");
	says(&(struct inject_denial){.is_undumpable = true, .is_yama = true}, "undumpable",
	     "as root");
	says(&(struct inject_denial){.is_yama = true}, "kernel.yama.ptrace_scope",
	     "sysctl kernel.yama.ptrace_scope=0");
	says(&(struct inject_denial){}, "security module", "outside the container");
}

static void errors_that_turn_up_later_are_explained(void **state)
{
	static const struct {
		int r;
		const char *reason, *way_out;
	} cases[] = {
		{-EACCES, "execmem", "memtrace run"},
		{-ENOEXEC, "static", "--no-inject"},
		{-ENOMEM, "ulimit -v", "--max-memory"},
		{-ETIMEDOUT, "cannot be interrupted", "try again"},
		{-EBUSY, "dlopen", "try again"},
		{-EPERM, "may not be traced", "as root"},
		{-EXDEV, "Invalid cross-device link", "--no-inject"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_(strbuf_deinit) struct strbuf error = {};

		inject_explain(4711, cases[i].r, &error);
		assert_non_null(strstr(strbuf_text(&error), "4711"));
		assert_non_null(strstr(strbuf_text(&error), cases[i].reason));
		assert_non_null(strstr(strbuf_text(&error), cases[i].way_out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_process_is_accepted),
		cmocka_unit_test(a_tracer_is_named),
		cmocka_unit_test(what_has_ended_or_stands_still_is_refused),
		cmocka_unit_test(threads_of_the_kernel_are_refused),
		cmocka_unit_test(strict_seccomp_is_refused),
		cmocka_unit_test(a_shadow_stack_is_refused),
		cmocka_unit_test(programs_of_32_bits_are_refused),
		cmocka_unit_test(a_denial_has_its_reason_and_the_way_out),
		cmocka_unit_test(errors_that_turn_up_later_are_explained),
	};

	return cmocka_run_group_tests_name("inject-check", tests, NULL, NULL);
}
