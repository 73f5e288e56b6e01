/* SPDX-License-Identifier: MIT */
/*
 * modules-list.c: the list of modules that were ever seen.
 *
 * Context: any thread, inside malloc, signal handlers, forked children. No lock: an entry is filled in
 * by whoever took its number, and becomes part of the chain by one compare-and-swap on the newest; who
 * loses that race looks whether the winner added the same module, and if so leaves its number unused.
 *
 *   newest ──▶ known[7] ──▶ known[6] ──▶ … ──▶ known[1]        in private memory, copied by fork
 *   checked[7], checked[6], …                                  the epoch in which each was last seen
 *   writer.modules[7], …                                       the tool's view, in the region
 */
#include "agent/core/modules-list.h"

#include "agent/core/sys.h"
#include "agent/core/writer.h"

enum { MODULES_MAX = 4096, PATHS_SIZE = 1 << 20, AT_CWD = -100 };

static struct {
	struct known *known;
	char *paths;
	uint32_t paths_used;
	uint32_t next;   /* first index that nobody took */
	uint32_t newest; /* head of the chain */
	char exe[MT_PATH_MAX];
} list;

void known_init(void)
{
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
}

_hot_ uint64_t known_own_bytes(void)
{
	uint64_t n = __atomic_load_n(&list.next, __ATOMIC_RELAXED);
	uint64_t paths = __atomic_load_n(&list.paths_used, __ATOMIC_RELAXED);

	return ALIGN_UP(n * sizeof(struct known), 4096ull) + ALIGN_UP(n * 8, 4096ull) +
	       ALIGN_UP(paths, 4096ull);
}

struct known *known_newest(void)
{
	/* pairs with the compare-and-swap in publish */
	uint32_t index = __atomic_load_n(&list.newest, __ATOMIC_ACQUIRE);

	return index ? &list.known[index] : NULL;
}

struct known *known_older(const struct known *known)
{
	return known->older ? &list.known[known->older] : NULL;
}

struct known *known_get(uint32_t index)
{
	if (index == 0 || index >= __atomic_load_n(&list.next, __ATOMIC_ACQUIRE))
		return NULL;
	return &list.known[index];
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

/* Takes room for a path; NULL if there is none. */
static char *take_room(uint32_t size)
{
	uint32_t at = __atomic_fetch_add(&list.paths_used, size, __ATOMIC_RELAXED);

	if (list.paths && at + size <= PATHS_SIZE)
		return list.paths + at;
	__atomic_fetch_sub(&list.paths_used, size, __ATOMIC_RELAXED);
	return NULL;
}

static bool is_relative(const char *name)
{
	if (name[0] == '/')
		return false;
	while (*name && *name != '/')
		name++;
	return *name != 0; /* without a slash it is no path: linux-vdso.so.1 */
}

/* Copies the path, which the loader may take away, made absolute, and returns its length. */
static uint32_t keep_path(const char *name, const char **ret)
{
	uint32_t length = 0, prefix = 0;
	bool is_below;
	char *path;

	if (!name[0])
		name = list.exe;
	is_below = is_relative(name);
	if (is_below && name[0] == '.' && name[1] == '/')
		name += 2;
	while (length < MT_PATH_MAX - 1 && name[length])
		length++;
	path = take_room(is_below ? MT_PATH_MAX : length + 1);
	if (!path) {
		*ret = "";
		return 0;
	}
	if (is_below) {
		/* where the program is now is where it was in dlopen, nearly always */
		long r = sys_call3(SYS_NR_getcwd, (long)path, (long)(MT_PATH_MAX - length - 1), 0);

		if (r > 1) {
			prefix = (uint32_t)r;
			path[prefix - 1] = '/';
		}
	}
	__builtin_memcpy(path + prefix, name, length);
	path[prefix + length] = 0;
	*ret = path;
	return prefix + length;
}

/* All of the region's entry but its end, without which readers pass it over. */
static void write_entry(const struct known *known)
{
	struct mt_module *entry = &writer.modules[known->module.index];

	if (!writer.modules || known->module.index >= writer.modules_capacity)
		return;
	entry->start = known->module.start;
	entry->bias = known->bias;
	entry->loaded_ns = known->loaded_ns;
	entry->unloaded_ns = known->unloaded_ns;
	entry->path = writer_add_string(known->path, known->path_length);
	entry->path_length = entry->path ? known->path_length : 0;
	entry->build_id_size = known->build_id_size;
	__builtin_memcpy(entry->build_id, known->build_id, sizeof(entry->build_id));
}

static void show_entry(const struct known *known)
{
	uint32_t index = known->module.index, n;

	if (!writer.modules || index >= writer.modules_capacity)
		return;
	/* makes the entry visible to readers */
	__atomic_store_n(&writer.modules[index].end, known->module.end, __ATOMIC_RELEASE);
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

void known_note_unloaded(struct known *known)
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
	for (; known && known != end; known = known_older(known))
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
	/* before anybody else can find it and note that it is gone */
	write_entry(known);
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
	show_entry(known);
	put_event(known, MT_EVENT_MODULE_LOAD);
	return known;
}

/* Whatever was thought to be in the image's place is gone. */
static void note_replaced(const struct known *present)
{
	for (struct known *known = known_newest(); known; known = known_older(known))
		if (known != present && known_is_loaded(known) &&
		    known->module.start < present->module.end &&
		    present->module.start < known->module.end)
			known_note_unloaded(known);
}

struct known *known_note_present(const struct image *image, const struct loader_map *map,
				 const struct found_object *found, uint64_t epoch)
{
	struct known *head = known_newest(), *known = search(head, NULL, image);

	if (!known)
		known = add(image, head);
	if (!known)
		return NULL;
	__atomic_store_n(&known->map, map, __ATOMIC_RELAXED);
	if (found) {
		__atomic_store_n(&known->eh_frame_hdr, found->eh_frame_hdr, __ATOMIC_RELAXED);
		__atomic_store_n(&known->inside, found->start, __ATOMIC_RELAXED);
	}
	note_loaded(known);
	note_replaced(known);
	__atomic_store_n(&modules_state.checked[known->module.index], epoch, __ATOMIC_RELAXED);
	return known;
}

void known_publish_all(void)
{
	for (struct known *known = known_newest(); known; known = known_older(known)) {
		write_entry(known);
		show_entry(known);
	}
}
