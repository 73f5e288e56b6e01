/* SPDX-License-Identifier: MIT */
/*
 * faultlog.c: the estimator of profiles knows samples by an interval in bytes (estimate.h): a block of
 * size s that was taken at interval i stands for s / (1 - exp(-s / i)) bytes. A page that stands for w
 * pages has the interval that makes it so.
 */
#include "profile/faultlog.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/grow.h"
#include "base/macro.h"
#include "base/map.h"
#include "process/procinfo.h"

enum {
	FRAMES_MAX = 64,
	PAGES_MAX = 1 << 18,
	NS_PER_S = 1000000000,
};

struct faulted {
	uint64_t page;
	uint64_t time_ns;
	uint64_t weight; /* pages that it stands for; 0: it was given back */
	uint32_t site, thread;
};

struct faultlog {
	struct stackwalk *walk;
	struct mt_header header;
	struct mt_site *sites; /* from index 1 on */
	size_t n_sites;
	uint64_t *frames;
	size_t n_frames;
	struct map by_stack;       /* hash of frames: index in sites */
	struct mt_thread *threads; /* from index 1 on */
	size_t n_threads;
	struct map by_tid;
	struct faulted *pages;
	size_t n_pages;
	struct map by_page; /* page: index in pages */
	uint64_t n_samples;
};

int faultlog_new(pid_t pid, struct stackwalk *walk, struct faultlog **ret)
{
	struct faultlog *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	log->walk = walk;
	log->header = (struct mt_header){
		.pid = (uint32_t)pid,
		.mode = MT_MODE_FAULTS,
		.sampling = MT_SAMPLING_AUTO,
		.page_size = MEMORY_PAGE_SIZE,
		.start_ns = clock_ns(CLOCK_MONOTONIC),
		.start_realtime_ns = clock_ns(CLOCK_REALTIME),
		.flags = MT_HEADER_INEXACT,
		.state = MT_STATE_RUNNING,
		.interval = MEMORY_PAGE_SIZE,
	};
	if (GROW(log->sites, log->n_sites) < 0 || GROW(log->threads, log->n_threads) < 0) {
		faultlog_free(log);
		return -ENOMEM;
	}
	log->sites[log->n_sites++] = (struct mt_site){};
	log->threads[log->n_threads++] = (struct mt_thread){};
	*ret = log;
	return 0;
}

struct faultlog *faultlog_free(struct faultlog *log)
{
	if (!log)
		return NULL;
	free(log->sites);
	free(log->frames);
	free(log->threads);
	free(log->pages);
	map_deinit(&log->by_stack);
	map_deinit(&log->by_tid);
	map_deinit(&log->by_page);
	free(log);
	return NULL;
}

const struct mt_header *faultlog_header(const struct faultlog *log)
{
	return &log->header;
}

/* The thread's name can be had while it lives. */
static void name_thread(const struct faultlog *log, struct mt_thread *thread)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	size_t n_threads = 0;

	if (procinfo_read_threads((pid_t)log->header.pid, &threads, &n_threads) < 0)
		return;
	for (size_t i = 0; i < n_threads; i++)
		if ((uint32_t)threads[i].tid == thread->tid)
			memcpy(thread->name, threads[i].name,
			       MIN(sizeof(thread->name), sizeof(threads[i].name)));
}

static int find_thread(struct faultlog *log, const struct faults_sample *sample, uint32_t *ret)
{
	uint64_t *place;
	int r = map_add(&log->by_tid, sample->tid, log->n_threads, &place);

	if (r < 0)
		return r;
	*ret = (uint32_t)*place;
	if (r == 0)
		return 0;
	if (GROW(log->threads, log->n_threads) < 0)
		return -ENOMEM;
	log->threads[log->n_threads] = (struct mt_thread){
		.tid = sample->tid,
		.start_ns = sample->time_ns,
	};
	name_thread(log, &log->threads[log->n_threads++]);
	return 0;
}

/*
 * Frames as a region has them: the module beside the address. A profile takes addresses for those that
 * calls return to; the innermost is the instruction itself, so it is moved behind its first byte.
 */
static size_t take_stack(struct faultlog *log, const struct faults_sample *sample,
			 uint64_t ret[static FRAMES_MAX], bool *ret_truncated)
{
	const size_t n = stackwalk_walk(log->walk, sample, ret, FRAMES_MAX, ret_truncated);

	for (size_t i = 0; i < n; i++) {
		const int module = stackwalk_module_at(log->walk, ret[i]);

		ret[i] = ((ret[i] + (i == 0)) & MT_FRAME_PC_MASK) | (uint64_t)(module + 1) << 48;
	}
	return n;
}

static int add_site(struct faultlog *log, const uint64_t *frames, size_t n, bool truncated,
		    uint64_t hash)
{
	const size_t first = log->n_frames;

	for (size_t i = 0; i < n; i++) {
		if (GROW(log->frames, log->n_frames) < 0)
			return -ENOMEM;
		log->frames[log->n_frames++] = frames[i];
	}
	if (GROW(log->sites, log->n_sites) < 0)
		return -ENOMEM;
	log->sites[log->n_sites++] = (struct mt_site){
		.stack = first,
		.n_frames = (uint32_t)n,
		.kind = MT_SITE_PAGES,
		.flags = truncated ? MT_STACK_TRUNCATED : 0,
		.hash = hash,
		.first_ns = clock_ns(CLOCK_MONOTONIC),
	};
	return 0;
}

static int find_site(struct faultlog *log, const struct faults_sample *sample, uint32_t *ret)
{
	uint64_t frames[FRAMES_MAX], hash, *place;
	bool truncated;
	size_t n = take_stack(log, sample, frames, &truncated);
	int r;

	hash = map_hash_bytes(frames, n * sizeof(frames[0]));
	r = map_add(&log->by_stack, hash, log->n_sites, &place);
	if (r < 0)
		return r;
	*ret = (uint32_t)*place;
	return r == 0 ? 0 : add_site(log, frames, n, truncated, hash);
}

/* Sets weight to 0 where a page is not resident any more. */
static void forget_absent(struct faultlog *log, struct memory *memory)
{
	for (size_t i = 0; memory && i < log->n_pages; i++) {
		struct faulted *faulted = &log->pages[i];
		uint8_t state;

		if (faulted->weight && memory_pages(memory, faulted->page, 1, &state) >= 0 &&
		    (!(state & (MEMORY_RESIDENT | MEMORY_SWAPPED)) || (state & MEMORY_FILE)))
			faulted->weight = 0;
	}
}

/* Leaves out what has gone, and with thin every second one, the others standing for two. */
static int compact(struct faultlog *log, bool thin)
{
	size_t n = 0;

	map_deinit(&log->by_page);
	for (size_t i = 0; i < log->n_pages; i++) {
		struct faulted faulted = log->pages[i];

		if (!faulted.weight || (thin && i % 2))
			continue;
		if (thin)
			faulted.weight *= 2;
		log->pages[n] = faulted;
		if (map_set(&log->by_page, faulted.page, n) < 0)
			return -ENOMEM;
		n++;
	}
	log->n_pages = n;
	return 0;
}

static int make_room(struct faultlog *log)
{
	struct memory *memory = NULL;
	int r;

	if (log->n_pages < PAGES_MAX)
		return 0;
	if (memory_open_pid((pid_t)log->header.pid, &memory) >= 0)
		forget_absent(log, memory);
	memory_free(memory);
	r = compact(log, false);
	return r >= 0 && log->n_pages > PAGES_MAX / 4 * 3 ? compact(log, true) : r;
}

static int add_page(struct faultlog *log, const struct faulted *faulted)
{
	uint64_t *place;
	int r = make_room(log);

	if (r < 0 || GROW(log->pages, log->n_pages) < 0)
		return -ENOMEM;
	r = map_add(&log->by_page, faulted->page, log->n_pages, &place);
	if (r < 0)
		return r;
	if (r == 0) {
		log->pages[*place].weight = 0;
		*place = log->n_pages;
	}
	log->pages[log->n_pages++] = *faulted;
	return 0;
}

int faultlog_add(struct faultlog *log, const struct faults_sample *sample)
{
	struct faulted faulted = {
		.page = ALIGN_DOWN(sample->address, (uint64_t)MEMORY_PAGE_SIZE),
		.time_ns = sample->time_ns,
		.weight = MAX(sample->weight, 1u),
	};
	int r;

	if (stackwalk_is_file(log->walk, sample->address))
		return 0;
	r = find_thread(log, sample, &faulted.thread);
	if (r >= 0)
		r = find_site(log, sample, &faulted.site);
	if (r >= 0)
		r = add_page(log, &faulted);
	if (r < 0)
		return r;
	struct mt_site *site = &log->sites[faulted.site];

	site->alloc_bytes += faulted.weight * MEMORY_PAGE_SIZE;
	site->alloc_blocks += faulted.weight * MT_BLOCKS_ONE;
	site->alloc_samples++;
	log->threads[faulted.thread].alloc_bytes += faulted.weight * MEMORY_PAGE_SIZE;
	log->header.interval = MAX(log->header.interval, faulted.weight * MEMORY_PAGE_SIZE);
	log->n_samples++;
	return 0;
}

/* See above; 0 is exact. */
static uint32_t interval_of(uint64_t weight)
{
	const double page = MEMORY_PAGE_SIZE;

	if (weight <= 1)
		return 0;
	return (uint32_t)MIN(page / -log1p(-1.0 / (double)weight), (double)UINT32_MAX);
}

static int copy_modules(const struct faultlog *log, struct region_snapshot *snapshot)
{
	size_t n, length = 1;
	const struct stackwalk_module *modules = stackwalk_modules(log->walk, &n);

	for (size_t i = 0; i < n; i++)
		length += strlen(modules[i].path) + 1;
	snapshot->modules = calloc(n + 1, sizeof(*snapshot->modules));
	snapshot->strings = calloc(1, length);
	if (!snapshot->modules || !snapshot->strings)
		return -ENOMEM;
	snapshot->n_modules = (uint32_t)n + 1;
	snapshot->n_strings = 1;
	for (size_t i = 0; i < n; i++) {
		struct mt_module *module = &snapshot->modules[i + 1];
		const size_t size = strlen(modules[i].path) + 1;

		*module = (struct mt_module){
			.start = modules[i].start,
			.end = modules[i].end,
			.bias = modules[i].bias,
			.loaded_ns = log->header.start_ns,
			.path = (uint32_t)snapshot->n_strings,
			.path_length = (uint32_t)size - 1,
			.build_id_size = modules[i].build_id_size,
		};
		memcpy(module->build_id, modules[i].build_id, modules[i].build_id_size);
		memcpy(snapshot->strings + snapshot->n_strings, modules[i].path, size);
		snapshot->n_strings += size;
	}
	return 0;
}

static void *copy_of(const void *array, size_t n, size_t size)
{
	void *copy = calloc(n + 1, size);

	return copy && n ? memcpy(copy, array, n * size) : copy;
}

static int copy_pages(const struct faultlog *log, struct region_snapshot *snapshot)
{
	snapshot->live = calloc(log->n_pages + 1, sizeof(*snapshot->live));
	if (!snapshot->live)
		return -ENOMEM;
	for (size_t i = 0; i < log->n_pages; i++) {
		const struct faulted *faulted = &log->pages[i];

		if (faulted->weight)
			snapshot->live[snapshot->n_live++] = (struct mt_live){
				.addr = faulted->page,
				.size = MEMORY_PAGE_SIZE,
				.time_ns = faulted->time_ns,
				.site = faulted->site,
				.thread = faulted->thread,
				.interval = interval_of(faulted->weight),
			};
	}
	return 0;
}

int faultlog_snapshot(struct faultlog *log, struct memory *memory, struct region_snapshot *ret)
{
	struct region_snapshot snapshot = {.header = log->header};
	int r;

	forget_absent(log, memory);
	snapshot.header.samples = log->n_samples;
	snapshot.taken_ns = clock_ns(CLOCK_MONOTONIC);
	snapshot.sites = copy_of(log->sites, log->n_sites, sizeof(*log->sites));
	snapshot.frames = copy_of(log->frames, log->n_frames, sizeof(*log->frames));
	snapshot.threads = copy_of(log->threads, log->n_threads, sizeof(*log->threads));
	snapshot.n_sites = (uint32_t)log->n_sites;
	snapshot.n_frames = log->n_frames;
	snapshot.n_threads = (uint32_t)log->n_threads;
	r = snapshot.sites && snapshot.frames && snapshot.threads ? copy_modules(log, &snapshot)
								  : -ENOMEM;
	if (r >= 0)
		r = copy_pages(log, &snapshot);
	if (r < 0) {
		region_snapshot_deinit(&snapshot);
		return r;
	}
	*ret = snapshot;
	return 0;
}
