/* SPDX-License-Identifier: MIT */
/*
 * pagecache.c: a table in which each page has one place, by the low bits of its number.
 */
#include "process/pagecache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum { N_PLACES = 1024 };

int pagecache_init(struct pagecache *cache, struct memory *memory)
{
	*cache = (struct pagecache){.memory = memory};
	cache->addresses = calloc(N_PLACES, sizeof(*cache->addresses));
	cache->bytes = malloc((size_t)N_PLACES * MEMORY_PAGE_SIZE);
	if (cache->addresses && cache->bytes)
		return 0;
	pagecache_deinit(cache);
	return -ENOMEM;
}

void pagecache_deinit(struct pagecache *cache)
{
	free(cache->addresses);
	free(cache->bytes);
	*cache = (struct pagecache){0};
}

void pagecache_forget(struct pagecache *cache)
{
	memset(cache->addresses, 0, N_PLACES * sizeof(*cache->addresses));
}

static int get_page(struct pagecache *cache, uint64_t page, const char **ret)
{
	const size_t place = page / MEMORY_PAGE_SIZE % N_PLACES;
	char *bytes = cache->bytes + place * MEMORY_PAGE_SIZE;
	int r;

	if (cache->addresses[place] != page) {
		cache->addresses[place] = 0;
		r = memory_read_present(cache->memory, page, bytes, MEMORY_PAGE_SIZE);
		if (r < 0)
			return r;
		cache->addresses[place] = page;
	}
	*ret = bytes;
	return 0;
}

int pagecache_read(struct pagecache *cache, uint64_t address, void *buffer, size_t size)
{
	while (size) {
		const uint64_t page = ALIGN_DOWN(address, (uint64_t)MEMORY_PAGE_SIZE);
		const size_t part = MIN(size, (size_t)(page + MEMORY_PAGE_SIZE - address));
		const char *bytes;
		int r = page ? get_page(cache, page, &bytes) : -EFAULT;

		if (r < 0)
			return r;
		memcpy(buffer, bytes + (address - page), part);
		buffer = (char *)buffer + part;
		address += part;
		size -= part;
	}
	return 0;
}

int pagecache_follow(struct pagecache *cache, uint64_t address, void *buffer, size_t size)
{
	int r = pagecache_read(cache, address, buffer, size);

	return r == -EFAULT ? -EBADMSG : r;
}
