/* SPDX-License-Identifier: MIT */
/* test-writer.c: regions of all sizes, under the limits that processes have. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/core/sys.h"
#include "agent/core/writer.h"
#include "tests/support/core-harness.h"

static void check_layout(void)
{
	const struct mt_header *header = writer.header;
	const struct mt_table *tables = &header->stacks;
	struct stat st;

	check(fstat(harness_fd, &st) == 0);
	check((uint64_t)st.st_size == header->region_size);
	for (unsigned i = 0; i < WRITER_N_TABLES; i++) {
		uint64_t end =
			tables[i].offset + (uint64_t)tables[i].capacity * tables[i].entry_size;

		check(tables[i].offset >= sizeof(struct mt_header) && tables[i].offset % 64 == 0);
		check(tables[i].capacity > 1 && end <= header->region_size);
		for (unsigned j = 0; j < WRITER_N_TABLES; j++)
			check(i == j || tables[j].offset >= end ||
			      tables[j].offset + tables[j].capacity <= tables[i].offset);
	}
	check(header->live.capacity == writer.live_capacity);
	check(header->region_size <= 2 * header->max_memory + (1 << 20));
}

static void start_with(uint64_t max_memory, uint32_t sampling)
{
	struct core_config config = harness_config();

	config.max_memory = max_memory;
	config.sampling = sampling;
	harness_start(&config);
	check_layout();
}

static void body_the_default_is_64_mib(void)
{
	start_with(0, MT_SAMPLING_ALL);
	check(writer.header->max_memory == 64 << 20);
	check(writer.live_capacity > 250000);
}

static void body_the_smallest_region_has_all_tables(void)
{
	start_with(1 << 20, MT_SAMPLING_AUTO);
}

static void body_a_huge_bound_costs_nothing(void)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	start_with(16ull << 30, MT_SAMPLING_ALL);
	getrusage(RUSAGE_SELF, &after);
	check(after.ru_maxrss - before.ru_maxrss < 3000);
}

static void body_limits_of_address_space_make_it_smaller(void)
{
	struct rlimit limit = {200 << 20, 200 << 20};

#ifdef __SANITIZE_ADDRESS__
	return; /* its shadow alone is far above any such limit */
#endif
	setrlimit(RLIMIT_AS, &limit);
	start_with(1ull << 30, MT_SAMPLING_ALL);
	check(writer.header->max_memory <= 17 << 20);
}

static void body_limits_of_file_size_make_it_smaller(void)
{
	struct rlimit limit = {10 << 20, 10 << 20};

	setrlimit(RLIMIT_FSIZE, &limit);
	start_with(1ull << 30, MT_SAMPLING_ALL);
	check(writer.header->region_size <= 10 << 20);
}

static void body_limits_too_small_for_any_region_are_an_error(void)
{
	struct core_config config = harness_config();
	struct rlimit limit = {1000, 1000};
	int64_t next = 5;

	setrlimit(RLIMIT_FSIZE, &limit);
	check(core_start(&config) < 0);
	check(core_allocated("block", 5, &next) == 0 && next == INT64_MAX);
	core_freed("block", 1);
	core_mapped((void *)4096, 4096, 1, 2, -1, false);
	core_thread_ending();
	core_set_state(MT_STATE_EXITED);
	check(harness_fd < 0);
}

static void body_strings_are_kept_until_there_is_no_room(void)
{
	char text[200];
	uint32_t last = 0, at;
	unsigned i;

	start_with(1 << 20, MT_SAMPLING_ALL);
	for (i = 0;; i++) {
		unsigned length = (unsigned)snprintf(text, sizeof(text), "%u:%0*u", i, i % 100, i);

		at = writer_add_string(text, length);
		if (at == 0)
			break;
		check(at > last && memcmp(writer.strings + at, text, length + 1) == 0);
		check(at + length < writer.header->n_strings);
		last = at;
	}
	check(i > 100);
	check(writer.strings[0] == 0);
	check(writer.header->n_strings <= writer.strings_capacity);
}

static void body_the_process_is_described(void)
{
	struct region_snapshot snapshot;
	char exe[1000] = {0};

	start_with(0, MT_SAMPLING_ALL);
	harness_snapshot(harness_fd, &snapshot);
	check(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	check(strcmp(snapshot.header.exe, exe) == 0);
	check(strstr(snapshot.header.cmdline, "test-writer") != NULL);
	check(strncmp(snapshot.header.comm, "test-writer", 11) == 0);
	check(snapshot.header.pid == (uint32_t)getpid());
	check(snapshot.header.ppid == (uint32_t)getppid());
	check(snapshot.header.page_size == (uint32_t)sysconf(_SC_PAGESIZE));
	check(snapshot.header.state == MT_STATE_RUNNING);
	region_snapshot_deinit(&snapshot);
}

static void body_high_water_marks_only_rise(void)
{
	uint64_t wide = 5;
	uint32_t mark = 5;

	writer_raise32(&mark, 3);
	check(mark == 5);
	writer_raise32(&mark, 8);
	check(mark == 8);
	writer_raise64(&wide, 1ull << 40);
	check(wide == 1ull << 40);
	writer_raise64(&wide, 1);
	check(wide == 1ull << 40);
}

/* Entries one by one, far enough that each step was taken. */
static void body_tables_are_made_ready_little_by_little(void)
{
	struct stat before, after;

	start_with(0, MT_SAMPLING_ALL);
	check(fstat(harness_fd, &before) == 0);
	check((uint64_t)before.st_blocks * 512 <= 8 * sys_page_size());
	check(writer_make_ready(WRITER_STACKS, 1));
	check(fstat(harness_fd, &after) == 0);
	check((uint64_t)(after.st_blocks - before.st_blocks) * 512 <= sys_page_size());
	for (uint64_t n = 1; n < 400000 / sizeof(uint64_t); n++) {
		check(writer_make_ready(WRITER_STACKS, n));
		writer.stacks[n - 1] = n;
	}
	check(fstat(harness_fd, &after) == 0);
	check((uint64_t)(after.st_blocks - before.st_blocks) * 512 <= 400000 + 2 * 65536);
}

HARNESS_TEST(the_default_is_64_mib)
HARNESS_TEST(tables_are_made_ready_little_by_little)
HARNESS_TEST(the_smallest_region_has_all_tables)
HARNESS_TEST(a_huge_bound_costs_nothing)
HARNESS_TEST(limits_of_address_space_make_it_smaller)
HARNESS_TEST(limits_of_file_size_make_it_smaller)
HARNESS_TEST(limits_too_small_for_any_region_are_an_error)
HARNESS_TEST(strings_are_kept_until_there_is_no_room)
HARNESS_TEST(the_process_is_described)
HARNESS_TEST(high_water_marks_only_rise)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_default_is_64_mib),
		cmocka_unit_test(test_tables_are_made_ready_little_by_little),
		cmocka_unit_test(test_the_smallest_region_has_all_tables),
		cmocka_unit_test(test_a_huge_bound_costs_nothing),
		cmocka_unit_test(test_limits_of_address_space_make_it_smaller),
		cmocka_unit_test(test_limits_of_file_size_make_it_smaller),
		cmocka_unit_test(test_limits_too_small_for_any_region_are_an_error),
		cmocka_unit_test(test_strings_are_kept_until_there_is_no_room),
		cmocka_unit_test(test_the_process_is_described),
		cmocka_unit_test(test_high_water_marks_only_rise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
