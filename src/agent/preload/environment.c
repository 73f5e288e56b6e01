/* SPDX-License-Identifier: MIT */
/*
 * environment.c: see environment.h.
 *
 * LD_PRELOAD is a list with blanks or colons between its entries. An entry is the agent if it is the
 * path that this library was loaded by, or if its last part is the agent's name (the same file under
 * another path).
 */
#include "agent/preload/environment.h"

#include <string.h>

#include "agent/preload/config.h"

static const char agent_name[] = "libmemtrace-agent.so";
static const char separators[] = ": ";

static bool is_agent(const char *entry, size_t length, const char *agent_path)
{
	size_t name_length = sizeof(agent_name) - 1;

	if (agent_path && strlen(agent_path) == length && memcmp(entry, agent_path, length) == 0)
		return true;
	if (length < name_length ||
	    memcmp(entry + length - name_length, agent_name, name_length) != 0)
		return false;
	return length == name_length || entry[length - name_length - 1] == '/';
}

/* Writes list without the agent to ret, which may be list itself, with its zero; returns its length. */
static size_t strip_list(const char *list, const char *agent_path, char *ret)
{
	size_t length = 0;

	while (*list) {
		size_t entry = strcspn(list, separators);

		if (entry > 0 && !is_agent(list, entry, agent_path)) {
			if (length > 0)
				ret[length++] = ':';
			memmove(ret + length, list, entry);
			length += entry;
		}
		list += entry;
		list += strspn(list, separators);
	}
	ret[length] = 0;
	return length;
}

static bool list_has_agent(const char *list, const char *agent_path)
{
	while (*list) {
		size_t entry = strcspn(list, separators);

		if (is_agent(list, entry, agent_path))
			return true;
		list += entry;
		list += strspn(list, separators);
	}
	return false;
}

static bool is_config_variable(const char *entry)
{
	const char *const *name;

	for (name = config_variables; *name; name++)
		if (config_value(entry, *name))
			return true;
	return false;
}

void environment_measure(char *const *environment, const char *agent_path,
			 struct environment_size *ret)
{
	*ret = (struct environment_size){.n_entries = 1};
	for (; environment && *environment; environment++) {
		const char *list = config_value(*environment, "LD_PRELOAD");

		ret->n_entries++;
		if (list && list_has_agent(list, agent_path)) {
			ret->has_agent = true;
			ret->n_bytes += strlen(*environment) + 1;
		} else if (is_config_variable(*environment)) {
			ret->has_agent = true;
		}
	}
}

void environment_strip(char *const *environment, const char *agent_path, char **ret_entries,
		       char *ret_bytes)
{
	static const char prefix[] = "LD_PRELOAD=";

	for (; environment && *environment; environment++) {
		const char *list = config_value(*environment, "LD_PRELOAD");
		char *copy = ret_bytes ? ret_bytes : *environment;
		size_t length;

		if (is_config_variable(*environment))
			continue;
		if (!list || !list_has_agent(list, agent_path)) {
			*ret_entries++ = *environment;
			continue;
		}
		length = strip_list(list, agent_path, copy + sizeof(prefix) - 1);
		if (length == 0)
			continue;
		memcpy(copy, prefix, sizeof(prefix) - 1);
		*ret_entries++ = copy;
		if (ret_bytes)
			ret_bytes += sizeof(prefix) + length;
	}
	*ret_entries = NULL;
}
