/* SPDX-License-Identifier: MIT */
/*
 * jitname.c: V8 says what kind of code it is, a colon, how far it is optimized ("~" interpreted, "^" without
 * feedback, "+" in the middle, "*" all the way), then name, blank, and where it begins. Names may have blanks
 * ("get size"), so may folders: the place begins at the first blank behind which one can begin. What is not of
 * that form is left as it is, since the map may be anybody's.
 */
#include "symbolize/jitname.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Goes back over digits and the colon before them; NULL if they are not there. */
static const char *before_number(const char *start, const char *end)
{
	const char *at = end;

	while (at > start && is_digit(at[-1]))
		at--;
	return at < end && at > start && at[-1] == ':' ? at - 1 : NULL;
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether a script's name may begin there. */
static bool begins_place(const char *text)
{
	return text[0] == '/' || begins_with(text, "node:") || begins_with(text, "file:") ||
	       begins_with(text, "evalmachine.") || begins_with(text, "wasm:");
}

static const char *find_place(const char *name)
{
	const char *last = NULL;

	for (const char *blank = strchr(name, ' '); blank; blank = strchr(blank + 1, ' ')) {
		if (begins_place(blank + 1))
			return blank + 1;
		last = blank + 1;
	}
	return last;
}

static bool split_script(const char *name, struct jitname *ret)
{
	static const char *const kinds[] = {"JS:", "LazyCompile:", "Function:", "Eval:", "Script:"};
	const char *place, *line_end, *file_end;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!begins_with(name, kinds[i]))
			continue;
		name += strlen(kinds[i]);
		name += name[0] && strchr("~^+*", name[0]);
		place = find_place(name);
		line_end = place ? before_number(place, place + strlen(place)) : NULL;
		file_end = line_end ? before_number(place, line_end) : NULL;
		if (!file_end || file_end == place)
			return false;
		ret->function = name;
		ret->function_length = (size_t)(place - 1 - name);
		ret->file = place;
		ret->file_length = (size_t)(file_end - place);
		ret->line = (uint32_t)MIN(strtoull(file_end + 1, NULL, 10),
					  (unsigned long long)INT32_MAX);
		return true;
	}
	return false;
}

static bool split_python(const char *name, struct jitname *ret)
{
	const char *colon;

	if (!begins_with(name, "py::"))
		return false;
	name += strlen("py::");
	colon = strchr(name, ':');
	if (!colon || colon == name || !colon[1])
		return false;
	ret->function = name;
	ret->function_length = (size_t)(colon - name);
	ret->file = colon + 1;
	ret->file_length = strlen(ret->file);
	return true;
}

void jitname_split(const char *name, struct jitname *ret)
{
	*ret = (struct jitname){};
	if (split_script(name, ret) || split_python(name, ret))
		return;
	*ret = (struct jitname){.function = name, .function_length = strlen(name)};
}
