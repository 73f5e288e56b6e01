/* SPDX-License-Identifier: MIT */
/*
 * test-listener.c: regions that are handed over, and peers that do something else.
 */
#include "cli/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/test.h"

static int connect_to(const struct listener *listener)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path + 1, listener->name, strlen(listener->name));
	assert_int_equal(connect(fd, (struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					     strlen(listener->name))),
			 0);
	return fd;
}

static void send_to(int connection, const char *text, int fd, int n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
	struct iovec vector = {(void *)text, strlen(text)};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	struct cmsghdr *header;

	if (n > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		for (int i = 0; i < n; i++)
			memcpy(CMSG_DATA(header) + (size_t)i * sizeof(int), &fd, sizeof(fd));
	}
	assert_int_equal(sendmsg(connection, &message, 0), strlen(text));
}

static int count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void a_region_comes_with_its_sender(void **state)
{
	struct listener listener;
	struct handover handover;
	struct stat sent, received;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), connection;

	assert_int_equal(listener_init(&listener), 0);
	connection = connect_to(&listener);
	assert_int_equal(listener_next(&listener, &handover), 0);
	send_to(connection, "MTREGION", fd, 1);
	close(connection);
	assert_int_equal(listener_next(&listener, &handover), 1);
	assert_int_equal(handover.pid, getpid());
	assert_int_equal(handover.uid, geteuid());
	assert_true(fcntl(handover.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(fd, &sent), 0);
	assert_int_equal(fstat(handover.fd, &received), 0);
	assert_true(sent.st_rdev == received.st_rdev && sent.st_ino == received.st_ino);
	assert_int_equal(listener_next(&listener, &handover), 0);
	close(handover.fd);
	close(fd);
	listener_deinit(&listener);
}

static void what_is_no_handover_is_dropped_without_a_trace(void **state)
{
	struct listener listener;
	struct handover handover;
	int before, fd = open("/dev/null", O_RDONLY | O_CLOEXEC), connections[5];

	assert_int_equal(listener_init(&listener), 0);
	before = count_descriptors();
	for (int i = 0; i < 5; i++)
		connections[i] = connect_to(&listener);
	send_to(connections[0], "MTREGION", fd, 0);
	send_to(connections[1], "NONSENSE", fd, 1);
	send_to(connections[2], "MT", fd, 1);
	send_to(connections[3], "something much longer", fd, 4);
	for (int i = 0; i < 5; i++)
		close(connections[i]);
	assert_int_equal(listener_next(&listener, &handover), 0);
	assert_int_equal(count_descriptors(), before);
	listener_deinit(&listener);
	close(fd);
}

static void further_descriptors_are_closed(void **state)
{
	struct listener listener;
	struct handover handover;
	int before, fd = open("/dev/null", O_RDONLY | O_CLOEXEC), connection;

	assert_int_equal(listener_init(&listener), 0);
	before = count_descriptors();
	connection = connect_to(&listener);
	send_to(connection, "MTREGION", fd, 3);
	close(connection);
	assert_int_equal(listener_next(&listener, &handover), 1);
	close(handover.fd);
	assert_int_equal(count_descriptors(), before);
	listener_deinit(&listener);
	close(fd);
}

static void silent_peers_do_not_keep_others_out(void **state)
{
	enum { N = LISTENER_N_PENDING + 10 };
	struct listener listener;
	struct handover handover;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), silent[N], connection;

	assert_int_equal(listener_init(&listener), 0);
	for (int i = 0; i < N; i++) {
		silent[i] = connect_to(&listener);
		assert_int_equal(listener_next(&listener, &handover), 0);
	}
	connection = connect_to(&listener);
	send_to(connection, "MTREGION", fd, 1);
	assert_int_equal(listener_next(&listener, &handover), 1);
	close(handover.fd);
	close(connection);
	for (int i = 0; i < N; i++)
		close(silent[i]);
	close(fd);
	listener_deinit(&listener);
}

static void many_may_wait_while_we_are_busy(void **state)
{
	enum { N = 3 * LISTENER_N_PENDING };
	struct listener listener;
	struct handover handover;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(listener_init(&listener), 0);
	for (int i = 0; i < N; i++) {
		int connection = connect_to(&listener);

		send_to(connection, "MTREGION", fd, 1);
		close(connection);
	}
	for (int i = 0; i < N; i++) {
		assert_int_equal(listener_next(&listener, &handover), 1);
		close(handover.fd);
	}
	assert_int_equal(listener_next(&listener, &handover), 0);
	close(fd);
	listener_deinit(&listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_region_comes_with_its_sender),
		cmocka_unit_test(what_is_no_handover_is_dropped_without_a_trace),
		cmocka_unit_test(further_descriptors_are_closed),
		cmocka_unit_test(many_may_wait_while_we_are_busy),
		cmocka_unit_test(silent_peers_do_not_keep_others_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
