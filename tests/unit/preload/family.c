/* SPDX-License-Identifier: MIT */
/*
 * family: the allocation family behaves as glibc's. It is run without the agent too, which shows that
 * what is asked for here is what glibc does.
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "check.h"

/* Values that the compiler must not see, or it would warn, or answer itself. */
static volatile size_t huge = PTRDIFF_MAX + (size_t)1, half = SIZE_MAX / 2, zero, two = 2;
static void *volatile sink;

static bool is_aligned(const void *block, size_t align)
{
	return (uintptr_t)block % align == 0;
}

static bool is_filled(const unsigned char *block, unsigned char byte, size_t size)
{
	while (size > 0 && block[size - 1] == byte)
		size--;
	return size == 0;
}

static void check_malloc(void)
{
	size_t size;
	void *a, *b;

	a = malloc(zero);
	b = malloc(zero);
	CHECK(a && b && a != b);
	free(a);
	free(b);
	for (size = 1; size < 5 << 20; size += size / 3 + 1) {
		sink = a = malloc(size);
		CHECK(a && is_aligned(a, 16));
		CHECK(malloc_usable_size(a) >= size);
		memset(a, 0xa5, size);
		CHECK(is_filled(a, 0xa5, size));
		free(a);
	}
	errno = 0;
	CHECK(!malloc(huge) && errno == ENOMEM);
	errno = 0;
	CHECK(!malloc(SIZE_MAX - zero) && errno == ENOMEM);
	errno = 0;
	CHECK(!malloc(half) && errno == ENOMEM);
}

static void check_free(void)
{
	void *small = malloc(10), *large = malloc(50 << 20);

	CHECK(small && large);
	errno = 77;
	free(small);
	free(large);
	free(NULL);
	CHECK(errno == 77);
	CHECK(malloc_usable_size(NULL) == 0);
}

static void check_calloc(void)
{
	size_t size;
	int round;

	/* used memory comes back as zeros */
	for (round = 0; round < 3; round++) {
		for (size = 1; size < 3 << 20; size = size * 2 + 1) {
			unsigned char *block = calloc(size, 1);

			CHECK(block && is_filled(block, 0, size));
			memset(block, 0xff, size);
			free(block);
		}
	}
	errno = 0;
	CHECK(!calloc(half, two + 1) && errno == ENOMEM);
	errno = 0;
	CHECK(!calloc(huge, two) && errno == ENOMEM);
	sink = calloc(zero, 10);
	CHECK(sink);
	free(sink);
}

static void check_realloc(void)
{
	unsigned char *block = realloc(NULL, 1), *grown;
	size_t size = 1;

	CHECK(block);
	*block = 0x5a;
	while (size < 20 << 20) {
		size_t old = size;

		size = size * 2 + 7;
		block = realloc(block, size);
		CHECK(block && is_filled(block, 0x5a, old));
		memset(block, 0x5a, size);
	}
	while (size > 10) {
		size /= 3;
		block = realloc(block, size);
		CHECK(block && is_filled(block, 0x5a, size));
	}
	errno = 0;
	grown = realloc(block, huge);
	CHECK(!grown && errno == ENOMEM && is_filled(block, 0x5a, size));
	errno = 0;
	grown = reallocarray(block, half, two + 1);
	CHECK(!grown && errno == ENOMEM && is_filled(block, 0x5a, size));
	block = reallocarray(block, 100, 100);
	CHECK(block && is_filled(block, 0x5a, size));
	CHECK(!realloc(block, zero));
	sink = realloc(NULL, zero);
	CHECK(sink);
	free(sink);
}

static void check_aligned(void)
{
	size_t align, size;
	void *block;

	for (align = 1; align <= 4 << 20; align *= 2) {
		for (size = 0; size < 300000; size = size * 5 + 1) {
			block = memalign(align, size);
			CHECK(block && is_aligned(block, align));
			memset(block, 1, size);
			CHECK(malloc_usable_size(block) >= size);
			block = realloc(block, size + 100);
			CHECK(block && is_filled(block, 1, size));
			free(block);
			block = aligned_alloc(align, size);
			CHECK(block && is_aligned(block, align));
			free(block);
		}
	}
	/* no power of two: the next one */
	block = memalign(two + 22, 100);
	CHECK(block && is_aligned(block, 32));
	free(block);
	errno = 0;
	CHECK(!memalign(SIZE_MAX - zero, 1) && errno == EINVAL);
	errno = 0;
	CHECK(!memalign(64, huge) && errno == ENOMEM);
	errno = 0;
	CHECK(!memalign(half + 1, huge) && errno == ENOMEM);
	errno = 0;
	CHECK(!aligned_alloc(4096, SIZE_MAX - 100 + zero) && errno == ENOMEM);
}

static void check_posix_memalign(void)
{
	void *block = &block;

	CHECK(posix_memalign(&block, two + 1, 10) == EINVAL);
	CHECK(posix_memalign(&block, two + 22, 10) == EINVAL);
	CHECK(posix_memalign(&block, sizeof(void *) / two, 10) == EINVAL);
	CHECK(posix_memalign(&block, zero, 10) == EINVAL);
	CHECK(posix_memalign(&block, 64, huge) == ENOMEM);
	CHECK(block == &block);
	CHECK(posix_memalign(&block, 1024, 100) == 0 && is_aligned(block, 1024));
	free(block);
	CHECK(posix_memalign(&block, sizeof(void *), zero) == 0 && block);
	free(block);
}

static void check_pages(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *block = valloc(10);

	CHECK(block && is_aligned(block, page));
	free(block);
	block = pvalloc(page + 1);
	CHECK(block && is_aligned(block, page) && malloc_usable_size(block) >= 2 * page);
	free(block);
	errno = 0;
	CHECK(!pvalloc(SIZE_MAX - zero) && errno == ENOMEM);
	errno = 0;
	CHECK(!valloc(huge) && errno == ENOMEM);
}

static void check_figures(void)
{
	void *block = malloc(1 << 20);
	struct mallinfo2 before = mallinfo2(), after;
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	CHECK(block && before.uordblks + before.hblkhd >= 1 << 20);
	sink = malloc(100 << 20);
	after = mallinfo2();
	CHECK(after.uordblks + after.hblkhd >= before.uordblks + before.hblkhd + (100 << 20));
	free(sink);
	free(block);
	(void)malloc_trim(0);
	CHECK(mallopt(M_TRIM_THRESHOLD, 1 << 20) == 1);
	CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
	CHECK(mallopt(M_MXFAST, 1 << 20) == 0);
	stream = open_memstream(&text, &size);
	CHECK(stream && malloc_info(0, stream) == 0 && fclose(stream) == 0);
	CHECK(strncmp(text, "<malloc version=\"1\">\n", 21) == 0);
	CHECK(strcmp(text + size - 10, "</malloc>\n") == 0);
	free(text);
	CHECK(malloc_info(1, stdout) == EINVAL);
}

int main(void)
{
	check_malloc();
	check_free();
	check_calloc();
	check_realloc();
	check_aligned();
	check_posix_memalign();
	check_pages();
	check_figures();
	return 0;
}
