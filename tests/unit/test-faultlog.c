/* SPDX-License-Identifier: MIT */
/* Samples that are made up, of this process: their stacks are the instruction that touched the page. */
#include "profile/faultlog.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "profile/build.h"
#include "test.h"

enum { N_PAGES = 8 };

struct fixture {
	struct stackwalk *walk;
	struct faultlog *log;
	uint8_t *pages; /* all touched */
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	/* before the log looks at the mappings */
	fixture->pages = mmap(NULL, N_PAGES * MEMORY_PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(fixture->pages != MAP_FAILED);
	memset(fixture->pages, 1, N_PAGES * MEMORY_PAGE_SIZE);
	assert_int_equal(stackwalk_new(getpid(), &fixture->walk), 0);
	assert_int_equal(faultlog_new(getpid(), fixture->walk, &fixture->log), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	faultlog_free(fixture->log);
	stackwalk_free(fixture->walk);
	munmap(fixture->pages, N_PAGES * MEMORY_PAGE_SIZE);
	free(fixture);
	return 0;
}

static void touch(struct fixture *fixture, const void *at, void (*by)(void **), uint64_t weight)
{
	struct faults_sample sample = {
		.tid = (uint32_t)getpid(),
		.time_ns = faultlog_header(fixture->log)->start_ns + 1,
		.address = (uintptr_t)at,
		.weight = weight,
	};

	sample.registers[SAMPLE_REGS_PC] = (uintptr_t)by;
	assert_int_equal(faultlog_add(fixture->log, &sample), 0);
}

static struct profile *build(struct fixture *fixture)
{
	struct region_snapshot snapshot;
	struct memory *memory;
	struct profile *profile;

	assert_int_equal(memory_open_pid(getpid(), &memory), 0);
	assert_int_equal(faultlog_snapshot(fixture->log, memory, &snapshot), 0);
	assert_int_equal(profile_build(&snapshot, NULL, NULL, &profile), 0);
	memory_free(memory);
	region_snapshot_deinit(&snapshot);
	return profile;
}

static void pages_add_up_by_stack(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 5; i++)
		touch(fixture, fixture->pages + i * MEMORY_PAGE_SIZE + 17, pages_add_up_by_stack,
		      1);
	touch(fixture, fixture->pages + 5 * MEMORY_PAGE_SIZE, NULL, 1);
	struct profile *profile = build(fixture);

	assert_int_equal(profile->n_sites, 2);
	assert_int_equal(profile->sites[0].live_bytes, 5 * MEMORY_PAGE_SIZE);
	assert_int_equal(profile->sites[0].live_blocks, 5);
	assert_int_equal(profile->sites[0].kind, MT_SITE_PAGES);
	assert_true(profile->sites[0].live_stderr == 0);
	assert_int_equal(profile->sites[1].live_bytes, MEMORY_PAGE_SIZE);
	assert_int_equal(profile->heap.live_bytes, PROFILE_UNKNOWN);
	profile_free(profile);
}

static void a_sample_stands_for_its_weight(void **state)
{
	struct fixture *fixture = *state;

	touch(fixture, fixture->pages, pages_add_up_by_stack, 1000);
	touch(fixture, fixture->pages + MEMORY_PAGE_SIZE, pages_add_up_by_stack, 2);
	struct profile *profile = build(fixture);

	assert_int_equal(profile->sites[0].live_bytes, 1002 * MEMORY_PAGE_SIZE);
	assert_int_equal(profile->sites[0].allocated_bytes, 1002 * MEMORY_PAGE_SIZE);
	assert_true(profile->sites[0].live_stderr > 0);
	profile_free(profile);
}

static void what_was_given_back_is_freed(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 4; i++)
		touch(fixture, fixture->pages + i * MEMORY_PAGE_SIZE, pages_add_up_by_stack, 1);
	madvise(fixture->pages, 3 * MEMORY_PAGE_SIZE, MADV_DONTNEED);
	/* the third is touched again, which counts anew */
	fixture->pages[2 * MEMORY_PAGE_SIZE] = 1;
	touch(fixture, fixture->pages + 2 * MEMORY_PAGE_SIZE, pages_add_up_by_stack, 1);
	struct profile *profile = build(fixture);

	assert_int_equal(profile->sites[0].live_bytes, 2 * MEMORY_PAGE_SIZE);
	assert_int_equal(profile->sites[0].allocated_bytes, 5 * MEMORY_PAGE_SIZE);
	assert_int_equal(profile->sites[0].freed_bytes, 3 * MEMORY_PAGE_SIZE);
	profile_free(profile);
}

static void files_are_no_growth(void **state)
{
	struct fixture *fixture = *state;

	/* code is mapped from a file that is only read */
	touch(fixture, (const void *)(uintptr_t)pages_add_up_by_stack, pages_add_up_by_stack, 1);
	struct profile *profile = build(fixture);

	assert_int_equal(profile->n_sites, 0);
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_add_up_by_stack, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sample_stands_for_its_weight, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_given_back_is_freed, setup, teardown),
		cmocka_unit_test_setup_teardown(files_are_no_growth, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
