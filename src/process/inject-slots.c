/* SPDX-License-Identifier: MIT */
/*
 * inject-slots.c: which words of a process lead to its allocator.
 *
 *	slots of the global offset tables, bound ones (JUMP_SLOT, GLOB_DAT)
 *	words of data with the address of such a function (R_X86_64_64): tables of functions, vtables
 *	the loader's own pointers to malloc, calloc, realloc and free, which have no relocation
 *	values in the symbol table of the module that defines the function
 *
 * The last are for everything that is bound later: slots that have not been used yet, modules that are
 * loaded, dlsym. They need no watching and no second visit, and are in time for the constructors of a
 * plugin. A slot that has not been bound still leads to the loader, and is left alone.
 *
 * A word is changed only if it holds the address of one of the originals: what else a relocation may
 * have put there is none of ours. Which original it is tells the variant, and the hook.
 */
#include "process/inject-slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/macro.h"
#include "region/abi.h"

#if defined(__aarch64__)
enum {
	SLOT_JUMP = R_AARCH64_JUMP_SLOT,
	SLOT_GOT = R_AARCH64_GLOB_DAT,
	SLOT_WORD = R_AARCH64_ABS64
};
#else
enum { SLOT_JUMP = R_X86_64_JUMP_SLOT, SLOT_GOT = R_X86_64_GLOB_DAT, SLOT_WORD = R_X86_64_64 };
#endif

enum {
	PAGE = 4096,
	GROUP_GAP = 4 * PAGE, /* slots as near as this are changed together */
	LOADER_DATA_MAX = 1 << 20,
	PROT_R = 1,
	PROT_W = 2,
	PROT_X = 4,
};

#define FUNCTION_NAME(name) #name,
static const char *const function_names[] = {INJECT_FUNCTIONS(FUNCTION_NAME)};

/* One address and what is to replace it. */
struct exchange {
	uint64_t from, to;
};

struct collector {
	struct memory *memory;
	const struct maps *maps;
	struct exchange *exchanges; /* by from */
	size_t n_exchanges;
	struct inject_slots *slots;
};

static int compare_exchange(const void *a, const void *b)
{
	const struct exchange *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

static const struct exchange *find_exchange(const struct collector *collector, uint64_t value)
{
	struct exchange key = {value, 0};

	if (!value)
		return NULL;
	return bsearch(&key, collector->exchanges, collector->n_exchanges, sizeof(key),
		       compare_exchange);
}

static int add_patch(struct collector *collector, uint64_t address, uint64_t expected,
		     uint64_t value)
{
	struct inject_slots *slots = collector->slots;

	/* an atomic store may not cross a line; compilers align all of these */
	if (!IS_ALIGNED(address, 8ull))
		return 0;
	if (GROW(slots->patches, slots->n_patches) < 0)
		return -ENOMEM;
	slots->patches[slots->n_patches++] = (struct inject_patch){address, expected, value};
	return 0;
}

/* The word at address, if it leads to something that is exchanged. */
static int consider_word(struct collector *collector, uint64_t address)
{
	const struct exchange *exchange;
	uint64_t value;

	if (memory_read(collector->memory, address, &value, sizeof(value)) < 0)
		return 0;
	exchange = find_exchange(collector, value);
	return exchange ? add_patch(collector, address, value, exchange->to) : 0;
}

static bool is_interesting(const char *name)
{
	/* libc's own names for the same functions */
	if (strncmp(name, "__libc_", 7) == 0)
		name += 7;
	else if (strncmp(name, "__", 2) == 0)
		name += 2;
	for (size_t i = 0; i < ARRAY_SIZE(function_names); i++)
		if (strcmp(name, function_names[i]) == 0)
			return true;
	return false;
}

static int consider_relocations(struct collector *collector, const struct inject_module *module)
{
	for (size_t i = 0; i < module->n_relocations; i++) {
		const Elf64_Rela *relocation = &module->relocations[i];
		uint32_t type = ELF64_R_TYPE(relocation->r_info);
		size_t index = ELF64_R_SYM(relocation->r_info);
		int r;

		if ((type != SLOT_JUMP && type != SLOT_GOT && type != SLOT_WORD) || index == 0 ||
		    index >= module->n_symbols ||
		    !is_interesting(inject_module_name_of(module, &module->symbols[index])))
			continue;
		r = consider_word(collector, module->bias + relocation->r_offset);
		if (r < 0)
			return r;
	}
	return 0;
}

static int consider_symbols(struct collector *collector, const struct inject_module *module)
{
	for (size_t i = 1; i < module->n_symbols; i++) {
		const Elf64_Sym *symbol = &module->symbols[i];
		const struct exchange *exchange;
		uint64_t at =
			module->symbols_at + i * sizeof(*symbol) + offsetof(Elf64_Sym, st_value);
		int r;

		if (symbol->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC)
			continue;
		exchange = find_exchange(collector, module->bias + symbol->st_value);
		if (!exchange)
			continue;
		r = add_patch(collector, at, symbol->st_value, exchange->to - module->bias);
		if (r < 0)
			return r;
	}
	return 0;
}

/* All words of the loader's data. */
static int consider_data(struct collector *collector, const struct inject_module *module)
{
	for (size_t i = 0; i < collector->maps->n_mappings; i++) {
		const struct mapping *mapping = &collector->maps->mappings[i];
		uint64_t size = mapping->end - mapping->start;
		_cleanup_free_ uint64_t *words = NULL;

		if (mapping->start < module->start || mapping->start >= module->end ||
		    mapping->exec || size > LOADER_DATA_MAX || mapping->offset == 0)
			continue;
		words = malloc(size);
		if (!words)
			return -ENOMEM;
		if (memory_read(collector->memory, mapping->start, words, size) < 0)
			continue;
		for (size_t k = 0; k < size / 8; k++) {
			const struct exchange *exchange = find_exchange(collector, words[k]);
			int r = exchange ? add_patch(collector, mapping->start + k * 8, words[k],
						     exchange->to)
					 : 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int compare_patches(const void *a, const void *b)
{
	const struct inject_patch *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

/* A word that several relocations name is one patch. */
static void sort_patches(struct inject_slots *slots)
{
	size_t n = 0;

	if (slots->n_patches == 0)
		return;
	qsort(slots->patches, slots->n_patches, sizeof(*slots->patches), compare_patches);
	for (size_t i = 1; i < slots->n_patches; i++)
		if (slots->patches[i].address != slots->patches[n].address)
			slots->patches[++n] = slots->patches[i];
	slots->n_patches = n + 1;
}

static uint32_t prot_of(const struct mapping *mapping)
{
	return (mapping->read ? PROT_R : 0u) | (mapping->write ? PROT_W : 0u) |
	       (mapping->exec ? PROT_X : 0u);
}

/* Groups never reach over the end of a mapping, so that one protection is right for all of a group. */
static int make_groups(const struct maps *maps, struct inject_slots *slots)
{
	const struct mapping *mapping = NULL;
	struct inject_group *group = NULL;
	size_t n = 0;

	slots->groups = calloc(slots->n_patches + 1, sizeof(*slots->groups));
	if (!slots->groups)
		return -ENOMEM;
	for (size_t i = 0; i < slots->n_patches; i++) {
		uint64_t address = slots->patches[i].address;
		uint64_t page = ALIGN_DOWN(address, (uint64_t)PAGE);

		if (!mapping || address >= mapping->end) {
			mapping = maps_find(maps, address);
			group = NULL;
		}
		/* nothing of a file that others share is ever written to */
		if (!mapping || mapping->shared)
			continue;
		if (!group || page > group->start + group->size + GROUP_GAP) {
			group = &slots->groups[slots->n_groups++];
			*group = (struct inject_group){page, 0, prot_of(mapping), 0};
		}
		group->size = page + PAGE - group->start;
		group->n_patches++;
		slots->patches[n++] = slots->patches[i];
	}
	slots->n_patches = n;
	return 0;
}

static int collect(struct collector *collector, const struct inject_modules *modules)
{
	int r = 0;

	qsort(collector->exchanges, collector->n_exchanges, sizeof(*collector->exchanges),
	      compare_exchange);
	for (size_t i = 0; r >= 0 && i < modules->n_modules; i++) {
		const struct inject_module *module = &modules->modules[i];

		r = consider_relocations(collector, module);
		if (r >= 0)
			r = consider_symbols(collector, module);
		if (r >= 0 && module->is_loader)
			r = consider_data(collector, module);
	}
	if (r < 0)
		return r;
	sort_patches(collector->slots);
	return make_groups(collector->maps, collector->slots);
}

#define MARK(kind, function) {function, MT_ALLOCATOR_##kind},
static uint32_t identify(const struct inject_module *module)
{
	static const struct {
		const char *name;
		uint32_t kind;
	} marks[] = {MT_ALLOCATOR_MARKS(MARK)};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (inject_module_find(module, marks[i].name))
			return marks[i].kind;
	return MT_ALLOCATOR_OTHER;
}

static void note_variant(const struct inject_module *module, struct inject_slots *slots)
{
	uint32_t variant = slots->n_variants++, kind = identify(module);
	bool has_operators = kind != MT_ALLOCATOR_GLIBC && kind != MT_ALLOCATOR_OTHER;

	if (variant == 0)
		slots->allocator = kind;
	slots->backing[variant] = (struct inject_range){module->start, module->end - module->start};
	for (size_t i = 0; i < INJECT_N_FUNCTIONS; i++) {
		const Elf64_Sym *symbol;

		/* of others it is not known whether their malloc and their operator delete agree */
		if (i >= INJECT_FIRST_OPERATOR && !has_operators)
			continue;
		symbol = inject_module_find(module, function_names[i]);
		if (symbol && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC)
			slots->originals[variant][i] = module->bias + symbol->st_value;
	}
}

static void find_variants(const struct inject_modules *modules, struct inject_slots *slots)
{
	for (size_t i = 0; i < modules->n_modules; i++) {
		const struct inject_module *module = &modules->modules[i];

		/* the malloc of a loader is for itself, before there is another */
		if (slots->n_variants < INJECT_N_VARIANTS && !module->is_loader &&
		    inject_module_find(module, "malloc") && inject_module_find(module, "free"))
			note_variant(module, slots);
	}
}

int inject_slots_originals(const struct inject_modules *modules, struct inject_slots *ret)
{
	*ret = (struct inject_slots){};
	find_variants(modules, ret);
	return ret->n_variants ? 0 : -ENOENT;
}

/* Of two names of one function the first has the hook. */
static void add_exchange(struct collector *collector, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < collector->n_exchanges; i++)
		if (collector->exchanges[i].from == from)
			return;
	collector->exchanges[collector->n_exchanges++] = (struct exchange){from, to};
}

int inject_slots_collect(struct memory *memory, const struct maps *maps,
			 const struct inject_modules *modules, const struct inject_header *header,
			 const struct inject_control *control, bool back,
			 struct inject_slots *slots)
{
	struct exchange exchanges[INJECT_N_VARIANTS * INJECT_N_FUNCTIONS];
	struct collector collector = {memory, maps, exchanges, 0, slots};

	for (size_t v = 0; v < INJECT_N_VARIANTS; v++)
		for (size_t i = 0; i < INJECT_N_FUNCTIONS; i++) {
			uint64_t original = control->originals[v][i], hook = header->hooks[v][i];

			if (original && back)
				add_exchange(&collector, hook, original);
			else if (original)
				add_exchange(&collector, original, hook);
		}
	return collect(&collector, modules);
}

void inject_slots_deinit(struct inject_slots *slots)
{
	free(slots->patches);
	free(slots->groups);
	*slots = (struct inject_slots){};
}
