/* SPDX-License-Identifier: MIT */
/* The aligned family. */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

static void *volatile sink;

static void keep(void *p, size_t align)
{
	if (!p || (uintptr_t)p % align != 0)
		abort();
	sink = p;
}

static void leak_aligned_alloc(void)
{
	for (size_t align = 16; align <= 65536; align *= 4)
		keep(aligned_alloc(align, align * 2), align); /* LEAK leak_aligned_alloc: 7 blocks, 174752 bytes */
}

static void leak_posix_memalign(void)
{
	void *p;

	if (posix_memalign(&p, 256, 1000) != 0) /* LEAK leak_posix_memalign: 1 blocks, 1000 bytes */
		abort();
	keep(p, 256);
}

static void leak_memalign(void)
{
	keep(memalign(1u << 21, 123), 1u << 21); /* LEAK leak_memalign: 1 blocks, 123 bytes */
}

static void leak_valloc(void)
{
	keep(valloc(10), 4096); /* LEAK leak_valloc: 1 blocks, 10 bytes */
}

static void leak_pvalloc(void)
{
	keep(pvalloc(4097), 4096); /* LEAK leak_pvalloc: 1 blocks, 8192 bytes */
}

int main(void)
{
	leak_aligned_alloc();
	leak_posix_memalign();
	leak_memalign();
	leak_valloc();
	leak_pvalloc();
	return 0;
}
