/* SPDX-License-Identifier: MIT */
/*
 * inject-loader.c: glibc's loader, as far as it shows in its data.
 *
 * _rtld_global begins with the namespaces, of which the first word is the list of modules and the second
 * their number, and has somewhere behind them two or (since 2.36) three recursive mutexes in a row, of
 * which the first is the one that dlopen and dlclose hold, and directly behind these the number of
 * modules ever loaded. They are recognised by their kind, which is set when they are defined and never
 * changes, and by a number that is not smaller than that of the modules now; a mutex in that place would
 * begin with 0, or with two numbers in one word when it is held.
 */
#include "process/inject-loader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"

enum {
#if defined(__aarch64__)
	LOCK_SIZE = 48,
#else
	LOCK_SIZE = 40,
#endif
	LOCK_KIND = 16,
	LOCK_RECURSIVE = 1,
	COUNT_AT = 8,
	LOADED_MAX = 1 << 28,
	GLOBAL_MAX = 1 << 20,
};

static bool is_lock(const uint8_t *at)
{
	int32_t kind;

	memcpy(&kind, at + LOCK_KIND, sizeof(kind));
	return kind == LOCK_RECURSIVE;
}

/* The offset of the counter; 0 if there is none, or more than one place that it could be. */
static size_t find_counter(const uint8_t *bytes, size_t size, uint64_t count)
{
	size_t found = 0;

	for (size_t at = 2 * LOCK_SIZE; at + 8 <= size; at += 8) {
		uint64_t word;

		memcpy(&word, bytes + at, sizeof(word));
		if (word < count || word > LOADED_MAX || !is_lock(bytes + at - LOCK_SIZE) ||
		    !is_lock(bytes + at - 2 * LOCK_SIZE))
			continue;
		if (found)
			return 0;
		found = at;
	}
	return found;
}

static int read_global(struct memory *memory, uint64_t at, size_t size,
		       struct inject_modules *modules)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t counter, lock;
	uint32_t count;
	int r;

	if (size < 4 * LOCK_SIZE || size > GLOBAL_MAX)
		return 0;
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	r = memory_read(memory, at, bytes, size);
	if (r < 0)
		return r;
	memcpy(&count, bytes + COUNT_AT, sizeof(count));
	/* the kernel's own module is counted and not in our list */
	if (count < modules->n_modules || count == 0)
		return 0;
	counter = find_counter(bytes, size, count);
	if (!counter)
		return 0;
	for (lock = counter - 2 * LOCK_SIZE; lock >= LOCK_SIZE && is_lock(bytes + lock - LOCK_SIZE);
	     lock -= LOCK_SIZE)
		;
	modules->loader_lock = at + lock;
	modules->adds_at = at + counter;
	modules->count_at = at + COUNT_AT;
	memcpy(&modules->adds, bytes + counter, sizeof(modules->adds));
	modules->count = count;
	return 0;
}

/* It is a function of libc, not of the loader itself. */
static void find_function(struct inject_modules *modules)
{
	for (size_t i = 0; i < modules->n_modules && !modules->find_object; i++) {
		const struct inject_module *module = &modules->modules[i];
		const Elf64_Sym *find = inject_module_find(module, "_dl_find_object");

		if (find)
			modules->find_object = module->bias + find->st_value;
	}
}

int inject_loader_find(struct memory *memory, struct inject_modules *modules)
{
	find_function(modules);
	for (size_t i = 0; i < modules->n_modules; i++) {
		struct inject_module *module = &modules->modules[i];
		const Elf64_Sym *global = inject_module_find(module, "_rtld_global");

		if (!global)
			continue;
		module->is_loader = true;
		return read_global(memory, module->bias + global->st_value, global->st_size,
				   modules);
	}
	return 0;
}
