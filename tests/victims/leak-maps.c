/* SPDX-License-Identifier: MIT */
/* Memory without malloc: mappings of each kind, partly unmapped, overlapped, moved and grown. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static long page;

static char *map(size_t pages)
{
	/* LEAK map: 2 blocks, 74 pages */
	char *p = mmap(NULL, pages * (size_t)page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

static void map_anonymous(void)
{
	map(10);
}

static void map_partly_unmapped(void)
{
	/* LEAK map_partly_unmapped: 2 blocks, 15 pages */
	char *p = mmap(NULL, 20 * (size_t)page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(p + 5 * page, 5 * (size_t)page);
}

static void map_overlapped(void)
{
	/* LEAK map_overlapped: 1 blocks, 6 pages */
	char *p = mmap(NULL, 8 * (size_t)page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* LEAK map_overlapped: 1 blocks, 2 pages */
	p = mmap(p + 6 * page, 2 * (size_t)page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0);
	if (p == MAP_FAILED)
		abort();
}

static void map_moved(void)
{
	char *p = map(4);

	/* a mapping belongs to who mapped it, wherever it is moved to */
	p = mremap(p, 4 * (size_t)page, 64 * (size_t)page, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		abort();
}

static void map_shared(void)
{
	/* LEAK map_shared: 1 blocks, 3 pages */
	char *p = mmap(NULL, 3 * (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);

	memset(p, 1, 3 * (size_t)page);
}

static void grow_break(void)
{
	/* LEAK grow_break: 1 blocks, 7 pages */
	if (sbrk(7 * page) == (void *)-1)
		abort();
}

static void no_leak(void)
{
	for (int i = 0; i < 50; i++) {
		char *p = map(16);

		munmap(p, 16 * (size_t)page);
	}
}

int main(void)
{
	page = sysconf(_SC_PAGESIZE);
	map_anonymous();
	map_partly_unmapped();
	map_overlapped();
	map_moved();
	map_shared();
	grow_break();
	no_leak();
	return 0;
}
