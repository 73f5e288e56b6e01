/* SPDX-License-Identifier: MIT */
/*
 * test-file.c: whole files in, whole files out.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

enum { MEGABYTE = 1 << 20 };

static char folder[64];

static int enter_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/test-file-XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return chdir("/") == 0 ? system(command) : -1;
}

static size_t count_files(void)
{
	_cleanup_closedir_ DIR *dir = opendir(".");
	size_t n = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	return n;
}

static void assert_file_is(const char *path, const char *text)
{
	_cleanup_free_ char *bytes = NULL;
	size_t size = 0;

	assert_int_equal(file_read(path, MEGABYTE, &bytes, &size), 0);
	assert_int_equal(size, strlen(text));
	assert_string_equal(bytes, text);
}

static void what_is_written_is_read(void **state)
{
	assert_int_equal(file_write("a", "hello", 5), 0);
	assert_file_is("a", "hello");
	assert_int_equal(file_write("a", "", 0), 0);
	assert_file_is("a", "");
	assert_int_equal(count_files(), 1);
	unlink("a");
}

static void large_files_and_limits(void **state)
{
	_cleanup_free_ char *bytes = malloc(MEGABYTE), *back = NULL;
	size_t size = 0;

	assert_non_null(bytes);
	memset(bytes, 'y', MEGABYTE);
	assert_int_equal(file_write("big", bytes, MEGABYTE), 0);
	assert_int_equal(file_read("big", MEGABYTE - 1, &back, &size), -EFBIG);
	assert_int_equal(file_read("big", MEGABYTE, &back, &size), 0);
	assert_int_equal(size, MEGABYTE);
	assert_memory_equal(bytes, back, MEGABYTE);
	assert_int_equal(back[MEGABYTE], 0);
	unlink("big");
}

static void proc_files_are_read_whole(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;

	assert_int_equal(file_read("/proc/self/status", MEGABYTE, &text, &size), 0);
	assert_non_null(strstr(text, "VmRSS:"));
	assert_int_equal(strlen(text), size);
	assert_int_equal(text[size - 1], '\n');
}

static void errors_are_the_kernels(void **state)
{
	struct file_draft draft;
	char *bytes;
	size_t size;

	assert_int_equal(file_read("absent", 10, &bytes, &size), -ENOENT);
	assert_int_equal(file_read(".", 10, &bytes, &size), -EISDIR);
	assert_int_equal(file_write("absent/x", "", 0), -ENOENT);
	assert_int_equal(file_write(".", "", 0), -EISDIR);
	assert_int_equal(file_write("/proc/nothing-here", "", 0), -ENOENT);
	assert_int_equal(file_draft_init(&draft, "absent/x"), -ENOENT);
	file_draft_deinit(&draft);
	/* the disk that is always full */
	assert_int_equal(file_write("/dev/full", "x", 1), -ENOSPC);
}

static void a_draft_that_is_dropped_leaves_the_old_file(void **state)
{
	struct file_draft draft;

	assert_int_equal(file_write("kept", "old", 3), 0);
	assert_int_equal(file_draft_init(&draft, "kept"), 0);
	assert_int_equal(file_write_fd(draft.fd, "new", 3), 0);
	assert_file_is("kept", "old");
	assert_int_equal(count_files(), 2);
	file_draft_deinit(&draft);
	assert_file_is("kept", "old");
	assert_int_equal(count_files(), 1);
	unlink("kept");
}

static void a_link_is_followed(void **state)
{
	struct stat st;

	assert_int_equal(file_write("real", "old", 3), 0);
	assert_int_equal(symlink("real", "link"), 0);
	assert_int_equal(file_write("link", "new", 3), 0);
	assert_file_is("real", "new");
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	unlink("link");
	unlink("real");
}

static void a_pipe_is_written_to_directly(void **state)
{
	char path[64], buffer[8] = "";
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
	assert_int_equal(file_write(path, "abc", 3), 0);
	assert_int_equal(read(fds[0], buffer, sizeof(buffer)), 3);
	assert_string_equal(buffer, "abc");
	close(fds[0]);
	close(fds[1]);
}

static void pread_stops_at_the_end(void **state)
{
	_cleanup_close_ int fd = -EBADF;
	char buffer[8] = "";

	assert_int_equal(file_write("p", "0123456789", 10), 0);
	fd = open("p", O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_pread(fd, buffer, 4, 3), 4);
	assert_memory_equal(buffer, "3456", 4);
	assert_int_equal(file_pread(fd, buffer, 8, 8), 2);
	assert_int_equal(file_pread(fd, buffer, 8, 100), 0);
	assert_int_equal(file_pread(fd, buffer, 8, UINT64_MAX), -EINVAL);
	unlink("p");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(large_files_and_limits),
		cmocka_unit_test(proc_files_are_read_whole),
		cmocka_unit_test(errors_are_the_kernels),
		cmocka_unit_test(a_draft_that_is_dropped_leaves_the_old_file),
		cmocka_unit_test(a_link_is_followed),
		cmocka_unit_test(a_pipe_is_written_to_directly),
		cmocka_unit_test(pread_stops_at_the_end),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
