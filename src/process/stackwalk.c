/* SPDX-License-Identifier: MIT */
/*
 * stackwalk.c: what libunwind asks for is answered from three places: registers from the sample, words of
 * the stack from its copy, and everything else (frame tables, code) from what the process has mapped from
 * files and cannot write to. What else there is has changed since the copy was made, so it is not there.
 *
 * Where a module's frame table is, stackmodule.c reads; static programs have none, for which one is made.
 * libunwind searches a table by itself when it is told where it is; it exports the function for that, for
 * programs like this one.
 */
#include "process/stackwalk.h"

#include <errno.h>
#include <libunwind.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/grow.h"
#include "base/macro.h"
#include "process/frametable.h"
#include "process/imagereader.h"
#include "process/space.h"
#include "process/stackmodule.h"

enum {
	CACHED_FRAMES = 4096, /* how to step out of as many places is remembered */
	NS_PER_S = 1000000000,
	SECTION_MAX = 256 << 20,
};
/* Where tables of our own are for libunwind: the kernel's half of the addresses. */
#define OWN_TABLES    UINT64_C(0xffff900000000000)
#define OWN_TABLE_MAX (UINT64_C(1) << 28)

struct stackwalk {
	pid_t pid;
	struct space space;
	struct imagereader reader;
	bool has_space;
	unw_addr_space_t address_space;
	struct stackwalk_module *modules;
	size_t n_modules;
	uint64_t looked_ns; /* when the mappings were read */
	/* of the walk that is going on */
	const struct faults_sample *sample;
};

/* Not declared in libunwind's headers, but exported by it for those who bring their own tables. */
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t address_space, unw_word_t ip,
					      unw_dyn_info_t *info, unw_proc_info_t *ret,
					      int need_unwind_info, void *userdata);

int stackwalk_module_at(const struct stackwalk *walk, uint64_t pc)
{
	/* from the youngest: what was loaded where another one was is what is there now */
	for (size_t i = walk->n_modules; i-- > 0;)
		if (walk->modules[i].start <= pc && pc < walk->modules[i].end)
			return (int)i;
	return -1;
}

/*
 * A table of our own, for what was linked without one. It stands nowhere in the process: libunwind reads it
 * at an address that no process has.
 */
static void make_frames(struct stackwalk *walk, const struct mapping *mapping,
			struct stackwalk_module *module)
{
	_cleanup_free_ uint8_t *section = NULL;
	char path[PATH_MAX];
	uint64_t at, size;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)walk->pid, mapping->path);
	if (frametable_find(path, &at, &size) < 0 || size == 0 || size > SECTION_MAX)
		return;
	at += module->bias;
	section = malloc(size);
	if (!section || imagereader_read(&walk->reader, at, section, size) < 0 ||
	    frametable_make(section, size, at, module->start, &module->own_table, &n) < 0)
		return;
	module->frames_base = module->start;
	module->frames_table = OWN_TABLES + walk->n_modules * OWN_TABLE_MAX;
	module->n_frames = (uint32_t)MIN(n, OWN_TABLE_MAX / sizeof(*module->own_table));
}

/* A word of a table of our own. */
static bool read_own(const struct stackwalk *walk, uint64_t address, void *ret, size_t size)
{
	const uint64_t index = (address - OWN_TABLES) / OWN_TABLE_MAX;
	const uint64_t at = (address - OWN_TABLES) % OWN_TABLE_MAX;

	if (address < OWN_TABLES || index >= walk->n_modules || !walk->modules[index].own_table ||
	    at + size > walk->modules[index].n_frames * sizeof(struct frametable_entry))
		return false;
	memcpy(ret, (const uint8_t *)walk->modules[index].own_table + at, size);
	return true;
}

bool stackwalk_is_file(const struct stackwalk *walk, uint64_t address)
{
	const struct mapping *mapping = maps_find(walk->space.maps, address);

	return mapping && mapping->inode && (!mapping->write || mapping->shared);
}

static int add_module(struct stackwalk *walk, const struct mapping *mapping)
{
	const int known = stackwalk_module_at(walk, mapping->start);
	struct stackwalk_module module = {};

	if (known >= 0 && walk->modules[known].start == mapping->start &&
	    strcmp(walk->modules[known].path, mapping->path) == 0)
		return 0;
	if (!stackmodule_read(&walk->reader, mapping->start, &module))
		return 0;
	if (!module.frames_table)
		make_frames(walk, mapping, &module);
	module.path = strdup(mapping->path);
	if (!module.path || GROW(walk->modules, walk->n_modules) < 0) {
		free(module.path);
		free(module.own_table);
		return -ENOMEM;
	}
	walk->modules[walk->n_modules++] = module;
	return 0;
}

static void close_space(struct stackwalk *walk)
{
	if (!walk->has_space)
		return;
	imagereader_deinit(&walk->reader);
	space_deinit(&walk->space);
	walk->has_space = false;
}

/* Reads the mappings anew and adds what is not known. */
static int look_again(struct stackwalk *walk)
{
	struct space space;
	int r = space_open_pid(walk->pid, false, &space);

	if (r < 0)
		return r;
	close_space(walk);
	walk->space = space;
	/* what points into the space points into this one */
	walk->space.maps = &walk->space.own_maps;
	walk->space.info = &walk->space.own_info;
	imagereader_init(&walk->reader, &walk->space);
	walk->has_space = true;
	walk->looked_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
	for (size_t i = 0; r >= 0 && i < walk->space.maps->n_mappings; i++) {
		const struct mapping *mapping = &walk->space.maps->mappings[i];

		if (mapping->offset == 0 && mapping->read &&
		    (mapping->inode || strcmp(mapping->path, "[vdso]") == 0))
			r = add_module(walk, mapping);
	}
	return r;
}

static int find_proc_info(unw_addr_space_t address_space, unw_word_t ip, unw_proc_info_t *ret,
			  int need_unwind_info, void *userdata)
{
	struct stackwalk *walk = userdata;
	const int index = stackwalk_module_at(walk, ip);
	const struct stackwalk_module *module = index < 0 ? NULL : &walk->modules[index];
	unw_dyn_info_t info = {};

	if (!module || !module->frames_table)
		return -UNW_ENOINFO;
	info.format = UNW_INFO_FORMAT_REMOTE_TABLE;
	info.start_ip = module->start;
	info.end_ip = module->end;
	info.u.rti.segbase = module->frames_base;
	info.u.rti.table_data = module->frames_table;
	/* in words; an entry is two numbers of four bytes */
	info.u.rti.table_len = module->n_frames * 8ull / sizeof(unw_word_t);
	return UNW_OBJ(dwarf_search_unwind_table)(address_space, ip, &info, ret, need_unwind_info,
						  userdata);
}

static void put_unwind_info(unw_addr_space_t address_space, unw_proc_info_t *info, void *userdata)
{
	/* libunwind's search keeps the information in a pool of its own, and takes it back by itself */
}

static int get_dyn_info_list_addr(unw_addr_space_t address_space, unw_word_t *ret, void *userdata)
{
	return -UNW_ENOINFO;
}

static int access_mem(unw_addr_space_t address_space, unw_word_t address, unw_word_t *value,
		      int write, void *userdata)
{
	struct stackwalk *walk = userdata;
	const uint64_t sp = walk->sample->registers[SAMPLE_REGS_SP];

	if (write)
		return -UNW_EINVAL;
	if (address >= sp && address - sp + sizeof(*value) <= walk->sample->stack_size) {
		memcpy(value, (const char *)walk->sample->stack + (address - sp), sizeof(*value));
		return 0;
	}
	if (read_own(walk, address, value, sizeof(*value)))
		return 0;
	if (imagereader_is_constant(&walk->reader, address) &&
	    imagereader_read(&walk->reader, address, value, sizeof(*value)) >= 0)
		return 0;
	return -UNW_EINVAL;
}

static int access_reg(unw_addr_space_t address_space, unw_regnum_t number, unw_word_t *value,
		      int write, void *userdata)
{
	const struct stackwalk *walk = userdata;
	const int place = sample_regs_place(number);

	if (write || place < 0)
		return -UNW_EBADREG;
	*value = walk->sample->registers[place];
	return 0;
}

static int access_fpreg(unw_addr_space_t address_space, unw_regnum_t number, unw_fpreg_t *value,
			int write, void *userdata)
{
	return -UNW_EBADREG;
}

static int resume(unw_addr_space_t address_space, unw_cursor_t *cursor, void *userdata)
{
	return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t address_space, unw_word_t address, char *ret, size_t size,
			 unw_word_t *ret_offset, void *userdata)
{
	return -UNW_ENOINFO;
}

int stackwalk_new(pid_t pid, struct stackwalk **ret)
{
	static unw_accessors_t accessors = {
		.find_proc_info = find_proc_info,
		.put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = get_dyn_info_list_addr,
		.access_mem = access_mem,
		.access_reg = access_reg,
		.access_fpreg = access_fpreg,
		.resume = resume,
		.get_proc_name = get_proc_name,
	};
	struct stackwalk *walk = calloc(1, sizeof(*walk));
	int r = walk ? 0 : -ENOMEM;

	if (r >= 0) {
		walk->pid = pid;
		walk->address_space = unw_create_addr_space(&accessors, 0);
		r = walk->address_space ? look_again(walk) : -ENOMEM;
	}
	if (r < 0) {
		stackwalk_free(walk);
		return r;
	}
	unw_set_caching_policy(walk->address_space, UNW_CACHE_GLOBAL);
	(void)unw_set_cache_size(walk->address_space, CACHED_FRAMES, 0);
	*ret = walk;
	return 0;
}

struct stackwalk *stackwalk_free(struct stackwalk *walk)
{
	if (!walk)
		return NULL;
	if (walk->address_space)
		unw_destroy_addr_space(walk->address_space);
	close_space(walk);
	for (size_t i = 0; i < walk->n_modules; i++) {
		free(walk->modules[i].path);
		free(walk->modules[i].own_table);
	}
	free(walk->modules);
	free(walk);
	return NULL;
}

size_t stackwalk_walk(struct stackwalk *walk, const struct faults_sample *sample, uint64_t *ret,
		      size_t max, bool *ret_truncated)
{
	unw_cursor_t cursor;
	size_t n = 1;
	int r;

	/* code that no module has may be of one that was loaded since; but not at every sample */
	if (stackwalk_module_at(walk, sample->registers[SAMPLE_REGS_PC]) < 0 &&
	    clock_ns(CLOCK_MONOTONIC_COARSE) >= walk->looked_ns + NS_PER_S)
		(void)look_again(walk);
	walk->sample = sample;
	ret[0] = sample->registers[SAMPLE_REGS_PC];
	r = unw_init_remote(&cursor, walk->address_space, walk);
	while (r >= 0 && n < max) {
		unw_word_t pc;

		r = unw_step(&cursor);
		if (r <= 0 || unw_get_reg(&cursor, UNW_REG_IP, &pc) < 0 || pc == 0)
			break;
		ret[n++] = pc;
	}
	*ret_truncated = r < 0 || n == 1;
	return n;
}

const struct stackwalk_module *stackwalk_modules(const struct stackwalk *walk, size_t *ret_n)
{
	*ret_n = walk->n_modules;
	return walk->modules;
}
