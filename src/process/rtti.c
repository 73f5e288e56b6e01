/* SPDX-License-Identifier: MIT */
/*
 * rtti.c: from an object's first word to its class's name.
 *
 *	object ─► vtable: … │ offset to top │ type_info * │ function │ function …
 *	          first word points here ───────────────────►│
 *	type_info: │ its own vtable │ name * │ …
 *
 * The first word of a complete object points at the first function of its class's table. In front of it
 * stand a pointer to the class's type_info and the distance to the beginning of the object, which is zero
 * for the table that comes first. A word that leads this way by chance is unlikely but there are millions
 * of words; so the type_info has to prove that it is one: it is an object itself, whose class is one of
 * three that every C++ runtime has, __class_type_info and the two that derive from it. Tables lie in
 * constant memory of images (after relocation the loader makes it so), but for those of the three, which a
 * program may have as copies among its variables. What was found is remembered, also
 * that there was nothing.
 */
#include "process/rtti.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"

enum { NAME_MAX_SIZE = 16 * 1024 };

int rtti_init(struct rtti *rtti, struct imagereader *reader)
{
	*rtti = (struct rtti){.reader = reader, .pool = string_pool_new()};
	return rtti->pool ? 0 : -ENOMEM;
}

void rtti_deinit(struct rtti *rtti)
{
	map_deinit(&rtti->classes);
	map_deinit(&rtti->families);
	string_pool_free(rtti->pool);
	*rtti = (struct rtti){0};
}

/* The two words in front of a table's first function: false if there is no table. */
static bool read_table(struct rtti *rtti, uint64_t table, uint64_t *ret_info)
{
	uint64_t head[2];

	if (table % sizeof(uint64_t) || table < sizeof(head) ||
	    imagereader_read(rtti->reader, table - sizeof(head), head, sizeof(head)) < 0)
		return false;
	*ret_info = head[1];
	return head[0] == 0 && head[1] && head[1] % sizeof(uint64_t) == 0;
}

/* Letters of mangled names; a name of a class begins like one. */
static bool is_class_name(const char *name)
{
	const char *at = name;

	if (!isdigit((unsigned char)*at) && !strchr("NSZU", *at))
		return false;
	for (; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("_.$", *at))
			return false;
	return at > name + 1;
}

/* What a type_info says of itself: its class's table and its name. */
static bool read_info(struct rtti *rtti, uint64_t info, uint64_t *ret_family,
		      char name[NAME_MAX_SIZE])
{
	uint64_t words[2];

	if (imagereader_read(rtti->reader, info, words, sizeof(words)) < 0 ||
	    !imagereader_is_constant(rtti->reader, words[1]) ||
	    imagereader_read_text(rtti->reader, words[1], name, NAME_MAX_SIZE) < 0)
		return false;
	/* local names have a mark that says: compare addresses, not text */
	if (name[0] == '*')
		memmove(name, name + 1, strlen(name));
	*ret_family = words[0];
	return is_class_name(name);
}

/* Whether table is that of a class of type_infos, each of which stands for a class. */
static bool is_family(struct rtti *rtti, uint64_t table)
{
	static const char *const names[] = {
		"N10__cxxabiv117__class_type_infoE",
		"N10__cxxabiv120__si_class_type_infoE",
		"N10__cxxabiv121__vmi_class_type_infoE",
	};
	uint64_t *known = map_find(&rtti->families, table), info, unused;
	char name[NAME_MAX_SIZE];
	bool is = false;

	if (known)
		return *known;
	if (read_table(rtti, table, &info) && read_info(rtti, info, &unused, name))
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			is |= !strcmp(name, names[i]);
	/* without memory it is asked again */
	(void)map_set(&rtti->families, table, is);
	return is;
}

int rtti_find(struct rtti *rtti, uint64_t word, const char **ret)
{
	uint64_t *known, info, family;
	char name[NAME_MAX_SIZE];
	const char *found = NULL;

	*ret = NULL;
	if (word % sizeof(uint64_t) || !imagereader_is_constant(rtti->reader, word - 1))
		return 0;
	known = map_find(&rtti->classes, word);
	if (known) {
		*ret = (const char *)(uintptr_t)*known;
		return 0;
	}
	if (imagereader_is_constant(rtti->reader, word - 2 * sizeof(uint64_t)) &&
	    read_table(rtti, word, &info) && read_info(rtti, info, &family, name) &&
	    is_family(rtti, family)) {
		found = string_pool_add(rtti->pool, name);
		if (!found)
			return -ENOMEM;
	}
	*ret = found;
	return map_set(&rtti->classes, word, (uintptr_t)found);
}
