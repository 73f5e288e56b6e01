/* SPDX-License-Identifier: MIT */
/*
 * Files, images, stacks and what the kernel puts there say by their names what they are. Anonymous memory
 * does not, so it is known by what is in it: the agent knows addresses of live blocks and of mappings.
 * A mapping that holds a block of malloc is the heap's; one that the program made is the program's; one
 * that lies within a loaded module is its bss. The kernel merges neighbours, and then the first of these
 * that applies speaks for the whole. Where there is no agent but the allocator could be read, anonymous
 * memory that is not the allocator's is memory that the program mapped by itself.
 */
#include "profile/ledger-owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/search.h"

struct ledger_known {
	uint64_t address;
	enum ledger_owner owner;
};

static int compare_known(const void *a, const void *b)
{
	const struct ledger_known *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static enum ledger_owner block_owner(const struct profile *profile,
				     const struct profile_block *block)
{
	if (block->site != PROFILE_NO_SITE && profile->sites[block->site].kind == MT_SITE_MALLOC)
		return LEDGER_HEAP_OTHER;
	if (block->flags & (MT_MAP_BACKING | MT_MAP_BRK))
		return LEDGER_HEAP_OTHER;
	return block->flags & MT_MAP_STACK ? LEDGER_STACKS : LEDGER_MAPPED;
}

static int collect_known(struct ledger_owners *owners)
{
	const struct profile *profile = owners->profile;

	owners->known = calloc(profile->n_blocks + 1, sizeof(*owners->known));
	if (!owners->known)
		return -ENOMEM;
	owners->n_known = profile->n_blocks;
	for (size_t i = 0; i < profile->n_blocks; i++)
		owners->known[i] = (struct ledger_known){
			.address = profile->blocks[i].address,
			.owner = block_owner(profile, &profile->blocks[i]),
		};
	qsort(owners->known, owners->n_known, sizeof(*owners->known), compare_known);
	return 0;
}

/* The strongest claim on [start, end): the heap's before any other. */
static enum ledger_owner find_known(const struct ledger_owners *owners, uint64_t start,
				    uint64_t end)
{
	enum ledger_owner owner = LEDGER_UNEXPLAINED;
	size_t low = SEARCH(owners->n_known, i, owners->known[i].address < start);

	for (; low < owners->n_known && owners->known[low].address < end &&
	       owner != LEDGER_HEAP_OTHER;
	     low++)
		owner = MIN(owner, owners->known[low].owner);
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

static int collect_images(struct map *images, const struct maps *maps)
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

int ledger_owners_init(struct ledger_owners *owners, const struct profile *profile,
		       const struct maps *maps)
{
	int r;

	*owners = (struct ledger_owners){.profile = profile};
	r = collect_known(owners);
	return r < 0 ? r : collect_images(&owners->images, maps);
}

void ledger_owners_deinit(struct ledger_owners *owners)
{
	map_deinit(&owners->images);
	free(owners->known);
	*owners = (struct ledger_owners){};
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *text, const char *suffix)
{
	const size_t length = strlen(text), n = strlen(suffix);

	return length >= n && strcmp(text + length - n, suffix) == 0;
}

struct name {
	const char *prefix;
	enum ledger_owner owner;
};

/* The first that fits. */
static enum ledger_owner find_name(const struct name *names, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (begins_with(path, names[i].prefix))
			return names[i].owner;
	return LEDGER_UNEXPLAINED;
}

/* "[anon:…]" is what a program called it with prctl(PR_SET_VMA_ANON_NAME). */
static enum ledger_owner special_owner(const char *path)
{
	static const struct name names[] = {
		{"[stack", LEDGER_STACKS},
		{"[heap]", LEDGER_HEAP_OTHER},
		{"[anon_shmem:", LEDGER_SHARED},
		{"[anon: glibc: malloc", LEDGER_HEAP_OTHER},
		{"[anon: glibc: pthread", LEDGER_STACKS},
		{"[anon: glibc: loader", LEDGER_IMAGES},
		{"[anon:jemalloc", LEDGER_HEAP_OTHER},
		{"[anon:v8", LEDGER_V8},
		{"[anon: Go:", LEDGER_GO},
		{"[anon:.bss", LEDGER_IMAGES},
		{"[anon:", LEDGER_MAPPED},
		{"[vdso]", LEDGER_KERNEL},
		{"[vvar", LEDGER_KERNEL},
		{"[vsyscall]", LEDGER_KERNEL},
		{"[uprobes]", LEDGER_KERNEL},
		{"anon_inode:", LEDGER_KERNEL},
	};

	return find_name(names, ARRAY_SIZE(names), path);
}

static enum ledger_owner file_owner(const struct ledger_owners *owners,
				    const struct mapping *mapping)
{
	static const struct name names[] = {
		{"/memfd:" MT_REGION_NAME, LEDGER_MEMTRACE},
		{"/dev/shm/", LEDGER_SHARED},
		{"/SYSV", LEDGER_SHARED},
		{"/memfd:", LEDGER_SHARED},
		{"/dev/zero", LEDGER_SHARED},
		{"/anon_hugepage", LEDGER_MAPPED},
	};
	enum ledger_owner owner = find_name(names, ARRAY_SIZE(names), mapping->path);

	if (owner != LEDGER_UNEXPLAINED)
		return owner;
	/* HotSpot's archive of classes */
	if (ends_with(mapping->path, ".jsa"))
		return LEDGER_JVM_CLASSES;
	if (is_in_module(owners->profile, mapping) || map_find(&owners->images, file_key(mapping)))
		return LEDGER_IMAGES;
	return LEDGER_FILES;
}

enum ledger_owner ledger_owners_find(const struct ledger_owners *owners,
				     const struct mapping *mapping)
{
	enum ledger_owner owner;

	if (mapping->path[0] == '/')
		return file_owner(owners, mapping);
	if (mapping->path[0] != '\0') {
		owner = special_owner(mapping->path);
		if (owner != LEDGER_UNEXPLAINED)
			return owner;
	}
	owner = find_known(owners, mapping->start, mapping->end);
	if (owner != LEDGER_UNEXPLAINED)
		return owner;
	if (is_in_module(owners->profile, mapping))
		return LEDGER_IMAGES;
	if (mapping->shared)
		return LEDGER_SHARED;
	if (mapping->exec)
		return LEDGER_CODE;
	return owners->has_arenas ? LEDGER_MAPPED : LEDGER_UNEXPLAINED;
}
