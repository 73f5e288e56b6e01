/* SPDX-License-Identifier: MIT */
/*
 * region-maker.c: regions for tests and fuzz seeds, made without an agent.
 */
#include "tests/support/region-maker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "region/ring.h"

enum { ENTRIES = 16, STRINGS = 256, FRAMES = 64, ALIGNMENT = 64 };

static void check(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "region-maker: %s\n", what);
	abort();
}

static uint64_t lay_out(struct mt_table *table, uint64_t offset, uint32_t entry_size,
			uint32_t capacity)
{
	*table = (struct mt_table){offset, entry_size, capacity};
	return ALIGN_UP(offset + (uint64_t)entry_size * capacity, ALIGNMENT);
}

void region_maker_init_grown(struct region_maker *maker, uint32_t extra)
{
	struct mt_header header = {
		.version = MT_VERSION,
		.header_size = sizeof(header),
		.pid = 4711,
		.ppid = 1,
		.mode = MT_MODE_PRELOAD,
		.allocator = MT_ALLOCATOR_FAST,
		.sampling = MT_SAMPLING_ALL,
		.page_size = 4096,
		.max_memory = 64 << 20,
		.start_ns = 1000000000,
		.start_realtime_ns = 1700000000000000000,
		.state = MT_STATE_RUNNING,
		.n_sites = 1,
		.n_live = 1,
		.n_maps = 1,
		.n_modules = 1,
		.n_threads = 1,
		.n_strings = 1,
		.exe = "/usr/bin/example",
		.cmdline = "example\0--leak",
		.comm = "example",
	};
	uint64_t end = sizeof(header);

	end = lay_out(&header.stacks, end, sizeof(uint64_t), FRAMES);
	end = lay_out(&header.sites, end, sizeof(struct mt_site) + extra, ENTRIES);
	end = lay_out(&header.live, end, sizeof(struct mt_live) + extra, ENTRIES);
	end = lay_out(&header.maps, end, sizeof(struct mt_map) + extra, ENTRIES);
	end = lay_out(&header.ring, end, sizeof(struct mt_event) + extra, ENTRIES);
	end = lay_out(&header.modules, end, sizeof(struct mt_module) + extra, ENTRIES);
	end = lay_out(&header.threads, end, sizeof(struct mt_thread) + extra, ENTRIES);
	end = lay_out(&header.strings, end, 1, STRINGS);
	header.region_size = end;
	header.magic = MT_MAGIC;
	maker->size = end;
	maker->bytes = calloc(1, end);
	check(maker->bytes != NULL, "no memory");
	maker->header = (struct mt_header *)maker->bytes;
	*maker->header = header;
}

void region_maker_init(struct region_maker *maker)
{
	region_maker_init_grown(maker, 0);
}

void region_maker_deinit(struct region_maker *maker)
{
	free(maker->bytes);
	*maker = (struct region_maker){0};
}

void *region_maker_entry(const struct region_maker *maker, const struct mt_table *table,
			 uint32_t index)
{
	check(index < table->capacity, "no such entry");
	return maker->bytes + table->offset + (uint64_t)index * table->entry_size;
}

uint32_t region_maker_add_string(struct region_maker *maker, const char *text)
{
	uint64_t place = maker->header->n_strings;

	check(place + strlen(text) + 1 <= maker->header->strings.capacity, "too many strings");
	memcpy(maker->bytes + maker->header->strings.offset + place, text, strlen(text) + 1);
	maker->header->n_strings += strlen(text) + 1;
	return (uint32_t)place;
}

uint32_t region_maker_add_module(struct region_maker *maker, const char *path, uint64_t start,
				 uint64_t end)
{
	uint32_t index = maker->header->n_modules++;
	struct mt_module *module = region_maker_entry(maker, &maker->header->modules, index);

	*module = (struct mt_module){
		.start = start,
		.end = end,
		.bias = start,
		.loaded_ns = maker->header->start_ns,
		.path = region_maker_add_string(maker, path),
		.path_length = (uint32_t)strlen(path),
		.build_id_size = 20,
	};
	memset(module->build_id, (int)(0xa0 + index), sizeof(module->build_id));
	return index;
}

uint32_t region_maker_add_thread(struct region_maker *maker, uint32_t tid, const char *name)
{
	uint32_t index = maker->header->n_threads++;
	struct mt_thread *thread = region_maker_entry(maker, &maker->header->threads, index);

	*thread = (struct mt_thread){.tid = tid, .start_ns = maker->header->start_ns};
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	return index;
}

uint32_t region_maker_add_site(struct region_maker *maker, enum mt_site_kind kind,
			       const uint64_t *frames, uint32_t n_frames)
{
	uint32_t index = maker->header->n_sites++;
	struct mt_site *site = region_maker_entry(maker, &maker->header->sites, index);
	uint64_t stack = maker->header->n_stacks;
	uint32_t i;

	for (i = 0; i < n_frames; i++)
		memcpy(region_maker_entry(maker, &maker->header->stacks, (uint32_t)stack + i),
		       &frames[i], sizeof(frames[i]));
	maker->header->n_stacks += n_frames;
	*site = (struct mt_site){
		.stack = stack,
		.n_frames = n_frames,
		.kind = (uint16_t)kind,
		.hash = 0x1234567 * index,
		.first_ns = maker->header->start_ns + index,
	};
	return index;
}

static void count(struct region_maker *maker, uint32_t index, uint64_t size)
{
	struct mt_site *site = region_maker_entry(maker, &maker->header->sites, index);

	/* in turn by the site's owner and by others */
	if (site->alloc_samples % 2) {
		site->own_bytes += size;
		site->own_blocks++;
	} else {
		site->alloc_bytes += size;
		site->alloc_blocks += MT_BLOCKS_ONE;
	}
	site->alloc_samples++;
	maker->header->samples++;
}

uint32_t region_maker_add_live(struct region_maker *maker, uint64_t addr, uint64_t size,
			       uint32_t site, uint32_t thread)
{
	uint32_t index = maker->header->n_live++;
	struct mt_live *live = region_maker_entry(maker, &maker->header->live, index);

	*live = (struct mt_live){
		.addr = addr,
		.size = size,
		.time_ns = maker->header->start_ns + 1000 * index,
		.site = site,
		.thread = thread,
	};
	count(maker, site, size);
	maker->header->live_bytes += size;
	maker->header->peak_live_bytes = maker->header->live_bytes;
	return index;
}

uint32_t region_maker_add_map(struct region_maker *maker, uint64_t start, uint64_t size,
			      uint32_t site, uint32_t flags)
{
	uint32_t index = maker->header->n_maps++;
	struct mt_map *map = region_maker_entry(maker, &maker->header->maps, index);

	*map = (struct mt_map){
		.start = start,
		.size = size,
		.time_ns = maker->header->start_ns + 1000 * index,
		.site = site,
		.flags = flags,
		.prot = PROT_READ | PROT_WRITE,
	};
	count(maker, site, size);
	return index;
}

void region_maker_add_event(struct region_maker *maker, enum mt_event_type type, uint64_t addr,
			    uint64_t size, uint32_t site)
{
	const struct mt_table *ring = &maker->header->ring;
	struct mt_event event = {
		.time_ns = maker->header->start_ns + maker->header->n_events,
		.addr = addr,
		.size = size,
		.site = site,
		.type = (uint16_t)type,
	};

	check(ring->entry_size == sizeof(event), "events of another size");
	ring_put(region_maker_entry(maker, ring, 0), ring->capacity, &maker->header->n_events,
		 &event);
}

void region_maker_fill(struct region_maker *maker)
{
	uint32_t program = region_maker_add_module(maker, "/usr/bin/example", 0x400000, 0x500000);
	uint32_t library = region_maker_add_module(maker, "/usr/lib/libc.so.6", 0x7f0000000000,
						   0x7f0000200000);
	const uint64_t in_program = (uint64_t)program << 48, in_library = (uint64_t)library << 48;
	const uint64_t deep[] = {in_library | 0x7f0000001234, in_program | 0x401111,
				 in_program | 0x402222};
	const uint64_t flat[] = {in_program | 0x403333};
	const uint64_t jit[] = {0x7e0000001000, in_program | 0x404444};
	uint32_t first = region_maker_add_thread(maker, 4711, "example");
	uint32_t second = region_maker_add_thread(maker, 4712, "worker");
	uint32_t sites[3];

	sites[0] = region_maker_add_site(maker, MT_SITE_MALLOC, deep, ARRAY_SIZE(deep));
	sites[1] = region_maker_add_site(maker, MT_SITE_MALLOC, flat, ARRAY_SIZE(flat));
	sites[2] = region_maker_add_site(maker, MT_SITE_MMAP, jit, ARRAY_SIZE(jit));
	region_maker_add_live(maker, 0x10000010, 100, sites[0], first);
	region_maker_add_live(maker, 0x10000110, 200, sites[0], second);
	region_maker_add_live(maker, 0x10000210, 4096, sites[1], second);
	region_maker_add_map(maker, 0x7e1000000000, 65536, sites[2], MT_MAP_ANON);
	region_maker_add_event(maker, MT_EVENT_THREAD_START, 0, 0, 0);
	region_maker_add_event(maker, MT_EVENT_ALLOC, 0x10000010, 100, sites[0]);
	region_maker_add_event(maker, MT_EVENT_FREE, 0x10000020, 50, sites[1]);
	region_maker_add_event(maker, MT_EVENT_MAP, 0x7e1000000000, 65536, sites[2]);
}

int region_maker_memfd(const struct region_maker *maker, int seals)
{
	int fd = memfd_create(MT_REGION_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	check(fd >= 0, "memfd_create");
	check(write(fd, maker->bytes, maker->size) == (ssize_t)maker->size, "write");
	check(!seals || fcntl(fd, F_ADD_SEALS, seals) == 0, "seals");
	return fd;
}
