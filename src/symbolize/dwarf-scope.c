/* SPDX-License-Identifier: MIT */
/*
 * dwarf-scope.c: the way from an entry up to its unit.
 *
 * Entries of DWARF know what is in them and not what they are in. So all entries of a unit that can be a
 * scope are noted once, as ranges of memory, each from behind the start of its own entry up to the one
 * behind its last child. The deepest range that a function's entry starts in is its scope, and each
 * scope knows the one around it.
 *
 * A function that was inlined, or defined outside of its class, refers to the entry where it was
 * declared, and only that stands in its scope: so references are followed first, maybe into another
 * unit.
 */
#include "symbolize/dwarf-scope.h"

#include <dwarf.h>
#include <string.h>

#include "base/strbuf.h"
#include "symbolize/dwarf-entry.h"
#include "symbolize/rangemap.h"

enum { MAX_DEPTH = 100, MAX_SCOPES = 1 << 20, MAX_REFERENCES = 16, NO_PARENT = -1 };

struct scope {
	Dwarf_Die die;
	const uint8_t *end; /* of what is in it */
	int32_t parent;     /* index, or NO_PARENT */
};

struct unit_scopes {
	struct scope *scopes;
	size_t n_scopes, capacity;
	struct rangemap map; /* addresses of entries to scopes */
};

static struct unit_scopes *unit_scopes_free(struct unit_scopes *unit)
{
	if (!unit)
		return NULL;
	free(unit->scopes);
	rangemap_deinit(&unit->map);
	free(unit);
	return NULL;
}
DEFINE_CLEANUP(struct unit_scopes *, unit_scopes_free)

void dwarf_scopes_deinit(struct dwarf_scopes *scopes)
{
	map_for_each (entry, &scopes->units)
		unit_scopes_free((struct unit_scopes *)(uintptr_t)entry->value);
	map_deinit(&scopes->units);
	map_deinit(&scopes->names);
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

/* Returns its index or -ENOMEM. */
static int add_scope(struct unit_scopes *unit, Dwarf_Die *die, int parent)
{
	if (unit->n_scopes == unit->capacity) {
		size_t capacity = unit->capacity ? 2 * unit->capacity : 64;
		struct scope *bigger = reallocarray(unit->scopes, capacity, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		unit->scopes = bigger;
		unit->capacity = capacity;
	}
	unit->scopes[unit->n_scopes] = (struct scope){.die = *die, .parent = parent};
	return (int)unit->n_scopes++;
}

/* Notes the scopes from at to the end of the list, and sets at behind it. -EBADMSG: it makes no sense. */
static int walk(struct unit_scopes *unit, struct dwarf_shapes *shapes, const uint8_t **at,
		int parent, int depth)
{
	struct dwarf_entry entry;
	int r;

	while ((r = dwarf_entry_read(shapes, *at, &entry)) >= 0) {
		Dwarf_Die die = {.addr = (void *)entry.start, .cu = shapes->unit.cu};
		int index = parent;

		*at = entry.behind;
		if (entry.tag == 0)
			return 0;
		if (unit->n_scopes >= MAX_SCOPES)
			return -EBADMSG;
		if (!entry.has_children)
			continue;
		if (is_scope((int)entry.tag)) {
			index = add_scope(unit, &die, parent);
			if (index < 0)
				return index;
		}
		r = (index != parent || entry.tag == DW_TAG_lexical_block) && depth < MAX_DEPTH
			    ? walk(unit, shapes, at, index, depth + 1)
			    : dwarf_entry_skip(shapes, &entry, at);
		/* what has no end of its own ends with the unit */
		if (index != parent)
			unit->scopes[index].end = r < 0 ? shapes->end : *at;
		if (r < 0)
			return r;
	}
	return r;
}

static int walk_unit(struct unit_scopes *unit, const Dwarf_Die *top)
{
	_cleanup_(dwarf_shapes_deinit) struct dwarf_shapes shapes = {};
	const uint8_t *at = top->addr;
	struct dwarf_entry entry;
	int r = dwarf_shapes_init(&shapes, top);

	if (r >= 0)
		r = dwarf_entry_read(&shapes, at, &entry);
	if (r >= 0 && entry.has_children) {
		at = entry.behind;
		r = walk(unit, &shapes, &at, NO_PARENT, 0);
	}
	if (r < 0 && r != -EBADMSG)
		return r;
	/* in the order of their starts, which is that of the map */
	for (size_t i = 0; i < unit->n_scopes; i++) {
		r = rangemap_add(&unit->map, (uintptr_t)unit->scopes[i].die.addr + 1,
				 (uintptr_t)unit->scopes[i].end, i, (uint32_t)i);
		if (r < 0)
			return r;
	}
	return 0;
}

static int get_unit(struct dwarf_scopes *scopes, Dwarf_Die *die, const struct unit_scopes **ret)
{
	_cleanup_(unit_scopes_freep) struct unit_scopes *unit = NULL;
	Dwarf_Die top;
	int r;

	if (!dwarf_diecu(die, &top, NULL, NULL)) {
		*ret = NULL;
		return 0;
	}
	*ret = map_get_ptr(&scopes->units, (uintptr_t)top.addr);
	if (*ret)
		return 0;
	unit = calloc(1, sizeof(*unit));
	if (!unit)
		return -ENOMEM;
	r = walk_unit(unit, &top);
	if (r >= 0)
		r = rangemap_build(&unit->map);
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

static int add_qualified(struct dwarf_scopes *scopes, Dwarf_Die *die, struct strbuf *text,
			 int depth);

/* What a scope without a name is called, after the member that is asked for. */
static const char *unnamed(int tag, const char *member)
{
	if (tag == DW_TAG_namespace)
		return "(anonymous namespace)";
	return strcmp(member, "operator()") == 0 ? "{lambda}" : "{unnamed}";
}

/* The name of one scope, with all around it. */
static int add_scope_name(struct dwarf_scopes *scopes, const struct unit_scopes *unit, int index,
			  const char *member, struct strbuf *text, int depth)
{
	Dwarf_Die die = unit->scopes[index].die;
	int tag = dwarf_tag(&die), r;
	const char *name = name_of(&die) ?: unnamed(tag, member);

	/* a function may have been declared elsewhere, and then that is its scope */
	if (tag == DW_TAG_subprogram) {
		r = add_qualified(scopes, &die, text, depth + 1);
		if (r == 0)
			strbuf_adds(text, "()::");
		return r < 0 ? r : 0;
	}
	if (unit->scopes[index].parent != NO_PARENT && depth < MAX_DEPTH) {
		r = add_scope_name(scopes, unit, unit->scopes[index].parent, name, text, depth + 1);
		if (r < 0)
			return r;
	}
	strbuf_adds(text, name);
	return strbuf_adds(text, "::");
}

/* Returns 0, 1 if it has no name, -ENOMEM. */
static int add_qualified(struct dwarf_scopes *scopes, Dwarf_Die *die, struct strbuf *text,
			 int depth)
{
	const struct unit_scopes *unit;
	Dwarf_Die declaration = *die;
	const char *name = name_of(die);
	uint32_t index;
	int r;

	if (!name || depth > MAX_DEPTH)
		return 1;
	follow_references(&declaration);
	r = get_unit(scopes, &declaration, &unit);
	if (r < 0)
		return r;
	index = unit ? rangemap_find(&unit->map, (uintptr_t)declaration.addr) : RANGE_NONE;
	if (index != RANGE_NONE) {
		r = add_scope_name(scopes, unit, (int)index, name, text, depth + 1);
		if (r < 0)
			return r;
	}
	return strbuf_adds(text, name);
}

int dwarf_scopes_get(struct dwarf_scopes *scopes, struct string_pool *pool, Dwarf_Die *die,
		     const char **ret)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	const char *name = NULL;
	uint64_t *place = map_find(&scopes->names, (uintptr_t)die->addr);
	int r;

	if (place) {
		*ret = (const char *)(uintptr_t)*place;
		return 0;
	}
	r = add_qualified(scopes, die, &text, 0);
	if (r < 0)
		return r;
	if (r == 0) {
		name = string_pool_add(pool, strbuf_text(&text));
		if (!name)
			return -ENOMEM;
	}
	r = map_set(&scopes->names, (uintptr_t)die->addr, (uintptr_t)name);
	if (r < 0)
		return r;
	*ret = name;
	return 0;
}
