/* SPDX-License-Identifier: MIT */
/*
 * writer.c: makes regions and lays them out.
 *
 * A region is a memfd of its final size from the start, sparse, mapped shared. Once it is mapped it is
 * sealed against shrinking and growing, so that a reader cannot fault on it, and against further
 * writable mappings. Its descriptor lives for as long as it takes to hand it over.
 *
 *	| header | stacks | sites | live | maps | threads | strings | ring | modules |
 *
 * Each table begins on a boundary of 64 KiB, the largest page size.
 *
 * Context: writer_create on the thread that starts recording, writer_create_child under the lock of
 * fork-guard.h.
 */
#include "agent/core/writer.h"

#include "agent/core/core.h"
#include "agent/core/sys.h"
#include "agent/core/writer-fill.h"

enum {
	WRITER_MIN_MEMORY = 1 << 20,
	WRITER_MFD_CLOEXEC = 1,
	WRITER_MFD_ALLOW_SEALING = 2,
	WRITER_MFD_NOEXEC_SEAL = 8,
	WRITER_F_ADD_SEALS = 1033,
	WRITER_SEALS = 2 | 4 | 16, /* F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE */
	WRITER_RLIMIT_FSIZE = 1,
	WRITER_RLIMIT_DATA = 2,
	WRITER_RLIMIT_AS = 9,
};

struct writer writer;

static uint64_t writer_limit(int resource)
{
	uint64_t limit[2] = {UINT64_MAX, UINT64_MAX};

	sys_call4(SYS_NR_prlimit64, 0, resource, 0, (long)limit);
	return limit[0];
}

/*
 * Fills in the tables of a region for that much memory; returns the region's size. Each of the large
 * ones could take a good part of the memory for itself; what all may take together is counted as they are
 * made ready.
 */
static uint64_t writer_lay_out(const struct core_config *config, uint64_t memory,
			       struct mt_table *ret_tables)
{
	uint64_t live = memory / (sizeof(struct mt_live) + WRITER_LIVE_MIRROR);
	uint64_t n[WRITER_N_TABLES] = {
		[WRITER_STACKS] = memory / 2 / sizeof(uint64_t),
		[WRITER_SITES] = memory / 4 / sizeof(struct mt_site),
		/* auto keeps its samples far fewer than this (sampler.c) */
		[WRITER_LIVE] = config->sampling == MT_SAMPLING_AUTO ? MIN(live, 65536) : live,
		[WRITER_MAPS] = memory / 16 / sizeof(struct mt_map),
		/* a power of two (region/ring.h); all of it is touched soon, and readers show some hundred */
		[WRITER_RING] =
			config->sampling != MT_SAMPLING_AUTO && memory >= 8 << 20 ? 1024 : 256,
		[WRITER_MODULES] = MIN(memory / 64 / sizeof(struct mt_module), 4096),
		[WRITER_THREADS] = MIN(memory / 8 / sizeof(struct mt_thread), 65535),
		[WRITER_STRINGS] = MIN(memory / 64, 1 << 20),
	};
	uint64_t offset = WRITER_STEP;

	for (unsigned i = 0; i < WRITER_N_TABLES; i++) {
		ret_tables[i].offset = offset;
		ret_tables[i].entry_size = writer_entry_size[i];
		ret_tables[i].capacity = (uint32_t)MIN(n[i], 0x3fffffff);
		offset += ALIGN_UP((uint64_t)ret_tables[i].capacity * writer_entry_size[i],
				   (uint64_t)WRITER_STEP);
	}
	return offset;
}

static void writer_set_pointers(struct mt_header *header)
{
	char *base = (char *)header;

	writer.stacks = (void *)(base + header->stacks.offset);
	writer.sites = (void *)(base + header->sites.offset);
	writer.live = (void *)(base + header->live.offset);
	writer.maps = (void *)(base + header->maps.offset);
	writer.ring = (void *)(base + header->ring.offset);
	writer.modules = (void *)(base + header->modules.offset);
	writer.threads = (void *)(base + header->threads.offset);
	writer.strings = base + header->strings.offset;
	writer.stacks_capacity = header->stacks.capacity;
	writer.sites_capacity = header->sites.capacity;
	writer.live_capacity = header->live.capacity;
	writer.maps_capacity = header->maps.capacity;
	writer.ring_capacity = header->ring.capacity;
	writer.modules_capacity = header->modules.capacity;
	writer.threads_capacity = header->threads.capacity;
	writer.strings_capacity = header->strings.capacity;
	writer.region_size = header->region_size;
	writer.header = header;
}

/* No reader can fault on it, or write to it, from now on. */
static void writer_seal(int fd, void *base, uint64_t size)
{
	sys_call3(SYS_NR_fcntl, fd, WRITER_F_ADD_SEALS, WRITER_SEALS);
	sys_madvise(base, size, SYS_MADV_DONTDUMP);
	sys_madvise(base, size, SYS_MADV_NOHUGEPAGE);
}

/* A memfd of that size, mapped, not yet sealed. */
static int writer_map_new(uint64_t size, int *ret_fd, void **ret_base)
{
	int flags = WRITER_MFD_CLOEXEC | WRITER_MFD_ALLOW_SEALING;
	long fd, base;

	fd = sys_call3(SYS_NR_memfd_create, (long)MT_REGION_NAME, flags | WRITER_MFD_NOEXEC_SEAL,
		       0);
	if (fd == -SYS_EINVAL) /* before Linux 6.3 */
		fd = sys_call3(SYS_NR_memfd_create, (long)MT_REGION_NAME, flags, 0);
	if (fd < 0)
		return (int)fd;
	base = sys_call3(SYS_NR_ftruncate, fd, (long)size, 0);
	if (base == 0)
		base = sys_call6(SYS_NR_mmap, 0, (long)size, SYS_PROT_READ | SYS_PROT_WRITE,
				 SYS_MAP_SHARED | SYS_MAP_NORESERVE, fd, 0);
	if (base < 0 && base > -4096) {
		sys_close((int)fd);
		return (int)base;
	}
	*ret_fd = (int)fd;
	*ret_base = (void *)base;
	return 0;
}

/* Tries sizes downwards from what the configuration and the process's limits allow. */
static int writer_map_largest(const struct core_config *config, int *ret_fd, void **ret_base,
			      struct mt_table *ret_tables, uint64_t *ret_memory)
{
	uint64_t memory = config->max_memory ? config->max_memory : 64ull << 20;
	uint64_t size, file_limit = writer_limit(WRITER_RLIMIT_FSIZE);
	int r;

	memory = MIN(memory, 1ull << 36);
	memory = MIN(memory, writer_limit(WRITER_RLIMIT_AS) / 12);
	memory = MIN(memory, writer_limit(WRITER_RLIMIT_DATA) / 8);
	for (; memory >= WRITER_MIN_MEMORY; memory /= 2) {
		size = writer_lay_out(config, memory, ret_tables);
		/* ftruncate beyond the limit would send SIGXFSZ to the program */
		if (size > file_limit)
			continue;
		r = writer_map_new(size, ret_fd, ret_base);
		if (r == 0) {
			((struct mt_header *)*ret_base)->region_size = size;
			*ret_memory = memory;
			return 0;
		}
		if (r != -SYS_ENOMEM)
			return r;
	}
	return -SYS_ENOMEM;
}

int writer_create(const struct core_config *config, int *ret_fd)
{
	struct mt_table tables[WRITER_N_TABLES];
	struct mt_header *header;
	uint64_t memory = 0;
	void *base = NULL;
	int r, fd = -1;

	r = writer_map_largest(config, &fd, &base, tables, &memory);
	if (r < 0)
		return r;
	header = base;
	if (!config->tags)
		writer_expect_index();
	memcpy(writer_tables(header), tables, sizeof(tables));
	writer_seal(fd, base, header->region_size);
	if (!writer_begin(header, (int64_t)memory, 1)) {
		sys_unmap(base, header->region_size);
		sys_close(fd);
		return -SYS_ENOMEM;
	}
	header->version = MT_VERSION;
	header->header_size = sizeof(struct mt_header);
	header->max_memory = memory;
	header->n_strings = 1;
	writer_set_pointers(header);
	sys_note_mapping(base, header->region_size);
	*ret_fd = fd;
	return 0;
}

/* Copies the first n entries of a table from the parent's region to the new one. */
static bool writer_copy_table(char *to, enum writer_table table, uint64_t n)
{
	uint64_t offset = writer_tables(writer.header)[table].offset;
	uint64_t size = n * writer_entry_size[table];

	if (sys_madvise(to + offset, ALIGN_UP(size, sys_page_size()), SYS_MADV_POPULATE_WRITE) ==
	    -SYS_ENOMEM)
		return false;
	memcpy(to + offset, (char *)writer.header + offset, size);
	return true;
}

static bool writer_copy_parent(char *to)
{
	const struct mt_header *from = writer.header;
	struct mt_header *header = (void *)to;
	/* acquire pairs with writer_raise32: a site's frames are below n_stacks read after n_sites */
	uint32_t n_sites =
		MIN(__atomic_load_n(&from->n_sites, __ATOMIC_ACQUIRE), writer.sites_capacity);
	uint64_t n_stacks =
		MIN(__atomic_load_n(&from->n_stacks, __ATOMIC_ACQUIRE), writer.stacks_capacity);
	uint32_t n_modules =
		MIN(__atomic_load_n(&from->n_modules, __ATOMIC_ACQUIRE), writer.modules_capacity);
	uint32_t n_threads =
		MIN(__atomic_load_n(&from->n_threads, __ATOMIC_ACQUIRE), writer.threads_capacity);
	uint64_t n_strings =
		MIN(__atomic_load_n(&from->n_strings, __ATOMIC_ACQUIRE), writer.strings_capacity);
	struct mt_site *sites = (void *)(to + from->sites.offset);

	if (!writer_copy_table(to, WRITER_STACKS, n_stacks) ||
	    !writer_copy_table(to, WRITER_SITES, n_sites) ||
	    !writer_copy_table(to, WRITER_MODULES, n_modules) ||
	    !writer_copy_table(to, WRITER_THREADS, n_threads) ||
	    !writer_copy_table(to, WRITER_STRINGS, n_strings))
		return false;
	for (uint32_t i = 0; i < n_sites; i++) {
		memset(&sites[i].alloc_bytes, 0,
		       offsetof(struct mt_site, tag) - offsetof(struct mt_site, alloc_bytes));
		sites[i].own_bytes = sites[i].own_blocks = 0;
	}
	memcpy(header, from, sizeof(*header));
	header->magic = 0;
	header->state = MT_STATE_NEW;
	header->end_ns = 0;
	header->control_stop = 0;
	header->n_stacks = n_stacks;
	header->n_sites = n_sites;
	header->n_modules = n_modules;
	header->n_threads = n_threads;
	header->n_strings = n_strings;
	header->n_live = 0;
	header->n_maps = 0;
	header->n_events = 0;
	memset(&header->samples, 0,
	       offsetof(struct mt_header, exe) - offsetof(struct mt_header, samples));
	return true;
}

int writer_create_child(int *ret_fd)
{
	uint64_t size = writer.region_size;
	void *old = writer.header, *copy = NULL;
	long base;
	int fd = -1, r;

	if (size > writer_limit(WRITER_RLIMIT_FSIZE))
		return -SYS_EFBIG;
	r = writer_map_new(size, &fd, &copy);
	if (r < 0)
		return r;
	if (!writer_copy_parent(copy)) {
		sys_unmap(copy, size);
		sys_close(fd);
		return -SYS_ENOMEM;
	}
	sys_unmap(copy, size);
	base = sys_call6(SYS_NR_mmap, (long)old, (long)size, SYS_PROT_READ | SYS_PROT_WRITE,
			 SYS_MAP_SHARED | SYS_MAP_NORESERVE | SYS_MAP_FIXED, fd, 0);
	if (base != (long)old) {
		sys_close(fd);
		return -SYS_ENOMEM;
	}
	writer_seal(fd, old, size);
	writer_begin(old, 0, writer.header->n_strings);
	writer_make_ready(WRITER_STACKS, writer.header->n_stacks);
	writer_make_ready(WRITER_SITES, writer.header->n_sites);
	writer_make_ready(WRITER_THREADS, writer.header->n_threads);
	writer_make_ready(WRITER_STRINGS, writer.header->n_strings);
	*ret_fd = fd;
	return 0;
}
