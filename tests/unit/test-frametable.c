/* SPDX-License-Identifier: MIT */
/* The section of this program itself is read, and the linker's own table says what has to come out. */
#include "process/frametable.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

struct own {
	uint64_t bias, header;
};

static int find_own(struct dl_phdr_info *info, size_t size, void *userdata)
{
	struct own *own = userdata;

	own->bias = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
			own->header = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
	return 1;
}

static void it_has_what_the_linkers_table_has(void **state)
{
	struct frametable_entry *entries;
	struct own own = {};
	uint64_t at, size;
	uint32_t n_linkers;
	size_t n;

	dl_iterate_phdr(find_own, &own);
	assert_true(own.header != 0);
	memcpy(&n_linkers, (const void *)(uintptr_t)(own.header + 8), sizeof(n_linkers));
	assert_int_equal(frametable_find("/proc/self/exe", &at, &size), 0);
	assert_int_equal(frametable_make((const uint8_t *)(uintptr_t)(own.bias + at), size,
					 own.bias + at, own.header, &entries, &n),
			 0);
	assert_int_equal(n, n_linkers);
	assert_memory_equal(entries, (const void *)(uintptr_t)(own.header + 12),
			    n * sizeof(*entries));
	free(entries);
}

static void what_is_damaged_is_left_out(void **state)
{
	struct frametable_entry *entries;
	struct own own = {};
	uint64_t at, size;
	size_t n;

	dl_iterate_phdr(find_own, &own);
	assert_int_equal(frametable_find("/proc/self/exe", &at, &size), 0);
	uint8_t *copy = malloc(size);
	assert_non_null(copy);
	for (unsigned seed = 1; seed <= 200; seed++) {
		memcpy(copy, (const void *)(uintptr_t)(own.bias + at), size);
		srand(seed);
		for (int i = 0; i < 20; i++)
			copy[(size_t)rand() % size] = (uint8_t)rand();
		assert_int_equal(
			frametable_make(copy, (size_t)rand() % size, 0x1000, 0x1000, &entries, &n),
			0);
		for (size_t i = 1; i < n; i++)
			assert_true(entries[i - 1].function <= entries[i].function);
		free(entries);
	}
	free(copy);
}

static void files_without_one_are_told(void **state)
{
	uint64_t at, size;

	assert_int_equal(frametable_find("/proc/self/maps", &at, &size), -ENODATA);
	assert_int_equal(frametable_find("/does/not/exist", &at, &size), -ENODATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_what_the_linkers_table_has),
		cmocka_unit_test(what_is_damaged_is_left_out),
		cmocka_unit_test(files_without_one_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
