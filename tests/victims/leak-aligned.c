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
		/* LEAK leak_aligned_alloc: 7 blocks, 174752 bytes */
		keep(aligned_alloc(align, align * 2), align);
}

static void leak_posix_memalign(void)
{
	void *p;

	/* LEAK leak_posix_memalign: 1 blocks, 1000 bytes */
	if (posix_memalign(&p, 256, 1000) != 0)
		abort();
	keep(p, 256);
}

static void leak_memalign(void)
{
	/* LEAK leak_memalign: 1 blocks, 123 bytes */
	keep(memalign(1u << 21, 123), 1u << 21);
}

static void leak_valloc(void)
{
	/* LEAK leak_valloc: 1 blocks, 10 bytes */
	keep(valloc(10), 4096);
}

static void leak_pvalloc(void)
{
	/* LEAK leak_pvalloc: 1 blocks, 8192 bytes */
	keep(pvalloc(4097), 4096);
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
