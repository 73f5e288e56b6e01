/* SPDX-License-Identifier: MIT */
/*
 * core-harness.h: a process in which the core records, for its tests.
 *
 * The core is started once a process, so that each test runs its body in a child. cmocka's assertions
 * jump to the runner, of which the child has a copy: bodies use check(), which says where and exits.
 */
#ifndef TESTS_SUPPORT_CORE_HARNESS_H
#define TESTS_SUPPORT_CORE_HARNESS_H

#include <stdint.h>
#include <sys/types.h>

#include "agent/core/core.h"
#include "region/region.h"

#define check(condition) ((condition) ? (void)0 : harness_fail(__FILE__, __LINE__, #condition))

/* The test of body_NAME, for cmocka. */
#define HARNESS_TEST(name)                                     \
	static void test_##name(void **state)                  \
	{                                                      \
		assert_int_equal(harness_run(body_##name), 0); \
	}

void harness_fail(const char *file, int line, const char *condition) __attribute__((noreturn));

/* Everything recorded, 16 MiB, tags, no loader. */
struct core_config harness_config(void);

/* Runs body in a child; returns its exit status, 128 + N for signal N. */
int harness_run(void (*body)(void));

/* core_start; the region's descriptor is kept in harness_fd. */
void harness_start(const struct core_config *config);

/* The descriptors of the regions of this process and of forked children, newest last. */
extern int harness_fd;

/* A snapshot of the region behind fd; the caller deinits it. */
void harness_snapshot(int fd, struct region_snapshot *ret);

/* The live entry at addr, NULL if there is none. */
const struct mt_live *harness_find_live(const struct region_snapshot *snapshot, uint64_t addr);

/* Sums over all sites of a kind. */
struct mt_site harness_sum_sites(const struct region_snapshot *snapshot, unsigned kind);

/* A descriptor through a unix socket: 0 or -1, the descriptor or -1. */
int harness_send_fd(int socket, int fd);
int harness_receive_fd(int socket);

/* Waits for a child made by the test itself; as harness_run. */
int harness_wait(pid_t pid);

#endif
