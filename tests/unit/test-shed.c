/* SPDX-License-Identifier: MIT */
/* test-shed.c: pages of files go, memory stays. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/core/core.h"
#include "agent/core/shed.h"

enum { SIZE = 65536 };

/* Pages of the range that are mapped, by what mincore cannot tell: /proc/self/pagemap. */
static unsigned resident(const char *start)
{
	uint64_t entries[SIZE / 4096];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned n = 0;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, entries, sizeof(entries), (off_t)((uintptr_t)start / 4096 * 8)),
			 sizeof(entries));
	close(fd);
	for (size_t i = 0; i < SIZE / 4096; i++)
		n += entries[i] >> 63;
	return n;
}

static void test_pages_of_files_go_once_and_memory_stays(void **state)
{
	FILE *file = tmpfile();
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct core_config config = {0};
	char written[SIZE];
	char *mapped;

	assert_non_null(file);
	memset(written, 7, SIZE);
	assert_int_equal(fwrite(written, 1, SIZE, file), SIZE);
	assert_int_equal(fflush(file), 0);
	mapped = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fileno(file), 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	memset(memory, 3, SIZE);

	/* the first page is shared with what comes before: it stays */
	config.seldom[0] = (struct core_range){(uintptr_t)mapped + 100, (uintptr_t)mapped + SIZE};
	config.seldom[1] = (struct core_range){(uintptr_t)memory, (uintptr_t)memory + SIZE};
	shed_init(&config);
	assert_int_equal(resident(mapped), SIZE / 4096);
	shed_pages();
	assert_int_equal(resident(mapped), 1);
	assert_int_equal(mapped[SIZE - 1], 7);
	assert_int_equal(resident(memory), SIZE / 4096);
	assert_int_equal(memory[SIZE - 1], 3);

	assert_true(resident(mapped) > 1);
	shed_pages();
	assert_true(resident(mapped) > 1);
	(void)fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_of_files_go_once_and_memory_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
