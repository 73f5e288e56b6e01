/* SPDX-License-Identifier: MIT */
/*
 * session.c: writes a session of a large program that was never run, through the writer of the real
 * ones: what a verb does with it, and how long it takes, can then be looked at without hours of work.
 *
 * Stacks are paths through a tree of calls: near main few places lead to many, further in they spread, as in
 * real programs. So stacks share their outer locations, all of them have the same depth, and no two are equal.
 * Everything comes from one seed, so the same arguments give the same file.
 *
 * usage: session FILE [SITES [DEPTH]], 100,000 and 30 if not given
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "profile/course.h"
#include "profile/session.h"

enum {
	N_MODULES = 40,
	N_LOCATIONS = 100000,
	N_FUNCTIONS = 30000,
	N_FILES = 2000,
	N_THREADS = 65,
	N_MOMENTS = 600,
	N_FOLLOWED = 512, /* sites with a course */
	BLOCKS_PER_SITE = 3,
};
static const double STARTED = 1700000000;

static uint64_t seed = 88172645463325252;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static void *allocate(size_t n, size_t size)
{
	void *array = calloc(n + 1, size);

	if (!array) {
		(void)fputs("session: no memory\n", stderr);
		exit(1);
	}
	return array;
}

static const char *text(struct profile *profile, const char *format, uint64_t a, uint64_t b)
{
	char buffer[256];
	const char *pooled;

	(void)snprintf(buffer, sizeof(buffer), format, (unsigned long)a, (unsigned long)b);
	pooled = string_pool_add(profile->strings, buffer);
	if (!pooled)
		exit(1);
	return pooled;
}

static void add_process(struct profile *profile)
{
	struct profile_process *process = &profile->process;

	process->pid = 4711;
	process->ppid = 1;
	process->exe = strdup("/srv/shop/bin/shopd");
	process->comm = strdup("shopd");
	process->state = PROFILE_RUNNING;
	process->started_at = STARTED;
	process->captured_at = STARTED + N_MOMENTS;
	process->n_threads = N_THREADS - 1;
	profile->agent.mode = MT_MODE_PRELOAD;
	profile->agent.allocator = MT_ALLOCATOR_FAST;
	profile->agent.sampling = MT_SAMPLING_INTERVAL;
	profile->agent.interval = 512 << 10;
	profile->threads = allocate(N_THREADS, sizeof(*profile->threads));
	profile->n_threads = N_THREADS;
	for (uint32_t i = 1; i < N_THREADS; i++) {
		profile->threads[i].tid = 4711 + i;
		(void)snprintf(profile->threads[i].name, sizeof(profile->threads[i].name),
			       "worker-%u", i);
	}
}

static void add_modules(struct profile *profile)
{
	profile->modules = allocate(N_MODULES, sizeof(*profile->modules));
	profile->n_modules = N_MODULES;
	for (uint64_t i = 0; i < N_MODULES; i++) {
		struct profile_module *module = &profile->modules[i];

		module->path = strdup(text(profile, "/srv/shop/lib/libshop-%lu.so", i, 0));
		module->start = module->bias = 0x7f0000000000 + (i << 28);
		module->end = module->start + (1 << 26);
		module->build_id_size = 20;
		memset(module->build_id, (int)i, 20);
	}
}

/* Every other location has a call inlined into it. */
static void add_locations(struct profile *profile)
{
	profile->locations = allocate(N_LOCATIONS, sizeof(*profile->locations));
	profile->frames = allocate(2 * N_LOCATIONS, sizeof(*profile->frames));
	profile->n_locations = N_LOCATIONS;
	for (uint32_t i = 0; i < N_LOCATIONS; i++) {
		struct profile_location *location = &profile->locations[i];

		location->module = (uint32_t)draw(N_MODULES);
		location->address = profile->modules[location->module].start + 16ull * i;
		location->first_frame = (uint32_t)profile->n_frames;
		location->n_frames = 1 + i % 2;
		for (uint32_t f = 0; f < location->n_frames; f++)
			profile->frames[profile->n_frames++] = (struct profile_frame){
				.function = text(
					profile,
					"shop::Basket<std::string, long>::step%lu(unsigned long, "
					"std::vector<shop::Item> const&)",
					draw(N_FUNCTIONS), 0),
				.file = text(profile, "/srv/shop/src/part%lu/basket%lu.cc",
					     draw(40), draw(N_FILES)),
				.line = (uint32_t)draw(3000) + 1,
				.offset = draw(2000),
				.inlined = f + 1 < location->n_frames,
			};
	}
}

/* The location of a call: the same for all stacks whose outer part is the same. */
static uint32_t location_at(uint64_t path, uint32_t depth)
{
	const uint64_t key[2] = {path, depth};

	return (uint32_t)(map_hash_bytes(key, sizeof(key)) % N_LOCATIONS);
}

static void add_site(struct profile *profile, uint32_t index, uint32_t depth)
{
	struct profile_site *site = &profile->sites[index];
	uint64_t path = 0;

	*site = (struct profile_site){
		.id = map_hash_bytes(&index, sizeof(index)),
		.kind = MT_SITE_MALLOC,
		.first_location = (uint32_t)profile->n_location_refs,
		.n_locations = depth,
		.live_bytes = (1ull << 28) / (index + 1) + 1000,
		.live_blocks = BLOCKS_PER_SITE,
		.oldest_age_s = 590,
		.youngest_age_s = 5,
		.growth = NAN,
		.first_thread = (uint32_t)profile->n_thread_refs,
		.n_threads = 2,
		.n_samples = BLOCKS_PER_SITE,
	};
	site->live_stderr = (double)site->live_bytes / 2;
	site->allocated_bytes = site->live_bytes * 3;
	site->allocated_blocks = site->live_blocks * 3;
	site->freed_bytes = site->live_bytes * 2;
	site->freed_blocks = site->live_blocks * 2;
	for (uint32_t i = 0; i < depth; i++) {
		path = path * 31 + draw(i < 2 ? 1 : 2) + (i + 1 == depth ? index : 0);
		profile->location_refs[site->first_location + depth - 1 - i] = location_at(path, i);
	}
	profile->n_location_refs += depth;
	for (uint32_t i = 0; i < site->n_threads; i++)
		profile->thread_refs[profile->n_thread_refs++] = 1 + (index + i) % (N_THREADS - 1);
	profile->heap.live_bytes += site->live_bytes;
	profile->heap.live_blocks += site->live_blocks;
}

static void add_sites(struct profile *profile, uint32_t n, uint32_t depth)
{
	profile->sites = allocate(n, sizeof(*profile->sites));
	profile->location_refs = allocate((size_t)n * depth, sizeof(uint32_t));
	profile->thread_refs = allocate(2 * (size_t)n, sizeof(uint32_t));
	profile->blocks = allocate((size_t)n * BLOCKS_PER_SITE, sizeof(*profile->blocks));
	profile->n_sites = n;
	for (uint32_t i = 0; i < n; i++) {
		add_site(profile, i, depth);
		for (uint32_t b = 0; b < BLOCKS_PER_SITE; b++)
			profile->blocks[profile->n_blocks++] = (struct profile_block){
				.address = 0x7e0000000000 + 4096 * draw(1 << 24),
				.size = profile->sites[i].live_bytes / BLOCKS_PER_SITE,
				.age_s = 5 + (double)draw(585),
				.site = i,
				.thread = (uint32_t)draw(N_THREADS),
				.interval = profile->agent.interval,
			};
	}
	profile->heap.allocated_bytes = profile->heap.live_bytes * 3;
	profile->heap.allocated_blocks = profile->heap.live_blocks * 3;
	profile->heap.freed_bytes = profile->heap.live_bytes * 2;
	profile->heap.freed_blocks = profile->heap.live_blocks * 2;
}

static void add_course(struct profile *profile)
{
	const uint32_t n = (uint32_t)MIN(profile->n_sites, (size_t)N_FOLLOWED);

	profile->moments = allocate(N_MOMENTS, sizeof(*profile->moments));
	profile->points = allocate((size_t)n * N_MOMENTS, sizeof(*profile->points));
	profile->n_moments = N_MOMENTS;
	for (uint32_t m = 0; m < N_MOMENTS; m++)
		profile->moments[m] = (struct profile_moment){
			.at = STARTED + m,
			.rss = profile->heap.live_bytes * (m + 1) / N_MOMENTS,
			.anon = profile->heap.live_bytes * (m + 1) / N_MOMENTS,
			.live = profile->heap.live_bytes * (m + 1) / N_MOMENTS,
			.highest_rss = profile->heap.live_bytes * (m + 1) / N_MOMENTS,
			.highest_live = profile->heap.live_bytes * (m + 1) / N_MOMENTS,
			.allocated = profile->heap.allocated_bytes * (m + 1) / N_MOMENTS,
		};
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t m = 0; m < N_MOMENTS; m++)
			profile->points[profile->n_points++] = (struct profile_point){
				.site = i,
				.moment = m,
				.live_bytes = profile->sites[i].live_bytes * (m + 1) / N_MOMENTS,
				.live_blocks = BLOCKS_PER_SITE,
				.allocated_bytes =
					profile->sites[i].allocated_bytes * (m + 1) / N_MOMENTS,
				.allocated_blocks = profile->sites[i].allocated_blocks,
			};
	if (course_find_growth(profile) < 0)
		exit(1);
}

int main(int argc, char **argv)
{
	const uint32_t n_sites = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100000;
	const uint32_t depth = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 30;
	_cleanup_(profile_freep) struct profile *profile = profile_new();
	int r;

	if (argc < 2 || argc > 4 || n_sites == 0 || depth == 0) {
		(void)fputs("usage: session FILE [SITES [DEPTH]]\n", stderr);
		return 2;
	}
	if (!profile)
		return 1;
	add_process(profile);
	add_modules(profile);
	add_locations(profile);
	add_sites(profile, n_sites, depth);
	add_course(profile);
	r = profile_is_valid(profile) ? session_write(profile, argv[1]) : -EINVAL;
	if (r < 0)
		(void)fprintf(stderr, "session: %s: %s\n", argv[1], strerror(-r));
	return r < 0;
}
