/* SPDX-License-Identifier: MIT */
/* The perf maps that runtimes write, and those that nobody should have written. */
#include "symbolize/perfmap.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "test.h"

static struct perfmap *parse(const char *text)
{
	struct perfmap *perfmap;

	assert_int_equal(perfmap_new(text, strlen(text), &perfmap), 0);
	return perfmap;
}

static void assert_name(const struct perfmap *perfmap, uint64_t address, const char *name)
{
	const struct perfmap_entry *entry = perfmap_find(perfmap, address);

	if (!name) {
		assert_null(entry);
		return;
	}
	assert_non_null(entry);
	assert_string_equal(entry->name, name);
}

static void names_may_have_blanks_and_numbers_0x(void **state)
{
	_cleanup_(perfmap_freep) struct perfmap *perfmap =
		parse("7f0000001000 20 Lcom/example/Main;::run(I)V\n"
		      "0x7f0000002000 0x10 LazyCompile:*foo /srv/app.js:12:3\n"
		      "7F000000300A\t8\tInterpreter\r\n");

	assert_int_equal(perfmap->n_entries, 3);
	assert_int_equal(perfmap->n_bad_lines, 0);
	assert_name(perfmap, 0x7f0000001000, "Lcom/example/Main;::run(I)V");
	assert_name(perfmap, 0x7f000000101f, "Lcom/example/Main;::run(I)V");
	assert_name(perfmap, 0x7f0000001020, NULL);
	assert_name(perfmap, 0x7f000000200f, "LazyCompile:*foo /srv/app.js:12:3");
	assert_name(perfmap, 0x7f000000300b, "Interpreter");
	assert_int_equal(perfmap_find(perfmap, 0x7f000000300b)->start, 0x7f000000300a);
}

static void the_newer_line_wins_where_two_overlap(void **state)
{
	_cleanup_(perfmap_freep) struct perfmap *perfmap = parse("1000 100 old\n"
								 "1040 20 new\n"
								 "10f0 40 later\n"
								 "1048 4 newest\n");

	assert_name(perfmap, 0x1000, "old");
	assert_name(perfmap, 0x1047, "new");
	assert_name(perfmap, 0x1048, "newest");
	assert_name(perfmap, 0x104c, "new");
	assert_name(perfmap, 0x1060, "old");
	assert_name(perfmap, 0x10f0, "later");
	assert_name(perfmap, 0x112f, "later");
	assert_name(perfmap, 0x1130, NULL);
}

static void a_line_without_sense_is_left_out_and_counted(void **state)
{
	_cleanup_(perfmap_freep) struct perfmap *perfmap = parse("hello world\n"
								 "\n"
								 "1000\n"
								 "1000 10\n"
								 "1000 10 \n"
								 "1000 0 empty\n"
								 "ffffffffffffffff 2 wraps\n"
								 "10000000000000000 1 too long\n"
								 "1000 ffffffffffff too large\n"
								 "-1000 10 negative\n"
								 "2000 10 good\n"
								 "3000 10 half writ");

	assert_int_equal(perfmap->n_bad_lines, 9);
	assert_int_equal(perfmap->n_entries, 2);
	assert_name(perfmap, 0x2008, "good");
	assert_name(perfmap, 0x3008, "half writ");
	assert_name(perfmap, 0x1000, NULL);
}

static void nothing_and_zeros_are_no_map(void **state)
{
	_cleanup_(perfmap_freep) struct perfmap *empty = parse("");
	_cleanup_(perfmap_freep) struct perfmap *zeros = NULL;

	assert_int_equal(empty->n_entries, 0);
	assert_name(empty, 0, NULL);
	assert_int_equal(perfmap_new("1000 10 a\0b\n2000 10 c\n", 22, &zeros), 0);
	assert_name(zeros, 0x1000, "a");
	assert_name(zeros, 0x2000, "c");
}

static void only_a_plain_file_of_ours_is_read(void **state)
{
	_cleanup_(perfmap_freep) struct perfmap *perfmap = NULL;
	char path[] = "/tmp/test-perfmap-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, "10 10 ten\n", 10), 0);
	close(fd);
	assert_int_equal(perfmap_read(path, getuid(), &perfmap), 0);
	assert_name(perfmap, 0x18, "ten");

	/* a pipe would block */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(perfmap_read(path, getuid(), &perfmap), -EPERM);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(perfmap_read(path, getuid(), &perfmap), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_may_have_blanks_and_numbers_0x),
		cmocka_unit_test(the_newer_line_wins_where_two_overlap),
		cmocka_unit_test(a_line_without_sense_is_left_out_and_counted),
		cmocka_unit_test(nothing_and_zeros_are_no_map),
		cmocka_unit_test(only_a_plain_file_of_ours_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
