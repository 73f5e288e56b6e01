/* SPDX-License-Identifier: MIT */
#include "sample-profile.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "profile/course.h"
#include "profile/estimate.h"

static const struct profile_module sample_modules[] = {
	{.build_id = {0xab, 0xcd, 0xef},
	 .build_id_size = 3,
	 .start = 0x555555554000,
	 .end = 0x555555564000,
	 .bias = 0x555555554000},
	{.start = 0x7ffff7c00000, .end = 0x7ffff7e00000, .bias = 0x7ffff7c00000},
	{.start = 0x7ffff7a00000, .end = 0x7ffff7a10000, .bias = 0x7ffff7a00000, .unloaded = true},
};
static const char *const sample_paths[] = {"/srv/app/leaky", "/lib/x86_64-linux-gnu/libc.so.6",
					   "/srv/app/plugin.so"};

static const struct profile_frame sample_frames[] = {
	{"make_node", "/srv/app/src/list.c", NULL, 42, 12, true},
	{"build_list", "/srv/app/src/list.c", NULL, 60, 96, false},
	{"main", "/srv/app/src/main.c", NULL, 12, 40, false},
	{"__libc_start_call_main", NULL, "no debug information", 0, 120, false},
	{"map_cache", "/srv/app/src/cache.c", NULL, 9, 16, false},
	{"strdup", NULL, "no debug information", 0, 26, false},
	{"parse_line", "/srv/app/src/config.c", NULL, 88, 33, false},
	{NULL, NULL, "no symbols", 0, 0, false},
	{NULL, NULL, "no module", 0, 0, false},
};

static const struct profile_location sample_locations[] = {
	{0x555555555200, 0, 0, 2}, {0x555555555300, 0, 2, 1},
	{0x7ffff7c29d90, 1, 3, 1}, {0x555555555400, 0, 4, 1},
	{0x7ffff7c9a540, 1, 5, 1}, {0x555555555500, 0, 6, 1},
	{0x7ffff7a01234, 2, 7, 1}, {0x00007fffe0001000, PROFILE_NO_MODULE, 8, 1},
};
static const uint32_t sample_refs[] = {0, 1, 2, 3, 1, 2, 4, 5, 1, 2, 6, 7, 1, 2};

static const struct profile_site sample_sites[] = {
	{.id = 0x1111111111111111,
	 .kind = MT_SITE_MALLOC,
	 .first_location = 0,
	 .n_locations = 3,
	 .live_bytes = 1 << 20,
	 .live_blocks = 4,
	 .allocated_bytes = 1 << 20,
	 .allocated_blocks = 4,
	 .oldest_age_s = 12,
	 .youngest_age_s = 0.25,
	 .first_thread = 0,
	 .n_threads = 2,
	 .n_samples = 4},
	{.id = 0x2222222222222222,
	 .kind = MT_SITE_MMAP,
	 .first_location = 3,
	 .n_locations = 3,
	 .live_bytes = 65536,
	 .live_blocks = 1,
	 .allocated_bytes = 65536,
	 .allocated_blocks = 1,
	 .oldest_age_s = 12,
	 .youngest_age_s = 12,
	 .first_thread = 2,
	 .n_threads = 1,
	 .n_samples = 1,
	 .map_flags = MT_MAP_ANON},
	{.id = 0x3333333333333333,
	 .kind = MT_SITE_MALLOC,
	 .first_location = 6,
	 .n_locations = 4,
	 .live_bytes = 1960,
	 .live_blocks = 40,
	 .allocated_bytes = 4900,
	 .allocated_blocks = 100,
	 .freed_bytes = 2940,
	 .freed_blocks = 60,
	 .oldest_age_s = 11,
	 .youngest_age_s = 11,
	 .first_thread = 3,
	 .n_threads = 1,
	 .n_samples = 40},
	{.id = 0x4444444444444444,
	 .kind = MT_SITE_MALLOC,
	 .first_location = 10,
	 .n_locations = 4,
	 .allocated_bytes = 4000,
	 .allocated_blocks = 10,
	 .freed_bytes = 4000,
	 .freed_blocks = 10,
	 .oldest_age_s = -1,
	 .youngest_age_s = -1},
};
static const uint32_t sample_thread_refs[] = {1, 2, 1, 1};

static const struct profile_thread sample_threads[] = {
	{0},
	{.tid = 4711, .name = "leaky", .allocated_bytes = 1000000},
	{.tid = 4712, .name = "worker", .ended = true, .allocated_bytes = 122972},
};

static void *copy(const void *from, size_t size)
{
	void *to = malloc(size);

	assert(to);
	return memcpy(to, from, size);
}
#define COPY_TABLE(profile, table)                                               \
	do {                                                                     \
		(profile)->table = copy(sample_##table, sizeof(sample_##table)); \
		(profile)->n_##table = ARRAY_SIZE(sample_##table);               \
	} while (0)

static void add_blocks(struct profile *profile)
{
	profile->blocks = calloc(64, sizeof(*profile->blocks));
	assert(profile->blocks);
	for (unsigned i = 0; i < 4; i++)
		profile->blocks[profile->n_blocks++] = (struct profile_block){
			.address = 0x10000000 + i * 0x40000,
			.size = 262144,
			.age_s = i == 3 ? 0.25 : 12 - i * 3,
			.site = 0,
			.thread = i % 2 + 1,
		};
	profile->blocks[profile->n_blocks++] = (struct profile_block){
		.address = 0x7ffff0000000,
		.size = 65536,
		.age_s = 12,
		.site = 1,
		.thread = 1,
		.flags = MT_MAP_ANON,
	};
	for (unsigned i = 0; i < 40; i++)
		profile->blocks[profile->n_blocks++] = (struct profile_block){
			.address = 0x20000000 + i * 64,
			.size = 49,
			.age_s = 11,
			.site = 2,
			.thread = 1,
		};
}

static void describe_process(struct profile_process *process)
{
	static const char *const arguments[] = {"./leaky", "--mode", "with space"};

	process->pid = 4711;
	process->ppid = 4000;
	process->exe = strdup("/srv/app/leaky");
	process->comm = strdup("leaky");
	process->cmdline = calloc(4, sizeof(char *));
	assert(process->exe && process->comm && process->cmdline);
	for (size_t i = 0; i < 3; i++)
		process->cmdline[i] = strdup(arguments[i]);
	process->state = PROFILE_EXITED;
	process->exit_status = 0;
	process->started_at = 1700000000;
	process->captured_at = 1700000012.5;
}

struct profile *sample_profile(void)
{
	struct profile *profile = profile_new();

	assert(profile);
	describe_process(&profile->process);
	profile->agent = (struct profile_agent){
		.mode = MT_MODE_PRELOAD,
		.allocator = MT_ALLOCATOR_FAST,
		.sampling = MT_SAMPLING_AUTO,
		.exact = true,
		.samples = 114,
		.own_bytes = 294912,
		.overhead_ratio = -1,
	};
	profile->heap = (struct profile_heap){
		.live_bytes = (1 << 20) + 1960,
		.live_blocks = 44,
		.allocated_bytes = (1 << 20) + 4900 + 4000,
		.allocated_blocks = 114,
		.freed_bytes = 2940 + 4000,
		.freed_blocks = 70,
		.peak_live_bytes = 1055536,
		.mapped_bytes = 65536,
	};
	COPY_TABLE(profile, modules);
	for (size_t i = 0; i < profile->n_modules; i++)
		profile->modules[i].path = strdup(sample_paths[i]);
	COPY_TABLE(profile, frames);
	COPY_TABLE(profile, locations);
	profile->location_refs = copy(sample_refs, sizeof(sample_refs));
	profile->n_location_refs = ARRAY_SIZE(sample_refs);
	COPY_TABLE(profile, sites);
	for (size_t i = 0; i < profile->n_sites; i++)
		profile->sites[i].growth = NAN;
	COPY_TABLE(profile, threads);
	COPY_TABLE(profile, thread_refs);
	add_blocks(profile);
	assert(profile_is_valid(profile));
	return profile;
}

struct profile *sample_profile_estimated(void)
{
	struct profile *profile = sample_profile();
	struct estimate live = {};

	profile->process.state = PROFILE_RUNNING;
	profile->process.exit_status = -1;
	profile->process.n_threads = 2;
	profile->process.rss = 5 << 20;
	profile->agent.exact = false;
	profile->agent.sampling = MT_SAMPLING_INTERVAL;
	profile->agent.interval = 64 << 10;
	profile->agent.lost_allocations = 3;
	for (unsigned i = 0; i < 4; i++) {
		profile->blocks[i].interval = 64 << 10;
		estimate_add(&live, profile->blocks[i].size, profile->blocks[i].interval);
	}
	profile->sites[0].live_bytes = profile->sites[0].allocated_bytes =
		estimate_round(live.bytes);
	profile->sites[0].live_stderr = profile->heap.live_stderr = estimate_stderr(&live);
	profile->heap.live_bytes = estimate_round(live.bytes) + 1960;
	profile->heap.peak_live_bytes = profile->heap.live_bytes;
	profile->heap.allocated_bytes = profile->heap.live_bytes + profile->heap.freed_bytes;
	assert(profile_is_valid(profile));
	return profile;
}

struct profile *sample_profile_watched(void)
{
	enum { N = 25 };
	struct profile *profile = sample_profile();

	profile->moments = calloc(N, sizeof(*profile->moments));
	profile->points = calloc(N, sizeof(*profile->points));
	assert(profile->moments && profile->points);
	for (uint32_t i = 0; i < N; i++) {
		const uint64_t rss = (1 << 20) + (uint64_t)i * (1 << 19);

		profile->moments[i] = (struct profile_moment){
			.at = profile->process.started_at + i / 2.0,
			.rss = rss,
			.anon = rss / 2,
			.live = 100000 + (uint64_t)i * 40000,
			.allocated = (uint64_t)i * (1 << 19),
			.highest_rss = rss,
			.highest_live = 100000 + (uint64_t)i * 40000,
		};
		profile->points[i] = (struct profile_point){
			.moment = i,
			.live_bytes = 98040 + (uint64_t)i * 40000,
			.live_blocks = 4,
			.allocated_bytes = 98040 + (uint64_t)i * 40000,
			.allocated_blocks = 4,
		};
	}
	profile->n_moments = profile->n_points = N;
	course_find_growth(profile);
	assert(profile_is_valid(profile));
	return profile;
}
