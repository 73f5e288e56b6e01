/* SPDX-License-Identifier: MIT */
/*
 * test-region.c: regions that are whole, torn, hostile and gone.
 */
#include "region/region.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "region/ring.h"
#include "tests/support/region-maker.h"
#include "tests/unit/test.h"

static int set_up(void **state)
{
	static struct region_maker maker;

	region_maker_init(&maker);
	region_maker_fill(&maker);
	*state = &maker;
	return 0;
}

static int tear_down(void **state)
{
	region_maker_deinit(*state);
	return 0;
}

static int open_made(const struct region_maker *maker)
{
	_cleanup_(region_freep) struct region *region = NULL;

	return region_open_bytes(maker->bytes, maker->size, &region);
}

static void snapshot_made(const struct region_maker *maker, uint64_t since,
			  struct region_snapshot *ret)
{
	_cleanup_(region_freep) struct region *region = NULL;

	assert_int_equal(region_open_bytes(maker->bytes, maker->size, &region), 0);
	assert_int_equal(region_snapshot(region, since, ret), 0);
}

static void assert_is_the_filled_one(const struct region_snapshot *snapshot)
{
	const struct mt_site *site = &snapshot->sites[1];

	assert_int_equal(snapshot->n_sites, 4);
	assert_int_equal(snapshot->n_live, 3);
	assert_int_equal(snapshot->n_maps, 1);
	assert_int_equal(snapshot->n_modules, 3);
	assert_int_equal(snapshot->n_threads, 3);
	assert_int_equal(snapshot->n_events, 4);
	assert_int_equal(snapshot->n_frames, 6);
	assert_int_equal(snapshot->n_damaged_sites, 0);
	assert_int_equal(snapshot->n_damaged_live, 0);
	assert_int_equal(snapshot->n_damaged_maps, 0);
	assert_int_equal(site->n_frames, 3);
	assert_int_equal(site->alloc_bytes, 300);
	assert_int_equal(site->alloc_blocks, 2 * MT_BLOCKS_ONE);
	assert_int_equal(MT_FRAME_MODULE(snapshot->frames[site->stack]), 2);
	assert_int_equal(MT_FRAME_PC(snapshot->frames[site->stack + 1]), 0x401111);
	assert_string_equal(snapshot->strings + snapshot->modules[2].path, "/usr/lib/libc.so.6");
	assert_int_equal(snapshot->modules[2].path_length, 18);
	assert_string_equal(snapshot->threads[2].name, "worker");
	assert_int_equal(snapshot->live[2].size, 4096);
	assert_int_equal(snapshot->live[2].thread, 2);
	assert_int_equal(snapshot->maps[0].start, 0x7e1000000000);
	assert_int_equal(snapshot->events[1].type, MT_EVENT_ALLOC);
	assert_string_equal(snapshot->header.exe, "/usr/bin/example");
}

static void bytes_give_a_snapshot(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};

	snapshot_made(*state, 0, &snapshot);
	assert_is_the_filled_one(&snapshot);
}

static void counters_can_be_had_alone(void **state)
{
	const struct region_maker *maker = *state;
	_cleanup_(region_freep) struct region *region = NULL;
	struct region_snapshot counted;

	assert_int_equal(region_open_bytes(maker->bytes, maker->size, &region), 0);
	assert_int_equal(region_count(region, &counted), 0);
	assert_int_equal(counted.n_sites, 4);
	assert_int_equal(counted.sites[1].alloc_bytes, 300);
	assert_int_equal(counted.sites[1].alloc_blocks, 2 * MT_BLOCKS_ONE);
	assert_int_equal(counted.n_live, 3);
	assert_int_equal(counted.n_maps, 1);
	assert_int_equal(counted.live[2].size, 4096);
	/* who allocated it is not asked */
	assert_int_equal(counted.live[2].thread, 0);
	assert_int_equal(counted.n_events, 0);
	assert_null(counted.frames);
	assert_true(counted.taken_ns > 0);
	region_snapshot_deinit(&counted);
}

static void frames_that_were_seen_are_not_copied_again(void **state)
{
	const struct region_maker *maker = *state;
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	_cleanup_(region_freep) struct region *region = NULL;
	_cleanup_free_ uint64_t *all = NULL, *rest = NULL, *none = NULL;
	uint64_t n_all, n_rest, n_none;

	assert_int_equal(region_open_bytes(maker->bytes, maker->size, &region), 0);
	assert_int_equal(region_snapshot(region, 0, &snapshot), 0);
	assert_int_equal(region_frames(region, 0, &all, &n_all), 0);
	assert_int_equal(n_all, snapshot.n_frames);
	assert_true(n_all > 1);
	assert_int_equal(region_frames(region, 1, &rest, &n_rest), 0);
	assert_int_equal(n_rest, n_all - 1);
	assert_memory_equal(rest, all + 1, n_rest * sizeof(*rest));
	assert_int_equal(region_frames(region, n_all + 5, &none, &n_none), 0);
	assert_int_equal(n_none, 0);
}

static void descriptors_give_the_same_sealed_or_not(void **state)
{
	const int seals[] = {0, F_SEAL_SHRINK | F_SEAL_GROW};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(seals); i++) {
		_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
		_cleanup_(region_freep) struct region *region = NULL;
		int fd = region_maker_memfd(*state, seals[i]);

		assert_int_equal(region_open_fd(fd, &region), 0);
		close(fd);
		assert_int_equal(region_snapshot(region, 0, &snapshot), 0);
		assert_is_the_filled_one(&snapshot);
	}
}

static void a_file_that_shrinks_is_an_error(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	_cleanup_(region_freep) struct region *region = NULL;
	_cleanup_close_ int fd = region_maker_memfd(*state, 0);

	assert_int_equal(region_open_fd(fd, &region), 0);
	assert_int_equal(ftruncate(fd, 5000), 0);
	assert_int_equal(region_snapshot(region, 0, &snapshot), -ENODATA);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(region_snapshot(region, 0, &snapshot), -ENODATA);
}

static void what_is_no_memfd_is_refused(void **state)
{
	struct region *region;
	int fds[2], fd;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(region_open_fd(fds[0], &region), -EPROTO);
	close(fds[0]);
	close(fds[1]);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(region_open_fd(fd, &region), -EPROTO);
	close(fd);
	assert_int_equal(region_open_fd(-1, &region), -EBADF);
}

static void headers_are_judged(void **state)
{
	struct region_maker *maker = *state;
	struct mt_header *header = maker->header, good = *maker->header;
	struct region *region;

	assert_int_equal(region_open_bytes("", 0, &region), -EPROTO);
	assert_int_equal(region_open_bytes(maker->bytes, 4095, &region), -EPROTO);
	header->magic = 0;
	assert_int_equal(open_made(maker), -EPROTO);
	header->magic = __builtin_bswap64(MT_MAGIC);
	assert_int_equal(open_made(maker), -EPROTO);
	*header = good;
	header->version = MT_VERSION + 1;
	assert_int_equal(open_made(maker), -EPROTONOSUPPORT);
	header->version = 0;
	assert_int_equal(open_made(maker), -EPROTO);
	*header = good;
	header->incompatible = 1ull << 63;
	assert_int_equal(open_made(maker), -EPROTONOSUPPORT);
	*header = good;
	header->compatible = UINT64_MAX;
	assert_int_equal(open_made(maker), 0);
	header->header_size = 64;
	assert_int_equal(open_made(maker), -EPROTO);
}

static void tables_that_leave_the_region_are_refused(void **state)
{
	struct region_maker *maker = *state;
	struct mt_header *header = maker->header, good = *maker->header;
	struct mt_table *table;

	for (table = &header->stacks; table <= &header->strings; table++) {
		const struct mt_table bad[] = {
			{maker->size, table->entry_size, 64},
			{UINT64_MAX - 63, table->entry_size, 64},
			{table->offset + 1, table->entry_size, 1},
			{0, table->entry_size, 1},
			{table->offset, table->entry_size, UINT32_MAX},
			{table->offset, UINT32_MAX, UINT32_MAX},
			{table->offset, 0, 1},
			{table->offset, table->entry_size - 1, 1},
			/* more than a reader has room for, though the region has */
			{header->header_size, 4096 + 64, 1},
		};
		size_t i;

		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			*table = bad[i];
			assert_int_equal(open_made(maker), -EPROTO);
		}
		*header = good;
		*header = good;
	}
}

static void empty_tables_may_say_anything(void **state)
{
	static const struct mt_table empty[] = {{UINT64_MAX, UINT32_MAX, 0}, {1, 0, 0}};
	struct region_maker *maker = *state;
	struct mt_header *header = maker->header, good = *maker->header;
	struct mt_table *table;
	size_t i;

	for (table = &header->stacks; table <= &header->strings; table++) {
		for (i = 0; i < ARRAY_SIZE(empty); i++) {
			_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};

			*table = empty[i];
			snapshot_made(maker, 0, &snapshot);
			assert_int_equal(snapshot.n_sites, table == &header->sites ? 1 : 4);
			*header = good;
		}
	}
}

static void counts_are_cut_to_what_is_there(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	struct region_maker *maker = *state;
	struct mt_header *header = maker->header;

	header->n_sites = header->n_live = header->n_maps = UINT32_MAX;
	header->n_modules = header->n_threads = UINT32_MAX;
	header->n_stacks = header->n_strings = UINT64_MAX;
	snapshot_made(maker, 0, &snapshot);
	assert_int_equal(snapshot.n_sites, header->sites.capacity);
	assert_int_equal(snapshot.n_live, 3);
	assert_int_equal(snapshot.n_maps, 1);
	assert_int_equal(snapshot.n_frames, header->stacks.capacity);
	assert_int_equal(snapshot.n_strings, header->strings.capacity);
}

/* A terabyte that is one hole takes neither memory nor time. */
static void a_huge_hole_is_not_read(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	_cleanup_(region_freep) struct region *region = NULL;
	struct region_maker *maker = *state;
	struct mt_header *header = maker->header;
	const uint64_t size = 1ull << 40;
	struct mt_table *table;
	uint64_t offset = 4096;
	int fd;

	for (table = &header->stacks; table <= &header->strings; table++) {
		table->offset = offset;
		table->capacity = UINT32_MAX;
		offset += ALIGN_UP((uint64_t)table->entry_size * table->capacity, 64);
	}
	/* the first entries of no table are in the file's first kilobytes any more */
	header->region_size = offset < size ? size : ALIGN_UP(offset, 4096);
	header->n_sites = header->n_live = header->n_maps = UINT32_MAX;
	header->n_modules = header->n_threads = UINT32_MAX;
	header->n_stacks = header->n_strings = header->n_events = UINT64_MAX;
	fd = region_maker_memfd(maker, 0);
	assert_int_equal(ftruncate(fd, (off_t)header->region_size), 0);
	assert_int_equal(region_open_fd(fd, &region), 0);
	close(fd);
	assert_int_equal(region_snapshot(region, 0, &snapshot), 0);
	assert_true(snapshot.n_sites < 1 << 16);
	assert_true(snapshot.n_frames < 1 << 20);
	assert_true(snapshot.n_strings < 1 << 22);
	assert_int_equal(snapshot.n_events, 0);
}

static void damaged_sites_take_their_blocks_with_them(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	struct region_maker *maker = *state;
	struct mt_site *site = region_maker_entry(maker, &maker->header->sites, 1);

	site->stack = UINT64_MAX - 1;
	snapshot_made(maker, 0, &snapshot);
	assert_int_equal(snapshot.n_damaged_sites, 1);
	assert_int_equal(snapshot.sites[1].n_frames, 0);
	assert_int_equal(snapshot.n_damaged_live, 2);
	assert_int_equal(snapshot.n_live, 1);
	assert_int_equal(snapshot.events[1].site, 0);
	region_snapshot_deinit(&snapshot);

	site->stack = 0;
	site->n_frames = MT_FRAMES_MAX + 1;
	snapshot_made(maker, 0, &snapshot);
	assert_int_equal(snapshot.n_damaged_sites, 1);
	region_snapshot_deinit(&snapshot);

	site->n_frames = 3;
	site->kind = 77;
	snapshot_made(maker, 0, &snapshot);
	assert_int_equal(snapshot.n_damaged_sites, 1);
	region_snapshot_deinit(&snapshot);

	/* not yet published is not damaged, but what names it is */
	site->kind = MT_SITE_MALLOC;
	site->n_frames = 0;
	snapshot_made(maker, 0, &snapshot);
	assert_int_equal(snapshot.n_damaged_sites, 0);
	assert_int_equal(snapshot.n_damaged_live, 2);
}

static void variances_that_are_none_count_as_nothing(void **state)
{
	const double values[] = {(double)NAN, -1, (double)INFINITY, 2.5};
	struct region_maker *maker = *state;
	struct mt_site *site = region_maker_entry(maker, &maker->header->sites, 1);

	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
		uint64_t bits;

		memcpy(&bits, &values[i], sizeof(bits));
		site->alloc_variance = site->freed_variance = bits;
		snapshot_made(maker, 0, &snapshot);
		assert_int_equal(snapshot.n_damaged_sites, 0);
		assert_int_equal(snapshot.sites[1].alloc_variance, i == 3 ? bits : 0);
		assert_int_equal(snapshot.sites[1].freed_variance, i == 3 ? bits : 0);
	}
}

static void damaged_blocks_and_maps_are_counted(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	struct region_maker *maker = *state;
	struct mt_live *live = region_maker_entry(maker, &maker->header->live, 1);
	struct mt_map *map = region_maker_entry(maker, &maker->header->maps, 1);

	live[0].site = 1000000;
	live[1].addr = UINT64_MAX;
	live[2].thread = 1000000;
	map->size = UINT64_MAX;
	snapshot_made(maker, 0, &snapshot);
	assert_int_equal(snapshot.n_damaged_live, 2);
	assert_int_equal(snapshot.n_live, 1);
	assert_int_equal(snapshot.live[0].thread, 0);
	assert_int_equal(snapshot.n_damaged_maps, 1);
	assert_int_equal(snapshot.n_maps, 0);
}

static void modules_that_make_no_sense_are_no_modules(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	struct region_maker *maker = *state;
	struct mt_module *module = region_maker_entry(maker, &maker->header->modules, 1);
	uint64_t *frame = region_maker_entry(maker, &maker->header->stacks, 5);

	module[0].end = module[0].start;
	module[1].path = UINT32_MAX;
	module[1].build_id_size = 21;
	*frame = 0xffffull << 48 | 0x1234;
	snapshot_made(maker, 0, &snapshot);
	assert_int_equal(snapshot.modules[1].end, 0);
	assert_int_equal(snapshot.frames[1], 0x401111);
	assert_int_equal(snapshot.frames[5], 0x1234);
	assert_int_equal(MT_FRAME_MODULE(snapshot.frames[0]), 2);
	assert_string_equal(snapshot.strings + snapshot.modules[2].path, "");
	assert_int_equal(snapshot.modules[2].build_id_size, 0);
}

static void strings_end_somewhere(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	struct region_maker *maker = *state;
	struct mt_header *header = maker->header;
	struct mt_module *module = region_maker_entry(maker, &header->modules, 1);
	struct mt_thread *thread = region_maker_entry(maker, &header->threads, 1);

	memset(maker->bytes + header->strings.offset, 'x', header->strings.capacity);
	memset(header->exe, 'e', sizeof(header->exe));
	memset(header->cmdline, 'c', sizeof(header->cmdline));
	memset(header->comm, 'o', sizeof(header->comm));
	memset(thread->name, 't', sizeof(thread->name));
	header->n_strings = header->strings.capacity;
	module->path = 1;
	module->path_length = header->strings.capacity - 1;
	snapshot_made(maker, 0, &snapshot);
	assert_int_equal(strlen(snapshot.strings + snapshot.modules[1].path),
			 header->strings.capacity - 1);
	assert_int_equal(strlen(snapshot.header.exe), sizeof(header->exe) - 1);
	assert_int_equal(strlen(snapshot.header.cmdline), sizeof(header->cmdline) - 2);
	assert_int_equal(strlen(snapshot.header.comm), MT_THREAD_NAME - 1);
	assert_int_equal(strlen(snapshot.threads[1].name), MT_THREAD_NAME - 1);
}

static void entries_may_have_grown(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	const uint64_t frames[] = {0x1000, 0x2000};
	struct region_maker maker;

	region_maker_init_grown(&maker, 24);
	region_maker_add_site(&maker, MT_SITE_MALLOC, frames, 2);
	region_maker_add_site(&maker, MT_SITE_MALLOC, frames, 1);
	region_maker_add_live(&maker, 0x5000, 10, 1, 0);
	region_maker_add_live(&maker, 0x6000, 20, 2, 0);
	snapshot_made(&maker, 0, &snapshot);
	assert_int_equal(snapshot.n_live, 2);
	assert_int_equal(snapshot.live[1].size, 20);
	assert_int_equal(snapshot.sites[2].alloc_bytes, 20);
	region_maker_deinit(&maker);
}

static void counters_that_lag_are_filled_in(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	const uint64_t frames[] = {0x1000, 0x2000};
	struct region_maker maker;
	struct mt_thread *thread;
	struct mt_site *site;
	struct mt_live *sampled;

	region_maker_init(&maker);
	for (unsigned i = 1; i <= 2; i++)
		region_maker_add_site(&maker, MT_SITE_MALLOC, frames, i);
	region_maker_add_live(&maker, 0x5000, 10, 1, 0);
	region_maker_add_live(&maker, 0x6000, 30, 1, 0);
	site = region_maker_entry(&maker, &maker.header->sites, 1);
	/* one block was added and is live, the other one was not; a third one was freed by another thread */
	site->alloc_bytes = 4;
	site->own_bytes = 6;
	site->alloc_blocks = 0;
	site->own_blocks = 1;
	site->alloc_samples = 1;
	site->freed_bytes = 7;
	site->freed_blocks = MT_BLOCKS_ONE;
	site->freed_samples = 1;
	/* a site that has allocated more, and a block that stands for others */
	region_maker_add_live(&maker, 0x7000, 5, 2, 0);
	region_maker_add_live(&maker, 0x8000, 50, 2, 0);
	sampled = region_maker_entry(&maker, &maker.header->live, 4);
	sampled->interval = 512;
	site = region_maker_entry(&maker, &maker.header->sites, 2);
	site->alloc_bytes = 20;
	site->own_bytes = 0;
	/* of which a thread that is not its owner counted a part; what is of no site is left out */
	thread = region_maker_entry(&maker, &maker.header->threads,
				    region_maker_add_thread(&maker, 101, "other"));
	thread->tallies[3] = (struct mt_tally){.site = 2, .blocks = 2, .bytes = 100};
	thread->tallies[31] = (struct mt_tally){.site = 77, .blocks = 1, .bytes = 1000};
	snapshot_made(&maker, 0, &snapshot);
	assert_int_equal(snapshot.n_live, 4);
	assert_int_equal(snapshot.sites[1].alloc_bytes, 47);
	assert_int_equal(snapshot.sites[1].alloc_blocks, 3 * MT_BLOCKS_ONE);
	assert_int_equal(snapshot.sites[1].alloc_samples, 3);
	assert_int_equal(snapshot.sites[2].alloc_bytes, 120);
	region_maker_deinit(&maker);
}

static void events_come_in_order_and_missed_ones_are_counted(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	struct region_maker *maker = *state;
	struct mt_event *ring = region_maker_entry(maker, &maker->header->ring, 0);
	uint64_t i;

	for (i = 4; i < 100; i++)
		region_maker_add_event(maker, MT_EVENT_ALLOC, i, i, 1);
	snapshot_made(maker, 0, &snapshot);
	assert_int_equal(snapshot.n_events, 16);
	assert_int_equal(snapshot.n_events_missed, 84);
	for (i = 0; i < 16; i++)
		assert_int_equal(snapshot.events[i].addr, 84 + i);
	region_snapshot_deinit(&snapshot);

	snapshot_made(maker, 98, &snapshot);
	assert_int_equal(snapshot.n_events, 2);
	assert_int_equal(snapshot.events[0].addr, 98);
	assert_int_equal(snapshot.n_events_missed, 0);
	region_snapshot_deinit(&snapshot);

	/* a writer stopped in the middle of one */
	ring[99 % 16].seq = 0;
	snapshot_made(maker, 98, &snapshot);
	assert_int_equal(snapshot.n_events, 1);
	assert_int_equal(snapshot.n_events_missed, 1);
	region_snapshot_deinit(&snapshot);

	snapshot_made(maker, 1000, &snapshot);
	assert_int_equal(snapshot.n_events, 0);
	assert_int_equal(snapshot.n_events_missed, 0);
}

/* In another process, as that process has it mapped: in two lines of maps. */
static void a_process_shows_its_region(void **state)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};
	_cleanup_(region_freep) struct region *region = NULL;
	struct region_maker *maker = *state;
	int fd, ready[2], status;
	char *mapped;
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	fd = region_maker_memfd(maker, F_SEAL_SHRINK);
	mapped = mmap(NULL, maker->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(mapped != MAP_FAILED);
	close(fd);
	madvise(mapped, 4096, MADV_DONTDUMP);
	pid = fork();
	if (!pid) {
		((struct mt_header *)mapped)->pid = (uint32_t)getpid();
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(region_open_pid(pid, &region), 0);
	assert_int_equal(region_address(region), (uintptr_t)mapped);
	assert_int_equal(region_snapshot(region, 0, &snapshot), 0);
	assert_is_the_filled_one(&snapshot);
	/* this process maps it too, and it is not this one's */
	region_free(region);
	region = NULL;
	assert_int_equal(region_open_pid(getpid(), &region), -ENODATA);
	munmap(mapped, maker->size);
	assert_int_equal(region_open_pid(getpid(), &region), -ENODATA);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(region_open_pid(pid, &region), -ESRCH);
}

/* Everybody but root copies the region from where it is. */
static void the_same_user_reads_it_without_privileges(void **state)
{
	struct region_maker *maker = *state;
	int fd, status;
	pid_t pid;
	char *mapped;

	fd = region_maker_memfd(maker, F_SEAL_SHRINK);
	mapped = mmap(NULL, maker->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(mapped != MAP_FAILED);
	close(fd);
	pid = fork();
	if (!pid) {
		struct region_snapshot snapshot = {0};
		struct region *region = NULL;
		int r;

		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		/* changing the user makes a process unreadable, itself included */
		prctl(PR_SET_DUMPABLE, 1);
		((struct mt_header *)mapped)->pid = (uint32_t)getpid();
		r = region_open_pid(getpid(), &region);
		if (r == 0)
			r = region_snapshot(region, 0, &snapshot);
		_exit(r == 0 && snapshot.n_live == 3 && snapshot.n_events == 4 ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	munmap(mapped, maker->size);
	assert_int_equal(status, 0);
}

enum { SNAPSHOTS = 8000 };

struct writer {
	struct region_maker *maker;
	volatile bool stop;
};

/* What the fields of one generation of an entry say of each other. */
static uint64_t size_of(uint64_t time)
{
	return (time * 2654435761u & 0xffffff) + 1;
}

/* Rewrites the same blocks at the same addresses, as the agent does, without a pause. */
static void *write_blocks(void *arg)
{
	struct writer *writer = arg;
	const struct mt_table *table = &writer->maker->header->live;
	uint64_t time;
	uint32_t i;

	for (time = 1; !writer->stop; time++) {
		for (i = 1; i <= 3; i++) {
			struct mt_live *live = region_maker_entry(writer->maker, table, i);

			__atomic_store_n(&live->addr, 0, __ATOMIC_RELAXED);
			__atomic_thread_fence(__ATOMIC_RELEASE);
			__atomic_store_n(&live->size, size_of(time), __ATOMIC_RELAXED);
			__atomic_store_n(&live->time_ns, time, __ATOMIC_RELAXED);
			__atomic_store_n(&live->interval, (uint32_t)size_of(time),
					 __ATOMIC_RELAXED);
			__atomic_store_n(&live->addr, 0x1000 * i, __ATOMIC_RELEASE);
		}
	}
	return NULL;
}

static void check_against_writer(struct region_maker *maker, int seals)
{
	_cleanup_(region_freep) struct region *region = NULL;
	int fd = region_maker_memfd(maker, seals), i;
	struct region_maker shared = *maker;
	struct writer writer = {&shared, false};
	uint64_t n_live = 0, n_damaged = 0, n_torn = 0, n_failed = 0;
	pthread_t thread;
	uint32_t n;

	assert_int_equal(region_open_fd(fd, &region), 0);
	shared.bytes = mmap(NULL, maker->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(shared.bytes != MAP_FAILED);
	shared.header = (struct mt_header *)shared.bytes;
	close(fd);
	assert_int_equal(pthread_create(&thread, NULL, write_blocks, &writer), 0);
	for (i = 0; i < SNAPSHOTS; i++) {
		_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {0};

		n_failed += region_snapshot(region, 0, &snapshot) != 0;
		for (n = 0; n < snapshot.n_live; n++) {
			const struct mt_live *live = &snapshot.live[n];

			/* as it was filled, before the writer began */
			if (live->addr >= 0x10000000)
				continue;
			n_torn += live->size != size_of(live->time_ns) ||
				  live->interval != size_of(live->time_ns);
		}
		n_live += snapshot.n_live;
		n_damaged += snapshot.n_damaged_live;
	}
	writer.stop = true;
	pthread_join(thread, NULL);
	munmap(shared.bytes, maker->size);
	assert_int_equal(n_failed, 0);
	assert_int_equal(n_torn, 0);
	/* each is there, counted, or was seen while it was away */
	assert_true(n_live + n_damaged <= 3 * SNAPSHOTS);
}

static void a_busy_writer_never_gives_a_torn_entry(void **state)
{
	check_against_writer(*state, F_SEAL_SHRINK);
	check_against_writer(*state, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_give_a_snapshot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counters_can_be_had_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frames_that_were_seen_are_not_copied_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(descriptors_give_the_same_sealed_or_not, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_shrinks_is_an_error, set_up, tear_down),
		cmocka_unit_test(what_is_no_memfd_is_refused),
		cmocka_unit_test_setup_teardown(headers_are_judged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tables_that_leave_the_region_are_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(empty_tables_may_say_anything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counts_are_cut_to_what_is_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_huge_hole_is_not_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damaged_sites_take_their_blocks_with_them, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(variances_that_are_none_count_as_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(damaged_blocks_and_maps_are_counted, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(modules_that_make_no_sense_are_no_modules, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(strings_end_somewhere, set_up, tear_down),
		cmocka_unit_test(entries_may_have_grown),
		cmocka_unit_test(counters_that_lag_are_filled_in),
		cmocka_unit_test_setup_teardown(events_come_in_order_and_missed_ones_are_counted,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_busy_writer_never_gives_a_torn_entry, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_process_shows_its_region, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_same_user_reads_it_without_privileges, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
