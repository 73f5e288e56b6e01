/* SPDX-License-Identifier: MIT */
/*
 * fuzz-core.c: core files that no kernel wrote. Mappings are in order, every address of what counts as
 * resident can be read, and nothing is read twice as two things.
 */
#include "process/core.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "process/memory.h"
#include "process/objects.h"
#include "process/textscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGES_MAX = 64, TABLE_MAX = 1 << 20 };

static void check_mapping(struct core *core, const struct mapping *mapping)
{
	uint8_t pages[PAGES_MAX];
	char bytes[2];
	size_t n = (mapping->end - mapping->start) / MEMORY_PAGE_SIZE;

	n = n < PAGES_MAX ? n : PAGES_MAX;
	if (core_pages(core, mapping->start, n, pages) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (pages[i] == MEMORY_RESIDENT &&
		    core_read(core, mapping->start + i * MEMORY_PAGE_SIZE, bytes, 1) < 0)
			abort();
	(void)core_read(core, mapping->end - 1, bytes, 1);
	(void)core_read(core, mapping->end - 1, bytes, 2);
}

/* What is read out of blocks: each mapping's beginning is taken for some. */
static void check_contents(struct core *core)
{
	struct space space = {.core = core, .maps = core_maps(core), .info = core_info(core)};
	struct objects objects;
	struct textscan scan;

	if (memory_open_core(core, &space.memory) < 0)
		return;
	textscan_init(&scan, false, 4, TABLE_MAX);
	if (objects_init(&objects, &space) == 0) {
		for (size_t i = 0; i < space.maps->n_mappings; i++) {
			const struct mapping *mapping = &space.maps->mappings[i];
			struct arenas_block block = {.address = mapping->start, .size = 64};

			for (; block.address < mapping->start + MEMORY_PAGE_SIZE;
			     block.address += 8)
				(void)objects_add(&block, &objects);
			(void)textscan_range(&scan, &objects.window, mapping->start,
					     mapping->start + MEMORY_PAGE_SIZE);
		}
		if (objects.known_blocks + objects.absent_blocks > objects.in_use_blocks)
			abort();
		objects_rank(&objects, OBJECTS_BY_BYTES);
		objects_deinit(&objects);
	}
	textscan_deinit(&scan);
	memory_free(space.memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("core", MFD_CLOEXEC);
	struct core *core;
	const struct maps *maps;

	if (fd < 0 || file_write_fd(fd, data, size) < 0 || core_open_fd(fd, NULL, &core) < 0)
		return 0;
	maps = core_maps(core);
	if (core_measure(core) == 0 &&
	    core_info(core)->rss > size + MEMORY_PAGE_SIZE * maps->n_mappings)
		abort();
	for (size_t i = 0; i < maps->n_mappings; i++) {
		if (i && maps->mappings[i].start < maps->mappings[i - 1].end)
			abort();
		check_mapping(core, &maps->mappings[i]);
	}
	check_contents(core);
	core_free(core);
	return 0;
}
