/* SPDX-License-Identifier: MIT */
/*
 * modules.c: asking the loader.
 *
 * Context: any thread, inside malloc, signal handlers, forked children.
 *
 * Why looking at a module's headers and name is safe: it is done for a pc on the calling thread's stack.
 * The program may not unload code that a thread is inside of. For glibc before 2.35, and musl, which do not
 * say what is at a pc, the loader's list is walked (loader-list.h), and no module is touched but the one
 * that begins last before the pc. What is left is code of no module (a compiler's) behind a module that
 * another thread unloads between the kernel's answer and the read.
 */
#include "agent/core/modules.h"

#include <elf.h>

#include "agent/core/loader-list.h"
#include "agent/core/modules-list.h"
#include "agent/core/sys.h"

enum { LEAST_PAGE = 4096, N_MISSED = 64, EPOCH_BITS = 28 };

_hidden_ struct modules_state modules_state = {.fallback_epoch = 1ull << 63};

static struct {
	const struct loader_debug *debug;
	int (*find_object)(void *pc, struct found_object *ret);
	struct module self;
	struct sys_lock walk_lock; /* only ever tried */
	uint32_t walk;             /* number of the walk over the loader's list */
	uint64_t missed[N_MISSED]; /* page and epoch in one word */
	uint64_t seen_epoch, seen_tick;
	uintptr_t main_start; /* where the main program's ELF header should be */
} loader;

static uint64_t no_count;

/* The page of the main program's headers, as the kernel told the process. 0 if that cannot be read. */
static uintptr_t read_main_start(void)
{
	Elf64_auxv_t entry;
	uintptr_t start = 0;
	int fd = sys_open_read("/proc/self/auxv");

	if (fd < 0)
		return 0;
	while (!start && sys_read(fd, &entry, sizeof(entry)) == sizeof(entry))
		if (entry.a_type == AT_PHDR)
			start = ALIGN_DOWN(entry.a_un.a_val, 4096ull);
	sys_close(fd);
	return start;
}

void modules_init(const struct modules_loader *found)
{
	loader.debug = found->r_debug;
	*(const void **)&loader.find_object = found->find_object;
	modules_state.count = found->unload_counter ? found->unload_counter : &no_count;
	modules_state.adds = found->load_counter;
	if (found->self_end > found->self_start) {
		loader.self.start = loader.self.tables_start = found->self_start;
		loader.self.end = loader.self.tables_end = found->self_end;
		loader.self.eh_frame_hdr = found->self_eh_frame_hdr;
	}
	known_init();
	if (!loader.main_start)
		loader.main_start = read_main_start();
	loader.seen_epoch = modules_epoch();
}

static bool find_object(uintptr_t pc, struct found_object *ret)
{
	return loader.find_object((void *)pc, ret) == 0 && pc >= ret->start && pc < ret->end;
}

/* Where the ELF header of a module is: where it was the last time, or a search for it; 0 without one. */
static uintptr_t find_start(const struct loader_map *map, const struct loader_map *copy)
{
	for (struct known *known = known_newest(); known; known = known_older(known))
		if (known->map == map && known->bias == copy->l_addr &&
		    image_has_dynamic(known->module.start, copy->l_ld))
			return known->module.start;
	if (loader.main_start && image_has_dynamic(loader.main_start, copy->l_ld))
		return loader.main_start;
	return image_find_start(copy);
}

/* Notes that what is known of this entry of the list is still there. */
static void note_listed(const struct loader_map *map, uint64_t bias)
{
	for (struct known *known = known_newest(); known; known = known_older(known))
		if (__atomic_load_n(&known->map, __ATOMIC_RELAXED) == map && known->bias == bias)
			known->walk = loader.walk;
}

/*
 * Reads the whole list of a loader without _dl_find_object, and finds the entry that begins last before
 * pc: *ret_map, NULL if none does. Returns false if the list could not be read to the end; then modules
 * that were not met are not taken for gone.
 */
static bool walk_list(uintptr_t pc, const struct loader_map **ret_map, struct loader_map *ret)
{
	struct loader_walk walk;

	*ret_map = NULL;
	for (loader_walk_begin(&walk, loader.debug); loader_walk_next(&walk);) {
		note_listed(walk.at, walk.entry.l_addr);
		if (walk.entry.l_addr <= pc && (!*ret_map || walk.entry.l_addr >= ret->l_addr)) {
			*ret_map = walk.at;
			*ret = walk.entry;
		}
	}
	return walk.is_whole;
}

bool modules_find_library(const char *name, struct loader_map *ret)
{
	return loader_find_library(loader.debug, name, ret);
}

static bool has_name(const struct loader_map *copy)
{
	return !copy->l_name || sys_is_readable((uintptr_t)copy->l_name, 1);
}

/*
 * Walks the list, notes what is gone, and what is at pc, if the list says so (0: at no pc). If another
 * thread, or the one that this signal handler interrupted, is at it, does nothing and returns false.
 */
static bool refresh_list(uintptr_t pc, uint64_t epoch)
{
	const struct loader_map *map;
	struct loader_map copy;
	struct image image;
	uintptr_t start;
	bool is_whole;

	if (!sys_lock_try(&loader.walk_lock))
		return false;
	loader.walk++;
	is_whole = walk_list(pc, &map, &copy);
	for (struct known *known = known_newest(); is_whole && known; known = known_older(known))
		if (known_is_loaded(known) && known->walk != loader.walk)
			known_note_unloaded(known);
	/* of a list that was not read to the end, map may be another module, which may go */
	start = is_whole && pc && map && has_name(&copy) ? find_start(map, &copy) : 0;
	if (start && image_read(&image, start, 0, &copy, 0) && pc >= image.start &&
	    pc < image.end) {
		struct known *known = known_note_present(&image, map, NULL, epoch);

		if (known)
			known->walk = loader.walk;
	}
	sys_lock_drop(&loader.walk_lock);
	return is_whole;
}

/* Without _dl_find_object: among the modules that readings of the list found. */
static struct known *search_pc(uintptr_t pc)
{
	for (struct known *known = known_newest(); known; known = known_older(known))
		if (pc >= known->module.start && pc < known->module.end && known_is_loaded(known))
			return known;
	return NULL;
}

static bool copy_known(const struct known *known, struct module *ret)
{
	if (known)
		*ret = known->module;
	return known != NULL;
}

/* Pages of no module, so that a compiler's code does not have the list walked for each of its frames. */
static uint64_t *missed_slot(uintptr_t pc, uint64_t epoch, uint64_t *ret_key)
{
	*ret_key = (uint64_t)(pc / LEAST_PAGE) << EPOCH_BITS | (epoch & ((1u << EPOCH_BITS) - 1));
	return &loader.missed[pc / LEAST_PAGE % N_MISSED];
}

static bool find_in_list(uintptr_t pc, uint64_t epoch, struct module *ret)
{
	struct known *known = search_pc(pc);
	uint64_t key, *missed = missed_slot(pc, epoch, &key);

	if (known && modules_is_current(known->module.index, epoch))
		return copy_known(known, ret);
	if (!known && __atomic_load_n(missed, __ATOMIC_RELAXED) == key)
		return false;
	if (refresh_list(pc, epoch)) {
		known = search_pc(pc);
		if (!known)
			__atomic_store_n(missed, key, __ATOMIC_RELAXED);
	}
	return copy_known(known, ret);
}

/* Whether known is what the loader found, as far as can be told without reading the module. */
static bool is_same(const struct known *known, const struct found_object *found)
{
	return found->start >= known->module.start && found->start < known->module.end &&
	       __atomic_load_n(&known->map, __ATOMIC_RELAXED) == found->map &&
	       __atomic_load_n(&known->eh_frame_hdr, __ATOMIC_RELAXED) == found->eh_frame_hdr;
}

/*
 * Reads the image of what the loader found. If there are gaps between its segments, that is the segment
 * of the pc and not the whole.
 */
static bool read_found(const struct found_object *found, struct image *ret)
{
	uintptr_t start = found->start;

	if (!image_has_dynamic(start, found->map->l_ld))
		start = find_start(found->map, found->map);
	if (start)
		return image_read(ret, start, 0, found->map, found->eh_frame_hdr);
	return image_read(ret, found->start, found->end, found->map, found->eh_frame_hdr);
}

static bool find(uintptr_t pc, uint64_t epoch, struct module *ret)
{
	struct found_object found;
	struct image image;

	if (pc >= loader.self.start && pc < loader.self.end) {
		*ret = loader.self;
		return true;
	}
	if (!modules_state.capacity)
		return false;
	if (!loader.find_object)
		return find_in_list(pc, epoch, ret);
	if (!find_object(pc, &found))
		return false;
	for (struct known *known = known_newest(); known; known = known_older(known))
		if (known_is_loaded(known) && is_same(known, &found) &&
		    modules_is_current(known->module.index, epoch))
			return copy_known(known, ret);
	if (!read_found(&found, &image))
		return false;
	if (copy_known(known_note_present(&image, found.map, &found, epoch), ret))
		return true;
	*ret = (struct module){image.start,        image.end,        image.eh_frame_hdr,
			       image.tables_start, image.tables_end, 0};
	return true;
}

bool modules_find(uintptr_t pc, struct module *ret)
{
	return find(pc, modules_epoch(), ret);
}

bool modules_check(uint32_t index, uintptr_t pc, uint64_t epoch)
{
	struct module now;

	if (index == 0 || index >= modules_state.capacity)
		return false;
	return find(pc, epoch, &now) && now.index == index;
}

bool modules_get(uint32_t index, struct module *ret)
{
	return copy_known(known_get(index), ret);
}

bool modules_changed(void)
{
	uint64_t epoch, seen = __atomic_load_n(&loader.seen_epoch, __ATOMIC_RELAXED);

	if (!modules_has_counters()) {
		/* nobody says; look once a tick of the coarse clock */
		uint64_t tick = sys_clock_coarse_ns();

		return __atomic_exchange_n(&loader.seen_tick, tick, __ATOMIC_RELAXED) != tick;
	}
	epoch = modules_epoch();
	if (likely(epoch == seen))
		return false;
	return __atomic_exchange_n(&loader.seen_epoch, epoch, __ATOMIC_RELAXED) != epoch;
}

void modules_refresh(void)
{
	struct found_object found;

	if (!modules_state.capacity)
		return;
	if (!loader.find_object) {
		refresh_list(0, modules_epoch());
		return;
	}
	/* what _dl_find_object returns is compared, nothing of the module is read */
	for (struct known *known = known_newest(); known; known = known_older(known))
		if (known_is_loaded(known) &&
		    (!find_object(__atomic_load_n(&known->inside, __ATOMIC_RELAXED), &found) ||
		     !is_same(known, &found)))
			known_note_unloaded(known);
}

void modules_read_annotations(void)
{
	struct loader_walk walk;

	for (loader_walk_begin(&walk, loader.debug); loader_walk_next(&walk);) {
		struct loader_map entry = walk.entry;
		struct image image;
		uintptr_t start;

		entry.l_name = NULL;
		start = find_start(walk.at, &entry);
		/* reading it fills its table */
		if (start)
			(void)image_read(&image, start, 0, &entry, 0);
	}
}

void modules_publish_all(void)
{
	loader.walk_lock.word = 0; /* the thread that held it is not in this process */
	known_publish_all();
}

uint64_t modules_own_bytes(void)
{
	return known_own_bytes();
}
