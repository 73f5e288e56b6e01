/* SPDX-License-Identifier: MIT */
/*
 * text-hints.c: what would give frames names that they lack. The interpreter of Node or Python shows in the stacks;
 * if none of what it interprets has a name, its user should hear how to get them.
 */
#include <string.h>

#include "profile/label.h"
#include "render/text.h"

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

struct seen {
	bool v8, python; /* frames of their interpreters */
	bool nameless;   /* of V8: an interpreted function, or compiled code that nobody named */
	bool named;      /* code in no module that has a name */
};

static void look(const struct profile *profile, struct seen *seen)
{
	for (size_t i = 0; i < profile->n_locations; i++) {
		const struct profile_location *location = &profile->locations[i];
		const char *name =
			location->n_frames ? profile->frames[location->first_frame].function : NULL;

		if (location->module == PROFILE_NO_MODULE) {
			seen->named |= name != NULL;
			seen->nameless |= name == NULL;
		} else if (name && begins_with(name, "Builtins_")) {
			seen->v8 = true;
			seen->nameless |= begins_with(name, "Builtins_InterpreterEntryTrampoline");
		} else if (name && begins_with(name, "_PyEval_EvalFrame")) {
			seen->python = true;
		}
	}
}

static bool was_told(const struct profile *profile, const char *option)
{
	for (char **word = profile->process.cmdline; word && *word; word++)
		if (strcmp(*word, option) == 0)
			return true;
	return false;
}

int text_add_hints(struct strbuf *buffer, const struct profile *profile,
		   const struct render_options *options)
{
	struct seen seen = {};

	look(profile, &seen);
	/* what V8 brings along compiled has no names, whatever it is told */
	if (seen.v8 && seen.nameless && !was_told(profile, "--interpreted-frames-native-stack"))
		text_add_item(buffer, options, "",
			      "not all JavaScript functions have names: start node with "
			      "--perf-basic-prof --interpreted-frames-native-stack");
	else if (seen.python && !seen.named)
		text_add_item(buffer, options, "",
			      "Python functions have no names: start it with -X perf (Python 3.12 "
			      "and newer)");
	return buffer->error;
}
