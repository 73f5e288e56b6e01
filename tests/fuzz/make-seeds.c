/* SPDX-License-Identifier: MIT */
/*
 * make-seeds.c: writes the regions that the corpus of fuzz-region begins with, and that a new version of
 * the format has to write anew: make-seeds FOLDER
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "region/region.h"
#include "tests/support/region-maker.h"

static const char *folder;

static void save(const char *name, const struct region_maker *maker, size_t size)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (file_write(path, maker->bytes, size) < 0) {
		fprintf(stderr, "cannot write %s\n", path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct region_maker maker;
	struct mt_site *site;
	int i;

	if (argc != 2)
		return 2;
	folder = argv[1];

	region_maker_init(&maker);
	save("empty", &maker, sizeof(struct mt_header));
	region_maker_fill(&maker);
	save("filled", &maker, maker.size);
	save("cut", &maker, maker.size / 2);
	maker.header->n_sites = maker.header->n_live = maker.header->n_maps = UINT32_MAX;
	maker.header->n_stacks = maker.header->n_strings = UINT64_MAX;
	maker.header->n_modules = maker.header->n_threads = UINT32_MAX;
	save("counts", &maker, maker.size);
	site = region_maker_entry(&maker, &maker.header->sites, 1);
	site->stack = UINT64_MAX;
	save("site", &maker, maker.size);
	region_maker_deinit(&maker);

	region_maker_init(&maker);
	region_maker_fill(&maker);
	for (i = 0; i < 100; i++)
		region_maker_add_event(&maker, MT_EVENT_ALLOC, 0x1000 + (uint64_t)i, 1, 1);
	save("ring", &maker, maker.size);
	region_maker_deinit(&maker);

	region_maker_init_grown(&maker, 16);
	save("grown", &maker, maker.size);
	region_maker_deinit(&maker);
	return 0;
}
