/* SPDX-License-Identifier: MIT */
/*
 * inject-modules.c: from the kernel's auxiliary vector to the loader's list and each module's tables.
 *
 *	/proc/PID/auxv → program headers → PT_DYNAMIC → DT_DEBUG → struct r_debug → struct link_map → ...
 *
 * The process runs on meanwhile. What is read may be torn, so counts are bounded and what cannot be read
 * ends the reading; whether the modules are still the same is asked again, from inside, before anything
 * is stored (agent/inject/patch.c).
 */
#include "process/inject-modules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/grow.h"
#include "base/macro.h"
#include "process/inject-loader.h"
#include "process/inject-tables.h"

enum {
	MODULES_MAX = 4096,
	NAMESPACES_MAX = 16,
	DYNAMIC_MAX = 512,
	NAME_MAX_READ = 1024,
	CONSISTENT = 0,
};

/* link.h has them with the members that are public; these are what the ABI fixes. */
struct debug {
	int32_t version;
	uint64_t map, brk;
	int32_t state;
	uint64_t ldbase;
	uint64_t next; /* version 2 */
};
struct map_entry {
	uint64_t bias, name, dynamic, next, previous;
};

struct auxv {
	uint64_t phdr, phnum, vdso, execfn, page_size, base;
};

static void read_auxv(const Elf64_auxv_t *entries, size_t n, struct auxv *ret)
{
	*ret = (struct auxv){};
	for (size_t i = 0; i < n; i++) {
		uint64_t value = entries[i].a_un.a_val;

		switch (entries[i].a_type) {
		case AT_PHDR:
			ret->phdr = value;
			break;
		case AT_PHNUM:
			ret->phnum = value;
			break;
		case AT_SYSINFO_EHDR:
			ret->vdso = value;
			break;
		case AT_EXECFN:
			ret->execfn = value;
			break;
		case AT_BASE:
			ret->base = value;
			break;
		case AT_PAGESZ:
			ret->page_size = value;
			break;
		default:
			break;
		}
	}
}

/* Where the main program's dynamic section is. */
static int find_main_dynamic(struct memory *memory, const struct auxv *auxv, uint64_t *ret)
{
	_cleanup_free_ Elf64_Phdr *segments = NULL;
	uint64_t bias = 0, dynamic = 0;
	bool has_interpreter = false, has_bias = false;
	int r;

	if (auxv->phnum == 0 || auxv->phnum > 1024)
		return -EBADMSG;
	segments = calloc(auxv->phnum, sizeof(*segments));
	if (!segments)
		return -ENOMEM;
	r = memory_read(memory, auxv->phdr, segments, auxv->phnum * sizeof(*segments));
	if (r < 0)
		return r;
	for (size_t i = 0; i < auxv->phnum; i++) {
		if (segments[i].p_type == PT_PHDR) {
			bias = auxv->phdr - segments[i].p_vaddr;
			has_bias = true;
		}
		if (segments[i].p_type == PT_INTERP)
			has_interpreter = true;
		if (segments[i].p_type == PT_DYNAMIC)
			dynamic = segments[i].p_vaddr;
	}
	if (!has_interpreter || !dynamic || !has_bias)
		return -ENOEXEC;
	*ret = bias + dynamic;
	return 0;
}

static int find_debug(struct memory *memory, uint64_t dynamic, uint64_t *ret)
{
	Elf64_Dyn entry;

	for (unsigned i = 0; i < DYNAMIC_MAX; i++) {
		int r = memory_read(memory, dynamic + i * sizeof(entry), &entry, sizeof(entry));

		if (r < 0)
			return r;
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag != DT_DEBUG)
			continue;
		*ret = entry.d_un.d_ptr;
		return entry.d_un.d_ptr ? 0 : -EAGAIN;
	}
	return -ENOEXEC;
}

static int read_name(struct memory *memory, uint64_t address, char **ret)
{
	char buffer[NAME_MAX_READ];
	const char *slash;
	size_t length = 0;

	/* a byte at a time towards the end of what is mapped would be slow; most names fit into 64 */
	while (length + 64 <= sizeof(buffer)) {
		size_t n = 64 - (address + length) % 64;

		if (memory_read(memory, address + length, buffer + length, n) < 0)
			return -EBADMSG;
		if (memchr(buffer + length, 0, n))
			break;
		length += n;
	}
	buffer[sizeof(buffer) - 1] = 0;
	slash = strrchr(buffer, '/');
	*ret = strdup(slash ? slash + 1 : buffer);
	return *ret ? 0 : -ENOMEM;
}

/* The mappings of the same file around its dynamic section. */
static void find_extent(const struct maps *maps, uint64_t dynamic, struct inject_module *module)
{
	const struct mapping *inside = maps_find(maps, dynamic), *first, *last;
	const struct mapping *end = maps->mappings + maps->n_mappings;

	module->start = module->end = dynamic;
	if (!inside)
		return;
	for (first = inside; first > maps->mappings && first[-1].inode == inside->inode &&
			     first[-1].end == first->start;
	     first--)
		;
	for (last = inside;
	     last + 1 < end && last[1].inode == inside->inode && last[1].start == last->end; last++)
		;
	module->start = first->start;
	module->end = last->end;
}

static void module_deinit(struct inject_module *module)
{
	free(module->name);
	free(module->symbols);
	free(module->strings);
	free(module->relocations);
}

static int add_module(struct memory *memory, const struct maps *maps, const struct map_entry *map,
		      struct inject_modules *modules)
{
	struct inject_module module = {.bias = map->bias};
	int r = read_name(memory, map->name, &module.name);

	/* the kernel's own has no slots, and its addresses are its own affair */
	if (r >= 0 && strncmp(module.name, "linux-vdso", 10) == 0) {
		free(module.name);
		return 0;
	}
	if (r >= 0)
		r = inject_tables_read(memory, map->dynamic, &module);
	if (r >= 0)
		r = GROW(modules->modules, modules->n_modules);
	if (r < 0) {
		module_deinit(&module);
		return r;
	}
	find_extent(maps, map->dynamic, &module);
	modules->modules[modules->n_modules++] = module;
	return 0;
}

static int read_list(struct memory *memory, const struct maps *maps, uint64_t first,
		     struct inject_modules *modules)
{
	for (uint64_t at = first; at;) {
		struct map_entry map;
		int r = memory_read(memory, at, &map, sizeof(map));

		if (r >= 0)
			r = add_module(memory, maps, &map, modules);
		if (r < 0)
			return r;
		if (modules->n_modules > MODULES_MAX)
			return -EBADMSG;
		at = map.next;
	}
	return 0;
}

/* All namespaces of dlmopen, one behind the other. */
static int read_namespaces(struct memory *memory, const struct maps *maps,
			   struct inject_modules *modules)
{
	uint64_t at = modules->r_debug;

	for (unsigned i = 0; at && i < NAMESPACES_MAX; i++) {
		struct debug debug = {};
		int r = memory_read(memory, at, &debug, offsetof(struct debug, next));

		if (r < 0)
			return r;
		if (debug.state != CONSISTENT || !debug.map)
			return -EAGAIN;
		if (debug.version >= 2)
			r = memory_read(memory, at + offsetof(struct debug, next), &debug.next,
					sizeof(debug.next));
		if (r >= 0)
			r = read_list(memory, maps, debug.map, modules);
		if (r < 0)
			return r;
		at = debug.next;
	}
	return 0;
}

static int find_list(pid_t pid, struct memory *memory, struct inject_modules *modules)
{
	_cleanup_free_ char *bytes = NULL;
	struct auxv auxv;
	char path[64];
	uint64_t dynamic;
	size_t size;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	r = file_read(path, 65536, &bytes, &size);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	read_auxv((const void *)bytes, size / sizeof(Elf64_auxv_t), &auxv);
	modules->vdso = auxv.vdso;
	modules->interpreter = auxv.base;
	/* the path that the kernel puts at the very end of the initial stack */
	if (auxv.execfn && auxv.page_size)
		modules->main_stack_end = ALIGN_UP(auxv.execfn, auxv.page_size);
	r = find_main_dynamic(memory, &auxv, &dynamic);
	return r < 0 ? r : find_debug(memory, dynamic, &modules->r_debug);
}

/* A list that was cut off while it was read ends before the loader itself, or anywhere. */
static int check_list(const struct inject_modules *modules)
{
	for (size_t i = 0; i < modules->n_modules; i++)
		if (modules->modules[i].bias == modules->interpreter ||
		    modules->modules[i].start == modules->interpreter)
			return 0;
	return modules->interpreter ? -EAGAIN : 0;
}

int inject_modules_read(pid_t pid, struct memory *memory, const struct maps *maps,
			struct inject_modules *ret)
{
	struct inject_modules modules = {};
	int r = find_list(pid, memory, &modules);

	if (r >= 0)
		r = read_namespaces(memory, maps, &modules);
	if (r >= 0)
		r = check_list(&modules);
	if (r >= 0)
		r = inject_loader_find(memory, &modules);
	if (r < 0) {
		inject_modules_deinit(&modules);
		/* half a list, or a module that goes away */
		return r == -EFAULT || r == -EBADMSG ? -EAGAIN : r;
	}
	*ret = modules;
	return 0;
}

int inject_modules_mark(struct memory *memory, const struct inject_modules *modules,
			struct inject_mark *ret)
{
	uint32_t lock = 0, count = 0;
	int r = memory_read(memory, modules->loader_lock, &lock, sizeof(lock));

	if (r >= 0)
		r = memory_read(memory, modules->adds_at, &ret->adds, sizeof(ret->adds));
	if (r >= 0)
		r = memory_read(memory, modules->count_at, &count, sizeof(count));
	ret->count = count;
	ret->is_locked = lock != 0;
	return r;
}

void inject_modules_deinit(struct inject_modules *modules)
{
	for (size_t i = 0; i < modules->n_modules; i++)
		module_deinit(&modules->modules[i]);
	free(modules->modules);
	*modules = (struct inject_modules){};
}

const char *inject_module_name_of(const struct inject_module *module, const Elf64_Sym *symbol)
{
	return symbol->st_name < module->strings_size ? module->strings + symbol->st_name : "";
}

const Elf64_Sym *inject_module_find(const struct inject_module *module, const char *name)
{
	for (size_t i = 1; i < module->n_symbols; i++) {
		const Elf64_Sym *symbol = &module->symbols[i];

		if (symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
		    strcmp(inject_module_name_of(module, symbol), name) == 0)
			return symbol;
	}
	return NULL;
}
