/* SPDX-License-Identifier: MIT */
/*
 * test-procinfo.c: what /proc says of the test itself, of a child, and of nobody; limits of control
 * groups; the memory of another process.
 */
#include "process/procinfo.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "process/cgroup.h"
#include "process/memory.h"
#include "tests/unit/test.h"

static void the_test_knows_itself(void **state)
{
	_cleanup_(procinfo_deinit) struct procinfo info = {0};
	char name[16] = "", exe[256] = "";

	prctl(PR_GET_NAME, name);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_int_equal(procinfo_read(getpid(), &info), 0);
	assert_int_equal(info.pid, getpid());
	assert_int_equal(info.ppid, getppid());
	assert_int_equal(info.uid, getuid());
	assert_int_equal(info.state, 'R');
	assert_string_equal(info.comm, name);
	assert_string_equal(info.exe, exe);
	assert_int_equal(info.n_threads, 1);
	assert_true(info.vsz > info.rss && info.vsz != UINT64_MAX);
	assert_true(info.rss > 0 && info.rss <= info.peak_rss);
	assert_true(info.uss <= info.pss && info.pss <= info.rss);
	assert_true(info.start_ticks > 0);
	/* it started before now, and not days ago */
	assert_true(info.started_at < (double)time(NULL) + 2);
	assert_true(info.started_at > (double)time(NULL) - 86400);
	assert_non_null(info.cmdline);
	assert_non_null(info.cmdline[0]);
	assert_null(info.cmdline[1]);
}

static void names_and_arguments_may_be_anything(void **state)
{
	static const char strange[] = ") R 1 (\n x";
	_cleanup_(procinfo_deinit) struct procinfo info = {0};
	int status, ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, strange);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(procinfo_read(pid, &info), 0);
	assert_string_equal(info.comm, strange);
	assert_int_equal(info.ppid, getpid());
	procinfo_deinit(&info);

	/* a zombie has no memory any more, and says so */
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
	assert_int_equal(procinfo_read(pid, &info), 0);
	assert_int_equal(info.state, 'Z');
	assert_true(info.rss == UINT64_MAX);
	waitpid(pid, &status, 0);
	procinfo_deinit(&info);
	assert_int_equal(procinfo_read(pid, &info), -ESRCH);
}

static void nobody_is_nobody(void **state)
{
	struct procinfo_thread *threads;
	struct procinfo info;
	size_t n;

	assert_int_equal(procinfo_read(1 << 30, &info), -ESRCH);
	assert_int_equal(procinfo_read(0, &info), -ESRCH);
	assert_int_equal(procinfo_read(-1, &info), -ESRCH);
	assert_int_equal(procinfo_read_threads(1 << 30, &threads, &n), -ESRCH);
}

static void *wait_for_end(void *arg)
{
	pthread_mutex_lock(arg);
	pthread_mutex_unlock(arg);
	return NULL;
}

static void threads_have_names(void **state)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	struct procinfo info;
	size_t n = 0, i, found = 0;
	pthread_t thread;

	pthread_mutex_lock(&mutex);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_end, &mutex), 0);
	pthread_setname_np(thread, "the other one");
	assert_int_equal(procinfo_read_threads(getpid(), &threads, &n), 0);
	for (i = 0; i < n; i++) {
		if (strcmp(threads[i].name, "the other one") != 0)
			continue;
		found++;
		/* a thread's id is not a process's */
		assert_int_equal(procinfo_read(threads[i].tid, &info), -ESRCH);
	}
	assert_int_equal(n, 2);
	assert_int_equal(found, 1);
	pthread_mutex_unlock(&mutex);
	pthread_join(thread, NULL);
}

static void the_list_holds_the_test(void **state)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0, i, found = 0;

	assert_int_equal(procinfo_list(&pids, &n), 0);
	for (i = 0; i < n; i++)
		found += pids[i] == getpid();
	assert_int_equal(found, 1);
}

static void put(const char *root, const char *path, const char *text)
{
	char name[256], *slash;

	snprintf(name, sizeof(name), "%s%s", root, path);
	for (slash = strchr(name + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(name, 0700);
		*slash = '/';
	}
	assert_int_equal(file_write(name, text, strlen(text)), 0);
}

static void the_smallest_limit_on_the_way_up_counts(void **state)
{
	static const char v2_mount[] =
		"30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
	static const char v1_mounts[] =
		"31 30 0:27 / /sys/fs/cgroup/cpu rw shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
		"35 30 0:30 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n";
	static const char part_mount[] =
		"30 23 0:26 /pod/one /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
	char root[] = "/tmp/test-cgroup-XXXXXX", command[64];

	assert_non_null(mkdtemp(root));
	put(root, "/sys/fs/cgroup/a/memory.max", "8192\n");
	put(root, "/sys/fs/cgroup/a/b/memory.max", "max\n");
	put(root, "/sys/fs/cgroup/a/b/memory.high", "12288\n");
	put(root, "/sys/fs/cgroup/a/c/memory.max", "4096\n");
	put(root, "/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1048576\n");
	put(root, "/sys/fs/cgroup/memory/x/y/memory.limit_in_bytes", "9223372036854771712\n");
	put(root, "/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
	put(root, "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	put(root, "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n");
	put(root, "/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
	put(root, "/sys/fs/cgroup/cpu/x/y/cpu.cfs_quota_us", "25000\n");
	put(root, "/sys/fs/cgroup/cpu/x/y/cpu.cfs_period_us", "100000\n");
	assert_true(cgroup_cpu_limit_from("0::/a/b\n", v2_mount, root) == 1500);
	assert_true(cgroup_cpu_limit_from("0::/\n", v2_mount, root) == UINT64_MAX);
	assert_true(cgroup_cpu_limit_from("5:cpu,cpuacct:/x/y\n0::/\n", v1_mounts, root) == 250);
	assert_true(cgroup_cpu_limit_from("5:cpu,cpuacct:/x\n0::/\n", v1_mounts, root) ==
		    UINT64_MAX);
	assert_true(cgroup_memory_limit_from("0::/a/b\n", v2_mount, root) == 8192);
	assert_true(cgroup_memory_limit_from("0::/a/c\n", v2_mount, root) == 4096);
	assert_true(cgroup_memory_limit_from("0::/\n", v2_mount, root) == UINT64_MAX);
	assert_true(cgroup_memory_limit_from("0::/absent\n", v2_mount, root) == UINT64_MAX);
	assert_true(cgroup_memory_limit_from("0::/../../a\n", v2_mount, root) == UINT64_MAX);
	assert_true(cgroup_memory_limit_from("0::/pod/one/a/b\n", part_mount, root) == 8192);
	assert_true(cgroup_memory_limit_from("5:cpu,cpuacct:/\n4:memory:/x/y\n0::/\n", v1_mounts,
					     root) == 1048576);
	assert_true(cgroup_memory_limit_from("4:memory:/x\n", v2_mount, root) == UINT64_MAX);
	assert_true(cgroup_memory_limit_from("", v1_mounts, root) == UINT64_MAX);
	assert_true(cgroup_memory_limit_from("nonsense", "nonsense", root) == UINT64_MAX);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
}

static void memory_is_read_exactly_or_not_at_all(void **state)
{
	static char text[] = "found me";
	_cleanup_(memory_freep) struct memory *memory = NULL;
	char buffer[16] = "";

	assert_int_equal(memory_open_pid(1 << 30, &memory), -ESRCH);
	assert_int_equal(memory_open_pid(getpid(), &memory), 0);
	assert_int_equal(memory_read(memory, (uintptr_t)text, buffer, sizeof(text)), 0);
	assert_string_equal(buffer, text);
	assert_int_equal(memory_read(memory, (uintptr_t)text, buffer, 0), 0);
	assert_int_equal(memory_read(memory, 16, buffer, 8), -EFAULT);
	assert_int_equal(memory_read(memory, UINT64_MAX - 3, buffer, 8), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_test_knows_itself),
		cmocka_unit_test(names_and_arguments_may_be_anything),
		cmocka_unit_test(nobody_is_nobody),
		cmocka_unit_test(threads_have_names),
		cmocka_unit_test(the_list_holds_the_test),
		cmocka_unit_test(the_smallest_limit_on_the_way_up_counts),
		cmocka_unit_test(memory_is_read_exactly_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
