/* SPDX-License-Identifier: MIT */
/*
 * module.c: everything that is known of one file, brought together.
 *
 * Functions come from two sources that know different things. Debug information has inlined calls, lines
 * and the name in the source; the symbol table has what the linker made of it: clones, aliases, where
 * the function really starts. So a frame's function is taken from debug information where there is any,
 * and the symbol adds its name and the offset. Two things the symbol knows better:
 *
 *   - gcc writes no linkage name for C++ functions that are not visible outside, but their local symbol
 *     has it, and with it the scope and the parameters (where such a function was inlined, there is no
 *     symbol, and the scope is worked out);
 *   - glibc implements strdup as __strdup: people know the alias.
 *
 * Whatever is missing leaves a hole in the frame and a reason, and never stops the rest.
 */
#include "symbolize/module.h"

#include <string.h>

#include "symbolize/dwarf-index.h"
#include "symbolize/symtab.h"

struct module {
	char *path;
	struct build_id build_id;
	bool is_loaded;
	/* any of these may be NULL */
	struct elffile *file, *debug, *mini;
	struct dwarf_index *dwarf; /* of file or debug */
	struct symtab symtab;      /* its names are in file, debug or mini */
	bool is_stripped;          /* symtab has only what is exported */
	const char *why;           /* why there is no file */
};

int module_new(const char *path, const struct build_id *build_id, struct module **ret)
{
	_cleanup_(module_freep) struct module *module = calloc(1, sizeof(*module));

	if (!module)
		return -ENOMEM;
	module->path = strdup(path);
	if (!module->path)
		return -ENOMEM;
	module->build_id = *build_id;
	*ret = TAKE_PTR(module);
	return 0;
}

struct module *module_free(struct module *module)
{
	if (!module)
		return NULL;
	dwarf_index_free(module->dwarf);
	symtab_deinit(&module->symtab);
	elffile_free(module->mini);
	elffile_free(module->debug);
	elffile_free(module->file);
	free(module->path);
	free(module);
	return NULL;
}

bool module_is(const struct module *module, const char *path, const struct build_id *build_id)
{
	return strcmp(module->path, path) == 0 && module->build_id.size == build_id->size &&
	       memcmp(module->build_id.bytes, build_id->bytes, build_id->size) == 0;
}

static bool has_section(const struct elffile *file, const char *name)
{
	GElf_Shdr header;

	return elffile_section(file, name, &header) && header.sh_type != SHT_NOBITS;
}

static bool has_dwarf(const struct elffile *file)
{
	return has_section(file, ".debug_info") || has_section(file, ".zdebug_info");
}

static int load_symtab(struct module *module)
{
	int r = 0;

	if (module->file)
		r = symtab_add(&module->symtab, module->file, SHT_SYMTAB);
	if (r == 0 && module->debug)
		r = symtab_add(&module->symtab, module->debug, SHT_SYMTAB);
	if (r == 0 && module->file) {
		module->is_stripped = true;
		r = debuginfo_open_mini(module->file, &module->mini);
		if (r == 0 && module->mini) {
			r = symtab_add(&module->symtab, module->mini, SHT_SYMTAB);
			module->is_stripped = false;
		}
		if (r >= 0)
			r = symtab_add(&module->symtab, module->file, SHT_DYNSYM);
	}
	return r < 0 ? r : symtab_build(&module->symtab);
}

static int load(struct module *module, const struct debuginfo_places *places)
{
	struct elffile *with_dwarf;
	int r;

	if (module->is_loaded)
		return 0;
	module->is_loaded = true;
	r = debuginfo_open_module(places, module->path, &module->build_id, &module->file,
				  &module->why);
	if (r < 0)
		return r;
	if (!module->file || !has_dwarf(module->file)) {
		r = debuginfo_open_separate(places, module->file, &module->build_id,
					    &module->debug);
		if (r < 0)
			return r;
	}
	r = load_symtab(module);
	if (r < 0)
		return r;

	with_dwarf = module->debug ?: module->file;
	if (with_dwarf) {
		r = dwarf_index_new(places, with_dwarf, module->file ?: module->debug,
				    &module->dwarf);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	/* what cannot be detached stays readable through its descriptor */
	if (module->file)
		(void)elffile_detach(module->file);
	if (module->debug)
		(void)elffile_detach(module->debug);
	return 0;
}

static const char *why_no_function(const struct module *module)
{
	if (!module->file && !module->debug)
		return module->why;
	if (module->is_stripped)
		return "stripped: no symbol table";
	return "no symbol covers this address";
}

/* Without the version that the table may have behind it. */
static int symbol_name(struct string_pool *pool, const struct symbol *symbol, const char **ret)
{
	const char *name = symbol->name, *version = strchr(name, '@');

	if (version) {
		name = string_pool_add_n(pool, name, (size_t)(version - name));
		if (!name)
			return -ENOMEM;
	}
	*ret = name;
	return 0;
}

/* "helper(int) [clone .constprop.0]" to "helper(int)": the same function in the source. */
static int without_clone(struct string_pool *pool, const char **name)
{
	const char *clone = strstr(*name, " [clone ");

	if (!clone)
		return 0;
	*name = string_pool_add_n(pool, *name, (size_t)(clone - *name));
	return *name ? 0 : -ENOMEM;
}

/*
 * Sets the function if the symbol knows it better than debug information, which calls it name (maybe
 * NULL). It was not inlined.
 */
static int name_by_symbol(struct module_context *context, const struct symbol *symbol,
			  uint64_t entry, const char *name, struct symbolizer_frame *frame)
{
	const char *known_as = frame->linkage_name;
	int r;

	if (demangle_is_mangled(known_as) && (!name || strstr(known_as, name))) {
		r = demangler_get(&context->demangler, context->pool, known_as, &frame->function);
		if (r < 0 || !frame->function)
			return r;
		return without_clone(context->pool, &frame->function);
	}
	if (!name || (symbol->start == entry && !strchr(known_as, '.') &&
		      symtab_count_underscores(known_as) < symtab_count_underscores(name)))
		frame->function = known_as;
	return 0;
}

static int locate_frame(struct module_context *context, const struct dwarf_place *place,
			struct symbolizer_frame *frame)
{
	*frame = (struct symbolizer_frame){.line = place->line};
	if (!place->file)
		return 0;
	frame->file = source_paths_get(&context->paths, context->pool, place->dir, place->file);
	return frame->file ? 0 : -ENOMEM;
}

/* Sets name->shown if the linkage name says it all. */
static int show_linkage_name(struct module_context *context, struct dwarf_name *name)
{
	int r;

	if (name->shown || !name->linkage)
		return 0;
	r = demangler_get(&context->demangler, context->pool, name->linkage, &name->shown);
	name->is_shown_by_linkage = name->shown != NULL;
	return r;
}

/* Sets name->shown, if there is a name at all. */
static int show_name(struct module_context *context, struct dwarf_name *name)
{
	if (name->shown)
		return 0;
	if (name->name && name->is_scoped)
		return dwarf_scopes_get(&context->scopes, context->pool, &name->declaration,
					name->name, &name->shown);
	name->shown = name->name ?: name->linkage;
	return 0;
}

/* Names the frame of a call that was inlined, or of a function that its symbol says nothing of. */
static int name_call(struct module_context *context, struct dwarf_name *name,
		     struct symbolizer_frame *frame)
{
	int r = show_name(context, name);

	frame->function = name->shown;
	return r;
}

/* Names the frame of a function that was not inlined. symbol may be NULL. */
static int name_function(struct module_context *context, struct dwarf_name *name,
			 const struct symbol *symbol, uint64_t entry,
			 struct symbolizer_frame *frame)
{
	int r = 0;

	if (symbol) {
		r = symbol_name(context->pool, symbol, &frame->linkage_name);
		if (r >= 0 && !name->is_shown_by_linkage)
			r = name_by_symbol(context, symbol, entry, name->name, frame);
	}
	return r < 0 || frame->function ? r : name_call(context, name, frame);
}

/* A frame of a call that debug information tells. symbol is for one that was not inlined. */
static int make_frame(struct module_context *context, const struct dwarf_call *call, bool inlined,
		      const struct symbol *symbol, uint64_t entry, struct symbolizer_frame *frame)
{
	struct dwarf_shown *shown = call->shown;
	int r = locate_frame(context, &call->place, frame);

	frame->inlined = inlined;
	if (r >= 0 && shown && shown->is_known) {
		frame->function = shown->function;
		frame->linkage_name = shown->linkage;
	} else if (r >= 0) {
		r = show_linkage_name(context, call->name);
		frame->linkage_name = call->name->linkage;
		if (r >= 0)
			r = inlined ? name_call(context, call->name, frame)
				    : name_function(context, call->name, symbol, entry, frame);
		if (r >= 0 && shown)
			*shown = (struct dwarf_shown){true, frame->function, frame->linkage_name};
	}
	if (!frame->function)
		frame->why = "no name in the debug information";
	else if (!frame->line)
		frame->why = "no line is known";
	return r;
}

/* Makes the frames of calls, from the outermost one or from what was kept, and keeps them. */
static int keep_calls(struct module_context *context, const struct dwarf_call *calls, size_t n,
		      const struct symbol *symbol, uint64_t entry, uint32_t *ret)
{
	const uint32_t *kept = calls[n - 1].around;
	uint32_t number = kept ? *kept : ANSWERS_NONE;
	bool inlined = number != ANSWERS_NONE;

	for (size_t i = n; i-- > 0; inlined = true) {
		struct symbolizer_frame frame;
		int r;

		if (calls[i].around)
			*calls[i].around = number;
		r = make_frame(context, &calls[i], inlined, symbol, entry, &frame);
		if (r >= 0)
			r = answers_add_frame(&context->answers, &frame, number, &number);
		if (r < 0)
			return r;
	}
	*ret = number;
	return 0;
}

/* The only frame where debug information tells no function. */
static int make_symbol_frame(struct module *module, struct module_context *context,
			     const struct symbol *symbol, const struct dwarf_place *place,
			     const char *why, struct symbolizer_frame *frame)
{
	const char *readable;
	int r = locate_frame(context, place, frame);

	if (r < 0)
		return r;
	if (!symbol) {
		frame->why = why_no_function(module);
		return 0;
	}
	r = symbol_name(context->pool, symbol, &frame->linkage_name);
	if (r < 0)
		return r;
	r = demangler_get(&context->demangler, context->pool, frame->linkage_name, &readable);
	if (r < 0)
		return r;
	frame->function = readable ?: frame->linkage_name;
	if (!frame->line)
		frame->why = why;
	return 0;
}

int module_resolve(struct module *module, struct module_context *context, uint64_t address,
		   uint32_t *ret_frame, uint64_t *ret_offset)
{
	struct dwarf_call calls[DWARF_MAX_CALLS];
	struct symbolizer_frame frame;
	const struct symbol *symbol;
	const char *why = "no debug information";
	uint64_t entry = 0;
	int n = 0, r = load(module, &context->places);

	if (r < 0)
		return r;
	symbol = symtab_find(&module->symtab, address);
	calls[0].place = (struct dwarf_place){};
	if (module->dwarf) {
		n = dwarf_index_find(module->dwarf, address, symbol, calls, &entry, &why);
		if (n < 0)
			return n;
	}
	*ret_offset = 0;
	if (symbol)
		*ret_offset = address - symbol->start;
	else if (n > 0 && address >= entry)
		*ret_offset = address - entry;
	if (n > 0)
		return keep_calls(context, calls, (size_t)n, symbol, entry, ret_frame);
	r = make_symbol_frame(module, context, symbol, &calls[0].place, why, &frame);
	return r < 0 ? r : answers_add(&context->answers, &frame, 1, ret_frame);
}

void module_forget(struct module *module)
{
	if (module->dwarf)
		dwarf_index_forget(module->dwarf);
}
