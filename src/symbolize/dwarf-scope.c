/* SPDX-License-Identifier: MIT */
/*
 * dwarf-scope.c: the way from an entry up to its unit.
 *
 * Entries of DWARF know what is in them and not what they are in. So all entries of a unit that can be a
 * scope are noted once, in the order of the file: where each starts, where it ends behind its last child, and
 * which one is around it. The scope of a function's entry is the last one that started before it, or of those
 * around that one the first that has not ended. Most functions of a unit share their scopes, so a scope keeps its
 * text, with all around it.
 *
 * A function that was inlined, or defined outside of its class, refers to the entry where it was
 * declared, and only that stands in its scope: so references are followed first, maybe into another
 * unit.
 */
#include "symbolize/dwarf-scope.h"

#include <dwarf.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "base/search.h"
#include "base/strbuf.h"
#include "symbolize/dwarf-entry.h"

enum { MAX_DEPTH = 100, MAX_SCOPES = 1 << 20, MAX_REFERENCES = 16, NO_PARENT = -1 };

struct scope {
	uint32_t start, end; /* from the unit's start: its entry, and the end of what is in it */
	int32_t parent;      /* index, or NO_PARENT */
	const char
		*text; /* "shop::Basket::", in the pool; NULL: not asked yet, or it has no name */
};

struct unit_scopes {
	Dwarf_Die unit; /* its first entry, where counting starts */
	struct scope *scopes;
	size_t n_scopes;
};

/* One question. */
struct asking {
	struct dwarf_scopes *scopes;
	struct string_pool *pool;
	struct strbuf text;
};

static void asking_deinit(struct asking *asking)
{
	strbuf_deinit(&asking->text);
}

static struct unit_scopes *unit_scopes_free(struct unit_scopes *unit)
{
	if (!unit)
		return NULL;
	free(unit->scopes);
	free(unit);
	return NULL;
}
DEFINE_CLEANUP(struct unit_scopes *, unit_scopes_free)

void dwarf_scopes_deinit(struct dwarf_scopes *scopes)
{
	map_for_each (entry, &scopes->units)
		unit_scopes_free((struct unit_scopes *)(uintptr_t)entry->value);
	map_deinit(&scopes->units);
}

static bool is_scope(int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_subprogram:
		return true;
	default:
		return false;
	}
}

/* From the unit's start; what lies behind 4 GiB is as if it were there. */
static uint32_t place_of(const struct unit_scopes *unit, const uint8_t *at)
{
	return (uint32_t)MIN((uintptr_t)at - (uintptr_t)unit->unit.addr, (uintptr_t)UINT32_MAX);
}

/* Returns its index or -ENOMEM. */
static int add_scope(struct unit_scopes *unit, const uint8_t *start, int parent)
{
	if (GROW(unit->scopes, unit->n_scopes) < 0)
		return -ENOMEM;
	unit->scopes[unit->n_scopes] =
		(struct scope){.start = place_of(unit, start), .parent = parent};
	return (int)unit->n_scopes++;
}

/* Notes the scopes from at to the end of the list, and sets at behind it. -EBADMSG: it makes no sense. */
static int walk(struct unit_scopes *unit, struct dwarf_shapes *shapes, const uint8_t **at,
		int parent, int depth)
{
	struct dwarf_entry entry;
	int r;

	while ((r = dwarf_entry_read(shapes, dwarf_entry_pass(shapes, *at), &entry)) >= 0) {
		int index = parent;

		*at = entry.behind;
		if (entry.tag == 0)
			return 0;
		if (unit->n_scopes >= MAX_SCOPES)
			return -EBADMSG;
		if (!entry.has_children)
			continue;
		if (is_scope((int)entry.tag)) {
			index = add_scope(unit, entry.start, parent);
			if (index < 0)
				return index;
		}
		r = (index != parent || entry.tag == DW_TAG_lexical_block) && depth < MAX_DEPTH
			    ? walk(unit, shapes, at, index, depth + 1)
			    : dwarf_entry_skip(shapes, &entry, at);
		/* what has no end of its own ends with the unit */
		if (index != parent)
			unit->scopes[index].end = place_of(unit, r < 0 ? shapes->end : *at);
		if (r < 0)
			return r;
	}
	return r;
}

static int walk_unit(struct unit_scopes *unit)
{
	_cleanup_(dwarf_shapes_deinit) struct dwarf_shapes shapes = {};
	const uint8_t *at = unit->unit.addr;
	struct dwarf_entry entry;
	int r = dwarf_shapes_init(&shapes, &unit->unit);

	if (r >= 0)
		r = dwarf_entry_read(&shapes, at, &entry);
	if (r >= 0 && entry.has_children) {
		at = entry.behind;
		r = walk(unit, &shapes, &at, NO_PARENT, 0);
	}
	return r == -EBADMSG ? 0 : r;
}

/* The index of the scope that an entry stands in, or NO_PARENT. */
static int32_t find_scope(const struct unit_scopes *unit, const Dwarf_Die *die)
{
	const uint32_t place = place_of(unit, die->addr);
	/* the first scope that does not start before it */
	const size_t low = SEARCH(unit->n_scopes, i, unit->scopes[i].start < place);
	int32_t index;

	for (index = (int32_t)low - 1; index != NO_PARENT; index = unit->scopes[index].parent)
		if (place < unit->scopes[index].end)
			break;
	return index;
}

static int get_unit(struct dwarf_scopes *scopes, const Dwarf_Die *declaration,
		    struct unit_scopes **ret)
{
	_cleanup_(unit_scopes_freep) struct unit_scopes *unit = NULL;
	Dwarf_Die die = *declaration, top;
	int r;

	if (!dwarf_diecu(&die, &top, NULL, NULL)) {
		*ret = NULL;
		return 0;
	}
	*ret = map_get_ptr(&scopes->units, (uintptr_t)top.addr);
	if (*ret)
		return 0;
	unit = calloc(1, sizeof(*unit));
	if (!unit)
		return -ENOMEM;
	unit->unit = top;
	r = walk_unit(unit);
	if (r >= 0)
		r = map_set(&scopes->units, (uintptr_t)top.addr, (uintptr_t)unit);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(unit);
	return 0;
}

/* To the entry where it was declared first. */
static void follow_references(Dwarf_Die *die)
{
	for (int i = 0; i < MAX_REFERENCES; i++) {
		Dwarf_Attribute attribute;
		Dwarf_Die next;

		if (!dwarf_attr(die, DW_AT_abstract_origin, &attribute) &&
		    !dwarf_attr(die, DW_AT_specification, &attribute))
			break;
		if (!dwarf_formref_die(&attribute, &next))
			break;
		*die = next;
	}
}

static const char *name_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
}

static int add_qualified(struct asking *asking, Dwarf_Die *die, int depth);

/* What a scope without a name is called, after the member that is asked for. */
static const char *unnamed(int tag, const char *member)
{
	if (tag == DW_TAG_namespace)
		return "(anonymous namespace)";
	return strcmp(member, "operator()") == 0 ? "{lambda}" : "{unnamed}";
}

static int add_scope_text(struct asking *asking, struct unit_scopes *unit, int32_t index,
			  const char *member, int depth);

/* The name of one scope, with all around it. is_named: it is the same for all members. */
static int make_scope_text(struct asking *asking, struct unit_scopes *unit, int32_t index,
			   const char *member, int depth, bool *is_named)
{
	const struct scope *scope = &unit->scopes[index];
	Dwarf_Die die = {.addr = (uint8_t *)unit->unit.addr + scope->start, .cu = unit->unit.cu};
	const int tag = dwarf_tag(&die);
	const char *name = name_of(&die);
	int r;

	*is_named = name != NULL;
	/* a function may have been declared elsewhere, and then that is its scope */
	if (tag == DW_TAG_subprogram) {
		r = add_qualified(asking, &die, depth + 1);
		if (r == 0)
			strbuf_adds(&asking->text, "()::");
		return r < 0 ? r : 0;
	}
	if (!name)
		name = unnamed(tag, member);
	if (scope->parent != NO_PARENT && depth < MAX_DEPTH) {
		r = add_scope_text(asking, unit, scope->parent, name, depth + 1);
		if (r < 0)
			return r;
	}
	strbuf_adds(&asking->text, name);
	return strbuf_adds(&asking->text, "::");
}

static int add_scope_text(struct asking *asking, struct unit_scopes *unit, int32_t index,
			  const char *member, int depth)
{
	const size_t before = asking->text.length;
	struct scope *scope = &unit->scopes[index];
	bool is_named;
	int r;

	if (scope->text)
		return strbuf_adds(&asking->text, scope->text);
	r = make_scope_text(asking, unit, index, member, depth, &is_named);
	if (r < 0 || !is_named)
		return r;
	scope->text = string_pool_add(asking->pool, strbuf_text(&asking->text) + before);
	return scope->text ? 0 : -ENOMEM;
}

/* A name behind the scopes that declaration stands in. */
static int add_with_scopes(struct asking *asking, const Dwarf_Die *declaration, const char *name,
			   int depth)
{
	struct unit_scopes *unit;
	int32_t index;
	int r = get_unit(asking->scopes, declaration, &unit);

	if (r < 0)
		return r;
	index = unit ? find_scope(unit, declaration) : NO_PARENT;
	if (index != NO_PARENT) {
		r = add_scope_text(asking, unit, index, name, depth);
		if (r < 0)
			return r;
	}
	return strbuf_adds(&asking->text, name);
}

/* Returns 0, 1 if it has no name, -ENOMEM. */
static int add_qualified(struct asking *asking, Dwarf_Die *die, int depth)
{
	Dwarf_Die declaration = *die;
	const char *name = name_of(die);

	if (!name || depth > MAX_DEPTH)
		return 1;
	follow_references(&declaration);
	return add_with_scopes(asking, &declaration, name, depth + 1);
}

int dwarf_scopes_get(struct dwarf_scopes *scopes, struct string_pool *pool,
		     const Dwarf_Die *declaration, const char *name, const char **ret)
{
	_cleanup_(asking_deinit) struct asking asking = {scopes, pool, {}};
	const char *text;
	int r = add_with_scopes(&asking, declaration, name, 0);

	if (r < 0)
		return r;
	text = string_pool_add(pool, strbuf_text(&asking.text));
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}
