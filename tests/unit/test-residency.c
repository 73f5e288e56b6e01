/* SPDX-License-Identifier: MIT */
#include "process/residency.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process/memory.h"
#include "process/zeropages.h"
#include "tests/unit/test.h"

static void pages_that_were_never_touched_are_absent(void **state)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char *bytes =
		mmap(NULL, 200 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start = (uintptr_t)bytes;
	struct memory *memory;
	struct residency map;

	madvise(bytes, 200 * page, MADV_NOHUGEPAGE);
	for (int i = 3; i < 150; i++)
		bytes[i * page] = 1;
	assert_int_equal(memory_open_pid(getpid(), &memory), 0);
	assert_int_equal(residency_read(memory, start + 10, start + 200 * page - 10, &map), 0);
	assert_int_equal(map.end - map.start, 200 * page);
	assert_int_equal(residency_bytes(&map, start, start + 200 * page), 147 * page);
	assert_int_equal(residency_bytes(&map, start + 3 * page + 100, start + 4 * page + 7),
			 page - 100 + 7);
	assert_int_equal(residency_bytes(&map, start + 3 * page - 100, start + 3 * page + 7), 7);
	assert_int_equal(residency_bytes(&map, start + 149 * page + 8, start + 151 * page),
			 page - 8);
	assert_int_equal(residency_bytes(&map, 0, UINT64_MAX), 147 * page);
	assert_int_equal(residency_run(&map, start, page), 0);
	assert_int_equal(residency_run(&map, start + 3 * page + 16, 1000 * page), 147 * page - 16);
	assert_int_equal(residency_run(&map, start + 3 * page + 16, 5000), 5000);
	assert_false(residency_is_swapped(&map, start));
	residency_deinit(&map);
	assert_int_equal(residency_read(memory, 2, 1, &map), -EINVAL);
	memory_free(memory);
	munmap(bytes, 200 * page);
	(void)state;
}

static void memory_of_pieces_is_read_across_them(void **state)
{
	static const char one[] = "abcd", other[] = "efgh";
	const struct memory_piece pieces[] = {
		{0x1000, 4, one}, {0x1004, 4, other}, {0x2000, 4, one}};
	struct memory *memory = memory_new_pieces(pieces, 3);
	char bytes[8];

	assert_int_equal(memory_read(memory, 0x1002, bytes, 4), 0);
	assert_memory_equal(bytes, "cdef", 4);
	assert_int_equal(memory_read(memory, 0x1006, bytes, 4), -EFAULT);
	assert_int_equal(memory_read(memory, 0x2003, bytes, 1), 0);
	assert_int_equal(memory_read(memory, 0x2004, bytes, 1), -EFAULT);
	memory_free(memory);
	(void)state;
}

/* They are the kernel's one page of zeros, which nobody has for himself. */
static void pages_that_were_only_read_are_absent(void **state)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	volatile char *bytes =
		mmap(NULL, 64 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start = (uintptr_t)bytes;
	uint8_t pages[2] = {MEMORY_RESIDENT, MEMORY_RESIDENT};
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct memory *memory;
	struct residency map;

	madvise((void *)bytes, 64 * page, MADV_NOHUGEPAGE);
	for (int i = 0; i < 60; i++)
		if (i % 3)
			assert_int_equal(bytes[i * page], 0);
		else
			bytes[i * page] = 1;
	if (zeropages_clear(pagemap, start, 2, pages) == -ENOTTY)
		skip();
	assert_int_equal(pages[0], MEMORY_RESIDENT);
	assert_int_equal(pages[1], MEMORY_ABSENT);
	assert_int_equal(memory_open_pid(getpid(), &memory), 0);
	assert_int_equal(residency_read(memory, start, start + 64 * page, &map), 0);
	assert_int_equal(residency_bytes(&map, start, start + 64 * page), 20 * page);
	residency_deinit(&map);
	memory_free(memory);
	close(pagemap);
	munmap((void *)bytes, 64 * page);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_that_were_never_touched_are_absent),
		cmocka_unit_test(pages_that_were_only_read_are_absent),
		cmocka_unit_test(memory_of_pieces_is_read_across_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
