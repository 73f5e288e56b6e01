/* SPDX-License-Identifier: MIT */
/*
 * cxx-name.c: works on the text, because a name in a session file is nothing else. Everything that is
 * done makes the text shorter, so it is done in place.
 *
 * A default argument is known by its name and by standing last in its list: ", std::allocator<char> >".
 * Several defaults in one list go one after the other, the last first.
 */
#include "profile/cxx-name.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/macro.h"

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void cut_out(char *at, size_t n)
{
	memmove(at, at + n, strlen(at + n) + 1);
}

static void replace_all(char *name, const char *old, const char *shorter)
{
	const size_t length = strlen(shorter);

	for (char *at = name; (at = strstr(at, old)); at += length) {
		cut_out(at, strlen(old) - length);
		for (size_t i = 0; i < length; i++)
			at[i] = shorter[i];
	}
}

/* Where the argument that begins at text ends: at the "," or ">" that is not within it; NULL: nowhere. */
static char *argument_end(char *text)
{
	unsigned depth = 0;

	for (char *at = text; *at; at++) {
		if (*at == '<' || *at == '(')
			depth++;
		else if (depth == 0 && (*at == '>' || *at == ','))
			return at;
		else if (*at == '>' || *at == ')')
			depth -= depth > 0;
	}
	return NULL;
}

static bool is_default(const char *argument)
{
	static const char *const defaults[] = {
		"std::allocator<", "std::char_traits<", "std::less<",
		"std::hash<",      "std::equal_to<",    "std::default_delete<",
	};

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		if (begins_with(argument, defaults[i]))
			return true;
	return false;
}

/* Takes the last argument away if it is a default: at is the comma before it. */
static bool cut_default(char *comma)
{
	char *end;

	if (!begins_with(comma, ", ") || !is_default(comma + 2))
		return false;
	end = argument_end(comma + 2);
	if (!end || *end != '>')
		return false;
	cut_out(comma, (size_t)(end - comma));
	return true;
}

void cxx_name_shorten(char *name)
{
	if (!strstr(name, "::"))
		return;
	replace_all(name, "std::__cxx11::", "std::");
	replace_all(name, "std::__1::", "std::");
	replace_all(name, ", (__gnu_cxx::_Lock_policy)2", "");
	replace_all(name, "<(__gnu_cxx::_Lock_policy)2>", "");
	/* from the end: what stands further out in one list becomes the last when the last has gone */
	for (char *at = name + strlen(name); at > name; at--)
		if (at[-1] == ',' && cut_default(at - 1))
			at = name + strlen(name) + 1;
	for (char *at = name; (at = strstr(at, "> >")); at++)
		cut_out(at + 1, 1);
	replace_all(name, "std::basic_string<char>", "std::string");
}

/* The length of an operator's name at text, "operator<<" or "operator()", 0 if there is none. */
static size_t operator_length(const char *text)
{
	const size_t word = strlen("operator");

	if (!begins_with(text, "operator"))
		return 0;
	return word + (begins_with(text + word, "()") ? 2 : strspn(text + word, "<>-="));
}

void cxx_name_bare(char *name)
{
	static const char anonymous[] = "(anonymous namespace)";
	char *begin = name;
	unsigned depth = 0;

	for (char *at = name; *at; at++) {
		const size_t n = operator_length(at);

		if (n > 0) {
			at += n - 1;
			/* "operator new", "operator bool": the rest up to the parameters is its name */
			at += at[1] == ' ' ? strcspn(at + 1, "(") : 0;
		} else if (begins_with(at, anonymous)) {
			at += strlen(anonymous) - 1;
		} else if (*at == '<' || *at == '{') {
			depth++;
		} else if ((*at == '>' || *at == '}') && depth > 0) {
			depth--;
		} else if (*at == ' ' && depth == 0) {
			begin = at + 1;
		} else if (*at == '(' && at > begin && at[-1] == '.') {
			/* a method of Go: "pkg.(*T).Method" */
			at += strcspn(at, ")") - 1;
		} else if (*at == '(' && depth == 0 && at > begin) {
			*at = '\0';
			break;
		}
	}
	if (*begin)
		cut_out(name, (size_t)(begin - name));
}
