/* SPDX-License-Identifier: MIT */
/*
 * test-jvm-attach.c: children that listen where a Java machine would, and do with the request what one
 * may do: answer, refuse, close, be silent, never begin.
 */
#include "process/jvm-attach.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

enum { REQUEST_MAX = 256 };
static const uint64_t quick_ns = 100000000, patient_ns = 20000000000;

static int listen_as_machine(char *path, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, size, "/tmp/.java_pid%d", (int)getpid());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 1) < 0)
		_exit(1);
	return fd;
}

/* Answers one request with answer; NULL: never. What was asked stands behind the answer. */
static void serve(int listener, const char *answer)
{
	char request[REQUEST_MAX] = "";
	const int fd = accept(listener, NULL, NULL);
	size_t size = 0, zeros = 0;

	while (zeros < 5) {
		const ssize_t n = read(fd, request + size, sizeof(request) - size);

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			zeros += !request[size + (size_t)i];
		size += (size_t)n;
	}
	if (!answer) {
		pause();
		return;
	}
	if (answer[0] == '0') {
		for (size_t i = 0; i < size; i++)
			request[i] = request[i] ? request[i] : '|';
		if (write(fd, "0\n", 2) != 2 || write(fd, request, size) != (ssize_t)size)
			_exit(1);
	} else {
		/* one that goes on until nobody listens any more */
		while (write(fd, answer, strlen(answer)) >= 0 && answer[0] == 'F')
			;
	}
	close(fd);
}

struct child {
	pid_t pid;
	char path[64];
};

/* A child that has begun to listen, or that does not (is_silent), and does nothing else. */
static struct child start(const char *answer, bool listens)
{
	struct child child;
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0) {
		int fd = -1;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		if (listens)
			fd = listen_as_machine(child.path, sizeof(child.path));
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		if (listens)
			serve(fd, answer);
		pause();
		_exit(0);
	}
	snprintf(child.path, sizeof(child.path), "/tmp/.java_pid%d", (int)child.pid);
	/* what somebody with this number has left */
	if (!listens)
		(void)unlink(child.path);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

/* Returns whether it was alive. */
static bool stop(const struct child *child)
{
	int status;

	kill(child->pid, SIGKILL);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	(void)unlink(child->path);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static int ask(const struct child *child, uint64_t limit_ns, char **ret, struct strbuf *why)
{
	_cleanup_(space_deinit) struct space space = {};
	int r = space_open_pid(child->pid, false, &space);

	assert_int_equal(r, 0);
	return jvm_attach_ask(&space, "GC.class_histogram -all", limit_ns, ret, why);
}

static void a_request_is_five_strings_and_the_answer_comes_whole(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	_cleanup_free_ char *text = NULL;
	struct child child = start("0", true);

	assert_int_equal(ask(&child, patient_ns, &text, &why), 0);
	assert_string_equal(text, "1|jcmd|GC.class_histogram -all|||");
	assert_true(stop(&child));
}

static void what_it_cannot_do_is_told_in_its_words(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	char *text = NULL;
	struct child child = start("1\nUnknown diagnostic command\nmore", true);

	assert_int_equal(ask(&child, patient_ns, &text, &why), -EBADMSG);
	assert_string_equal(strbuf_text(&why), "it cannot do that: Unknown diagnostic command");
	assert_true(stop(&child));
}

static void a_connection_that_is_closed_means_no_permission(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	char *text = NULL;
	struct child child = start("", true);

	assert_int_equal(ask(&child, patient_ns, &text, &why), -EACCES);
	assert_true(strlen(strbuf_text(&why)) > 0);
	assert_true(stop(&child));
}

static void silence_has_an_end(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	char *text = NULL;
	struct child child = start(NULL, true);

	assert_int_equal(ask(&child, quick_ns, &text, &why), -ETIMEDOUT);
	assert_string_equal(strbuf_text(&why), "it did not answer within 0.1 s");
	assert_true(stop(&child));
}

static void an_answer_without_end_has_one(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	char *text = NULL;
	struct child child = start("F", true);

	assert_int_equal(ask(&child, quick_ns, &text, &why), -ETIMEDOUT);
	assert_true(stop(&child));
}

static void a_file_in_the_place_of_the_socket_is_named(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	char *text = NULL;
	struct child child = start(NULL, false);

	assert_int_equal(symlink("/tmp/nothing", child.path), 0);
	assert_int_equal(ask(&child, patient_ns, &text, &why), -EPERM);
	assert_non_null(strstr(strbuf_text(&why), "is not its socket"));
	assert_true(stop(&child));
}

static void who_does_not_handle_the_signal_does_not_get_it(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	char *text = NULL;
	struct child child = start(NULL, false);

	assert_int_equal(ask(&child, patient_ns, &text, &why), -EOPNOTSUPP);
	assert_non_null(strstr(strbuf_text(&why), "SIGQUIT"));
	assert_true(stop(&child));
}

static void ignore(int number)
{
	(void)number;
}

static void who_handles_it_and_is_no_java_machine_does_not_get_it_either(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	char *text = NULL;
	struct child child;

	signal(SIGQUIT, ignore);
	child = start(NULL, false);
	signal(SIGQUIT, SIG_DFL);
	assert_int_equal(ask(&child, patient_ns, &text, &why), -EOPNOTSUPP);
	assert_true(stop(&child));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_five_strings_and_the_answer_comes_whole),
		cmocka_unit_test(what_it_cannot_do_is_told_in_its_words),
		cmocka_unit_test(a_connection_that_is_closed_means_no_permission),
		cmocka_unit_test(silence_has_an_end),
		cmocka_unit_test(an_answer_without_end_has_one),
		cmocka_unit_test(a_file_in_the_place_of_the_socket_is_named),
		cmocka_unit_test(who_does_not_handle_the_signal_does_not_get_it),
		cmocka_unit_test(who_handles_it_and_is_no_java_machine_does_not_get_it_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
