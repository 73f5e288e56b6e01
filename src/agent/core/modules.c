/* SPDX-License-Identifier: MIT */
/*
 * modules.c: the list of modules that were ever seen.
 *
 * Context: any thread, inside malloc, signal handlers, forked children. No lock: an entry is filled in
 * by whoever took its number, and becomes part of the chain by one compare-and-swap on the newest; who
 * loses that race looks whether the winner added the same module, and if so leaves its number unused.
 *
 *   newest ──▶ known[7] ──▶ known[6] ──▶ … ──▶ known[1]        in private memory, copied by fork
 *   checked[7], checked[6], …                                  the epoch in which each was last seen
 *   writer.modules[7], …                                       the tool's view, in the region
 *
 * Why looking at a module's headers and name is safe: it is done for a pc on the calling thread's stack.
 * The program may not unload code that a thread is inside of. Only the walk over the loader's list, for
 * glibc before 2.35, meets modules that another thread may be unloading. It leaves the list alone
 * while the loader says that it is taking entries out, and asks the kernel before it touches each.
 */
#include "agent/core/modules.h"

#include "agent/core/modules-image.h"
#include "agent/core/sys.h"
#include "agent/core/writer.h"

enum { MODULES_MAX = 4096, PATHS_SIZE = 1 << 20, LIST_MAX = 1 << 16, LOADER_REMOVES = 2 };
enum { AT_CWD = -100 };

struct known {
	struct module module;
	uint64_t identity;
	uintptr_t bias;
	const struct loader_map
		*map;           /* as last seen; only compared, or asked for before it is read */
	uintptr_t eh_frame_hdr; /* as the loader has it */
	const char *path;
	uint64_t loaded_ns, unloaded_ns; /* unloaded_ns is 0 while it is loaded */
	uint32_t path_length;
	uint32_t older; /* next in the chain */
	uint32_t walk;  /* the last walk over the loader's list that met it */
	uint8_t build_id_size;
	uint8_t build_id[MT_BUILD_ID_MAX];
};

_hidden_ struct modules_state modules_state = {.fallback_epoch = 1ull << 63};

static struct {
	const struct loader_debug *debug;
	int (*find_object)(void *pc, struct found_object *ret);
	struct module self;
	struct known *known;
	char *paths;
	uint32_t paths_used;
	uint32_t next;             /* first index that nobody took */
	uint32_t newest;           /* head of the chain */
	struct sys_lock walk_lock; /* only ever tried */
	uint32_t walk;
	uint64_t walked_epoch; /* of the last walk that came to the end */
	uint64_t seen_epoch, seen_tick;
	char exe[MT_PATH_MAX];
} list;

static uint64_t no_count;

void modules_init(const struct modules_loader *loader)
{
	list.debug = loader->r_debug;
	*(const void **)&list.find_object = loader->find_object;
	modules_state.count = loader->unload_counter ? loader->unload_counter : &no_count;
	modules_state.adds = loader->load_counter;
	if (loader->self_end > loader->self_start) {
		list.self.start = list.self.tables_start = loader->self_start;
		list.self.end = list.self.tables_end = loader->self_end;
		list.self.eh_frame_hdr = loader->self_eh_frame_hdr;
	}
	if (!list.known) {
		list.known = sys_map_private(MODULES_MAX * sizeof(struct known));
		modules_state.checked = sys_map_private(MODULES_MAX * sizeof(uint64_t));
		list.paths = sys_map_private(PATHS_SIZE);
		list.next = 1;
		if (list.known && modules_state.checked)
			modules_state.capacity = MODULES_MAX;
	}
	if (writer.header && writer.header->exe[0]) {
		__builtin_memcpy(list.exe, writer.header->exe, sizeof(list.exe) - 1);
	} else {
		long n = sys_call4(SYS_NR_readlinkat, AT_CWD, (long)"/proc/self/exe",
				   (long)list.exe, sizeof(list.exe) - 1);

		list.exe[n > 0 ? n : 0] = 0;
	}
	list.seen_epoch = modules_epoch();
}

uint64_t modules_own_bytes(void)
{
	uint64_t n = __atomic_load_n(&list.next, __ATOMIC_RELAXED);
	uint64_t paths = __atomic_load_n(&list.paths_used, __ATOMIC_RELAXED);

	return ALIGN_UP(n * sizeof(struct known), 4096ull) + ALIGN_UP(n * 8, 4096ull) +
	       ALIGN_UP(paths, 4096ull);
}

static struct known *newest(void)
{
	/* pairs with the compare-and-swap in publish */
	uint32_t index = __atomic_load_n(&list.newest, __ATOMIC_ACQUIRE);

	return index ? &list.known[index] : NULL;
}

static struct known *older(const struct known *known)
{
	return known->older ? &list.known[known->older] : NULL;
}

static bool is_loaded(const struct known *known)
{
	return __atomic_load_n(&known->unloaded_ns, __ATOMIC_RELAXED) == 0;
}

static void put_event(const struct known *known, uint16_t type)
{
	struct mt_event event = {
		.time_ns = sys_clock_coarse_ns(),
		.addr = known->module.start,
		.size = known->module.end - known->module.start,
		.aux = known->module.index,
		.type = type,
	};

	if (writer.ring)
		writer_put_event(&event);
}

/* Copies the path, which the loader may take away, and returns its length. */
static uint32_t keep_path(const char *name, const char **ret)
{
	uint32_t length = 0, at;

	if (!name[0])
		name = list.exe;
	while (length < MT_PATH_MAX - 1 && name[length])
		length++;
	at = __atomic_fetch_add(&list.paths_used, length + 1, __ATOMIC_RELAXED);
	if (!list.paths || at + length + 1 > PATHS_SIZE) {
		__atomic_fetch_sub(&list.paths_used, length + 1, __ATOMIC_RELAXED);
		*ret = "";
		return 0;
	}
	__builtin_memcpy(list.paths + at, name, length);
	*ret = list.paths + at;
	return length;
}

static void write_entry(const struct known *known)
{
	uint32_t index = known->module.index;
	struct mt_module *entry = &writer.modules[index];
	uint32_t n;

	if (!writer.modules || index >= writer.modules_capacity)
		return;
	entry->start = known->module.start;
	entry->bias = known->bias;
	entry->loaded_ns = known->loaded_ns;
	entry->unloaded_ns = known->unloaded_ns;
	entry->path = writer_add_string(known->path, known->path_length);
	entry->path_length = entry->path ? known->path_length : 0;
	entry->build_id_size = known->build_id_size;
	__builtin_memcpy(entry->build_id, known->build_id, sizeof(entry->build_id));
	/* makes the entry visible to readers */
	__atomic_store_n(&entry->end, known->module.end, __ATOMIC_RELEASE);

	n = __atomic_load_n(&writer.header->n_modules, __ATOMIC_RELAXED);
	while (n <= index &&
	       !__atomic_compare_exchange_n(&writer.header->n_modules, &n, index + 1, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static void note_loaded(struct known *known)
{
	uint64_t unloaded = __atomic_exchange_n(&known->unloaded_ns, 0, __ATOMIC_RELAXED);

	if (!unloaded)
		return;
	if (writer.modules && known->module.index < writer.modules_capacity)
		__atomic_store_n(&writer.modules[known->module.index].unloaded_ns, 0,
				 __ATOMIC_RELAXED);
	put_event(known, MT_EVENT_MODULE_LOAD);
}

static void note_unloaded(struct known *known)
{
	uint64_t now = sys_clock_coarse_ns(), loaded = 0;
	uint32_t index = known->module.index;

	if (!__atomic_compare_exchange_n(&known->unloaded_ns, &loaded, now ? now : 1, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&modules_state.checked[index], 0, __ATOMIC_RELAXED);
	if (writer.modules && index < writer.modules_capacity)
		__atomic_store_n(&writer.modules[index].unloaded_ns, now, __ATOMIC_RELAXED);
	put_event(known, MT_EVENT_MODULE_UNLOAD);
}

/* The entry of that image among those from known on up to the end of the chain or of. */
static struct known *search(struct known *known, const struct known *end, const struct image *image)
{
	for (; known && known != end; known = older(known))
		if (known->identity == image->identity && known->module.start == image->start)
			return known;
	return NULL;
}

static void fill(struct known *known, uint32_t index, const struct image *image)
{
	known->module = (struct module){image->start,        image->end,        image->eh_frame_hdr,
					image->tables_start, image->tables_end, index};
	known->identity = image->identity;
	known->bias = image->bias;
	known->loaded_ns = sys_clock_coarse_ns();
	known->unloaded_ns = 0;
	known->build_id_size = (uint8_t)image->build_id_size;
	for (uint32_t i = 0; i < image->build_id_size; i++)
		known->build_id[i] = image->build_id[i];
	known->path_length = keep_path(image->name, &known->path);
}

/* Adds the image, or finds it among those added meanwhile. NULL if there is no room. */
static struct known *add(const struct image *image, struct known *searched)
{
	uint32_t index = __atomic_load_n(&list.next, __ATOMIC_RELAXED);
	struct known *known, *head = searched;

	do {
		if (index >= modules_state.capacity ||
		    (writer.modules && index >= writer.modules_capacity))
			return NULL;
	} while (!__atomic_compare_exchange_n(&list.next, &index, index + 1, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	known = &list.known[index];
	fill(known, index, image);
	for (;;) {
		uint32_t expected = head ? head->module.index : 0;
		struct known *other;

		known->older = expected;
		/* pairs with the load in newest */
		if (__atomic_compare_exchange_n(&list.newest, &expected, index, false,
						__ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
			break;
		other = search(&list.known[expected], head, image);
		if (other)
			return other;
		head = &list.known[expected];
	}
	write_entry(known);
	put_event(known, MT_EVENT_MODULE_LOAD);
	return known;
}

/* Whatever was thought to be in the image's place is gone. */
static void note_replaced(const struct known *present)
{
	for (struct known *known = newest(); known; known = older(known))
		if (known != present && is_loaded(known) &&
		    known->module.start < present->module.end &&
		    present->module.start < known->module.end)
			note_unloaded(known);
}

/* Finds or adds the image and notes that it is there. */
static struct known *note_present(const struct image *image, const struct loader_map *map,
				  uintptr_t eh_frame_hdr, uint64_t epoch)
{
	struct known *head = newest(), *known = search(head, NULL, image);

	if (!known)
		known = add(image, head);
	if (!known)
		return NULL;
	__atomic_store_n(&known->map, map, __ATOMIC_RELAXED);
	__atomic_store_n(&known->eh_frame_hdr, eh_frame_hdr, __ATOMIC_RELAXED);
	note_loaded(known);
	note_replaced(known);
	__atomic_store_n(&modules_state.checked[known->module.index], epoch, __ATOMIC_RELAXED);
	return known;
}

static bool find_object(uintptr_t pc, struct found_object *ret)
{
	return list.find_object((void *)pc, ret) == 0 && pc >= ret->start && pc < ret->end;
}

/* Where a module of the loader's list begins: where it was the last time, or a search for it. */
static uintptr_t find_start(const struct loader_map *map, const struct loader_map *copy)
{
	for (struct known *known = newest(); known; known = older(known))
		if (known->map == map && known->bias == copy->l_addr &&
		    image_has_dynamic(known->module.start, copy->l_ld))
			return known->module.start;
	return image_find_start(copy);
}

/*
 * Reads the whole list of a loader without _dl_find_object. Returns false if it could not be read to
 * the end; then modules that were not met are not taken for gone.
 */
static bool walk_list(uint64_t epoch)
{
	const struct loader_map *map;

	if (!list.debug || !sys_is_readable((uintptr_t)list.debug, sizeof(*list.debug)))
		return false;
	map = __atomic_load_n(&list.debug->r_map, __ATOMIC_ACQUIRE);
	for (unsigned i = 0; map && i < LIST_MAX; i++) {
		struct image image;
		struct loader_map copy;
		uintptr_t start;

		if (__atomic_load_n(&list.debug->r_state, __ATOMIC_ACQUIRE) == LOADER_REMOVES ||
		    !sys_is_readable((uintptr_t)map, sizeof(*map)))
			return false;
		copy = *(const volatile struct loader_map *)map;
		if (copy.l_name && !sys_is_readable((uintptr_t)copy.l_name, 1))
			return false;
		start = find_start(map, &copy);
		if (start && image_read(&image, start, 0, &copy, 0)) {
			struct known *known = note_present(&image, map, 0, epoch);

			if (known)
				known->walk = list.walk;
		}
		map = copy.l_next;
	}
	return !map;
}

/* If another thread, or the one that this signal handler interrupted, is at it, does nothing. */
static void refresh_list(uint64_t epoch)
{
	if (!sys_lock_try(&list.walk_lock))
		return;
	list.walk++;
	if (walk_list(epoch)) {
		for (struct known *known = newest(); known; known = older(known))
			if (is_loaded(known) && known->walk != list.walk)
				note_unloaded(known);
		__atomic_store_n(&list.walked_epoch, epoch, __ATOMIC_RELAXED);
	}
	sys_lock_drop(&list.walk_lock);
}

/* Without _dl_find_object: among the modules that the list's last reading found. */
static struct known *search_pc(uintptr_t pc)
{
	for (struct known *known = newest(); known; known = older(known))
		if (pc >= known->module.start && pc < known->module.end && is_loaded(known))
			return known;
	return NULL;
}

static bool copy_known(const struct known *known, struct module *ret)
{
	if (known)
		*ret = known->module;
	return known != NULL;
}

static bool find_in_list(uintptr_t pc, uint64_t epoch, struct module *ret)
{
	struct known *known = search_pc(pc);

	if ((!known || !modules_is_current(known->module.index, epoch)) &&
	    __atomic_load_n(&list.walked_epoch, __ATOMIC_RELAXED) != epoch) {
		refresh_list(epoch);
		known = search_pc(pc);
	}
	return copy_known(known, ret);
}

/* Whether known is what the loader found, as far as can be told without reading the module. */
static bool is_same(const struct known *known, const struct found_object *found)
{
	return known->module.start == found->start && known->module.end == found->end &&
	       __atomic_load_n(&known->map, __ATOMIC_RELAXED) == found->map &&
	       __atomic_load_n(&known->eh_frame_hdr, __ATOMIC_RELAXED) == found->eh_frame_hdr;
}

static bool find(uintptr_t pc, uint64_t epoch, struct module *ret)
{
	struct found_object found;
	struct image image;

	if (pc >= list.self.start && pc < list.self.end) {
		*ret = list.self;
		return true;
	}
	if (!modules_state.capacity)
		return false;
	if (!list.find_object)
		return find_in_list(pc, epoch, ret);
	if (!find_object(pc, &found))
		return false;
	for (struct known *known = newest(); known; known = older(known))
		if (is_loaded(known) && is_same(known, &found) &&
		    modules_is_current(known->module.index, epoch))
			return copy_known(known, ret);
	if (!image_read(&image, found.start, found.end, found.map, found.eh_frame_hdr))
		return false;
	if (copy_known(note_present(&image, found.map, found.eh_frame_hdr, epoch), ret))
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
	if (index == 0 || index >= __atomic_load_n(&list.next, __ATOMIC_ACQUIRE))
		return false;
	*ret = list.known[index].module;
	return true;
}

bool modules_changed(void)
{
	uint64_t epoch, seen = __atomic_load_n(&list.seen_epoch, __ATOMIC_RELAXED);

	if (!modules_has_counters()) {
		/* nobody says; look once a tick of the coarse clock */
		uint64_t tick = sys_clock_coarse_ns();

		return __atomic_exchange_n(&list.seen_tick, tick, __ATOMIC_RELAXED) != tick;
	}
	epoch = modules_epoch();
	if (likely(epoch == seen))
		return false;
	return __atomic_exchange_n(&list.seen_epoch, epoch, __ATOMIC_RELAXED) != epoch;
}

void modules_refresh(void)
{
	struct found_object found;

	if (!modules_state.capacity)
		return;
	if (!list.find_object) {
		refresh_list(modules_epoch());
		return;
	}
	/* what _dl_find_object returns is compared, nothing of the module is read */
	for (struct known *known = newest(); known; known = older(known))
		if (is_loaded(known) &&
		    (!find_object(known->module.start, &found) || !is_same(known, &found)))
			note_unloaded(known);
}

void modules_publish_all(void)
{
	list.walk_lock.word = 0; /* the thread that held it is not in this process */
	for (struct known *known = newest(); known; known = older(known))
		write_entry(known);
}
