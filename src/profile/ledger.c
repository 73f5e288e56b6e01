/* SPDX-License-Identifier: MIT */
/*
 * Files, images, stacks and what the kernel puts there say by their names what they are. Anonymous memory
 * does not, so it is known by what is in it: the agent knows addresses of live blocks and of mappings.
 * A mapping that holds a block of malloc is the heap's; one that the program made is the program's; one
 * that lies within a loaded module is its bss. The kernel merges neighbours, and then the first of these
 * that applies speaks for the whole. What nothing speaks for is unexplained, and printed.
 *
 * Live bytes are what the program asked for; the rest of the heap's resident bytes (free blocks, the
 * allocator's metadata, rounding) is one line, until the allocator is looked into. A block may be asked
 * for and never touched, so live counts for no more than is resident.
 */
#include "profile/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

static const struct {
	const char *name, *label;
} owners[LEDGER_N_OWNERS] = {
	[LEDGER_HEAP_LIVE] = {"heap.live", "live blocks of malloc"},
	[LEDGER_HEAP_FREE] = {"heap.free", "malloc's free memory, rounding and metadata"},
	[LEDGER_MAPPED] = {"runtime.mapped", "mapped by the program"},
	[LEDGER_STACKS] = {"stacks", "stacks"},
	[LEDGER_IMAGES] = {"images", "program and libraries"},
	[LEDGER_FILES] = {"files", "mapped files"},
	[LEDGER_SHARED] = {"shared", "shared memory"},
	[LEDGER_MEMTRACE] = {"memtrace", "memtrace itself"},
	[LEDGER_KERNEL] = {"kernel", "the kernel's pages"},
	[LEDGER_UNEXPLAINED] = {"unexplained", "unexplained"},
};

const char *ledger_owner_name(enum ledger_owner owner)
{
	return owners[owner].name;
}

const char *ledger_owner_label(enum ledger_owner owner)
{
	return owners[owner].label;
}

/* A block or a mapping that the agent knows, to be found by address. */
struct known {
	uint64_t address;
	enum ledger_owner owner;
};

static int compare_known(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static enum ledger_owner block_owner(const struct profile *profile,
				     const struct profile_block *block)
{
	if (block->site != PROFILE_NO_SITE && profile->sites[block->site].kind == MT_SITE_MALLOC)
		return LEDGER_HEAP_LIVE;
	if (block->flags & (MT_MAP_BACKING | MT_MAP_BRK))
		return LEDGER_HEAP_LIVE;
	return block->flags & MT_MAP_STACK ? LEDGER_STACKS : LEDGER_MAPPED;
}

static struct known *collect_known(const struct profile *profile)
{
	struct known *known = calloc(profile->n_blocks + 1, sizeof(*known));

	for (size_t i = 0; known && i < profile->n_blocks; i++)
		known[i] = (struct known){
			.address = profile->blocks[i].address,
			.owner = block_owner(profile, &profile->blocks[i]),
		};
	if (known)
		qsort(known, profile->n_blocks, sizeof(*known), compare_known);
	return known;
}

/* The strongest claim on [start, end): the heap's before any other. */
static enum ledger_owner find_known(const struct known *known, size_t n, uint64_t start,
				    uint64_t end)
{
	enum ledger_owner owner = LEDGER_UNEXPLAINED;
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (known[middle].address < start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < n && known[low].address < end && owner != LEDGER_HEAP_LIVE; low++)
		owner = MIN(owner, known[low].owner);
	return owner;
}

static bool is_in_module(const struct profile *profile, const struct mapping *mapping)
{
	for (size_t i = 0; i < profile->n_modules; i++) {
		const struct profile_module *module = &profile->modules[i];

		if (!module->unloaded && mapping->start >= module->start &&
		    mapping->end <= module->end)
			return true;
	}
	return false;
}

static uint64_t file_key(const struct mapping *mapping)
{
	return mapping->inode ^ (uint64_t)mapping->dev_major << 52 ^
	       (uint64_t)mapping->dev_minor << 40;
}

/* The files of which a part is executable: they are images, all of them. */
static int collect_images(const struct maps *maps, struct map *images)
{
	for (size_t i = 0; i < maps->n_mappings; i++) {
		const struct mapping *mapping = &maps->mappings[i];
		int r;

		if (!mapping->exec || mapping->path[0] != '/')
			continue;
		r = map_set(images, file_key(mapping), 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static enum ledger_owner special_owner(const char *path)
{
	static const char *const kernel[] = {"[vdso]", "[vvar", "[vsyscall]", "[uprobes]"};

	if (begins_with(path, "[stack"))
		return LEDGER_STACKS;
	if (begins_with(path, "[heap]"))
		return LEDGER_HEAP_LIVE;
	if (begins_with(path, "[anon_shmem:"))
		return LEDGER_SHARED;
	for (size_t i = 0; i < ARRAY_SIZE(kernel); i++)
		if (begins_with(path, kernel[i]))
			return LEDGER_KERNEL;
	return LEDGER_UNEXPLAINED;
}

static enum ledger_owner file_owner(const struct profile *profile, const struct map *images,
				    const struct mapping *mapping)
{
	if (begins_with(mapping->path, "/memfd:" MT_REGION_NAME))
		return LEDGER_MEMTRACE;
	if (begins_with(mapping->path, "/dev/shm/") || begins_with(mapping->path, "/SYSV") ||
	    begins_with(mapping->path, "/memfd:") || begins_with(mapping->path, "/dev/zero"))
		return LEDGER_SHARED;
	if (is_in_module(profile, mapping) || map_find(images, file_key(mapping)))
		return LEDGER_IMAGES;
	return LEDGER_FILES;
}

static enum ledger_owner mapping_owner(const struct profile *profile, const struct map *images,
				       const struct mapping *mapping, const struct known *known)
{
	enum ledger_owner owner;

	if (mapping->path[0] == '/')
		return file_owner(profile, images, mapping);
	if (mapping->path[0] == '[') {
		owner = special_owner(mapping->path);
		if (owner != LEDGER_UNEXPLAINED)
			return owner;
	}
	owner = find_known(known, profile->n_blocks, mapping->start, mapping->end);
	if (owner == LEDGER_UNEXPLAINED && is_in_module(profile, mapping))
		return LEDGER_IMAGES;
	if (owner == LEDGER_UNEXPLAINED && mapping->shared)
		return LEDGER_SHARED;
	return owner;
}

static void move_line(struct ledger *ledger, enum ledger_owner from, enum ledger_owner to,
		      uint64_t bytes)
{
	bytes = MIN(bytes, ledger->lines[from].resident);
	ledger->lines[from].resident -= bytes;
	ledger->lines[to].resident += bytes;
	/* what is resident is mapped */
	bytes = MIN(bytes, ledger->lines[from].virtual);
	ledger->lines[from].virtual -= bytes;
	ledger->lines[to].virtual += bytes;
}

/* The heap's mappings hold more than live blocks, and the agent's private tables have no name. */
static void divide(struct ledger *ledger, const struct profile *profile)
{
	const uint64_t heap = ledger->lines[LEDGER_HEAP_LIVE].resident;
	const uint64_t region = ledger->lines[LEDGER_MEMTRACE].resident;

	if (heap > profile->heap.live_bytes)
		move_line(ledger, LEDGER_HEAP_LIVE, LEDGER_HEAP_FREE,
			  heap - profile->heap.live_bytes);
	if (profile->agent.own_bytes > region)
		move_line(ledger, LEDGER_UNEXPLAINED, LEDGER_MEMTRACE,
			  profile->agent.own_bytes - region);
}

static void add_mapping(struct ledger *ledger, const struct mapping *mapping,
			enum ledger_owner owner)
{
	struct ledger_line *line = &ledger->lines[owner];
	uint64_t size = mapping->end - mapping->start;

	line->resident += mapping->rss;
	line->swapped += mapping->swap;
	line->virtual += size;
	ledger->rss += mapping->rss;
	ledger->pss += mapping->pss;
	ledger->uss += mapping->private_clean + mapping->private_dirty;
	ledger->swap += mapping->swap;
	ledger->vsz += size;
}

int ledger_build(const struct profile *profile, struct ledger *ret)
{
	_cleanup_(ledger_deinit) struct ledger ledger = {};
	_cleanup_free_ struct known *known = NULL;
	_cleanup_(map_deinit) struct map images = {};
	int r;

	if (!profile->maps_text)
		return -ENODATA;
	r = maps_parse(profile->maps_text, strlen(profile->maps_text), &ledger.maps);
	if (r < 0)
		return r;
	if (ledger.maps.n_mappings == 0 || !ledger.maps.mappings[0].has_usage)
		return -ENODATA;
	r = collect_images(&ledger.maps, &images);
	if (r < 0)
		return r;
	known = collect_known(profile);
	ledger.mappings = calloc(ledger.maps.n_mappings, sizeof(*ledger.mappings));
	if (!known || !ledger.mappings)
		return -ENOMEM;
	for (size_t i = 0; i < ledger.maps.n_mappings; i++) {
		const struct mapping *mapping = &ledger.maps.mappings[i];
		enum ledger_owner owner = mapping_owner(profile, &images, mapping, known);

		ledger.mappings[i] = (struct ledger_mapping){.mapping = mapping, .owner = owner};
		add_mapping(&ledger, mapping, owner);
	}
	divide(&ledger, profile);
	*ret = ledger;
	ledger = (struct ledger){};
	return 0;
}

void ledger_deinit(struct ledger *ledger)
{
	maps_deinit(&ledger->maps);
	free(ledger->mappings);
	*ledger = (struct ledger){};
}
