/* SPDX-License-Identifier: MIT */
/*
 * A report is read on a terminal, and the names in it come from a process that may be anybody's: an
 * escape sequence in the name of a function or a file must not reach the terminal. Everything that is
 * printed of a name passes through label_add_clean.
 */
#include "profile/label.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int label_add_clean(struct strbuf *buffer, const char *text)
{
	int r = 0;

	for (; *text && r >= 0; text++) {
		unsigned char c = (unsigned char)*text;

		r = strbuf_addc(buffer, c < 0x20 || c == 0x7f ? '?' : *text);
	}
	return r;
}

const char *label_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *label_path_tail(const char *path)
{
	const char *tail = label_base_name(path);

	if (path[0] != '/' || tail - path < 2)
		return path;
	for (tail -= 2; tail > path; tail--)
		if (*tail == '/')
			return tail + 1;
	/* "/file.c" and "/src/file.c" are short enough */
	return path;
}

int label_function(const struct profile *profile, const struct profile_location *location,
		   const struct profile_frame *frame, struct strbuf *buffer)
{
	const uint64_t call = location->address > 0 ? location->address - 1 : 0;

	if (frame->function)
		return label_add_clean(buffer, frame->function);
	if (location->module == PROFILE_NO_MODULE)
		return strbuf_addf(buffer, "0x%" PRIx64, call);
	const struct profile_module *module = &profile->modules[location->module];

	label_add_clean(buffer, label_base_name(module->path));
	return strbuf_addf(buffer, "+0x%" PRIx64, call - module->bias);
}

int label_place(const struct profile *profile, const struct profile_location *location,
		const struct profile_frame *frame, struct strbuf *buffer)
{
	if (frame->file) {
		int r = label_add_clean(buffer, label_path_tail(frame->file));

		return r < 0 || frame->line == 0 ? r : strbuf_addf(buffer, ":%u", frame->line);
	}
	if (location->module == PROFILE_NO_MODULE)
		return label_add_clean(buffer, frame->why ? frame->why : "no module");
	const struct profile_module *module = &profile->modules[location->module];
	const char *why = frame->function ? NULL : frame->why;

	/* a name that is module+offset has said the module */
	if (frame->function)
		label_add_clean(buffer, label_base_name(module->path));
	if (why)
		label_add_clean(buffer, why);
	if (module->unloaded)
		strbuf_adds(buffer, frame->function || why ? ", unloaded" : "unloaded");
	return buffer->error;
}

bool label_is_start(const char *function)
{
	static const char *const names[] = {
		"_start",
		"__libc_start_main",
		"__libc_start_main_impl",
		"__libc_start_call_main",
		"start_thread",
		"clone",
		"clone3",
		"__clone3",
		"__clone",
		"_dl_start_user",
		"_dl_start",
	};

	for (size_t i = 0; function && i < ARRAY_SIZE(names); i++)
		if (strcmp(function, names[i]) == 0)
			return true;
	return false;
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether the call stands in code that came with the system: in a library or, inlined, in a header. */
static bool is_of_system(const struct profile *profile, const struct profile_location *location,
			 const struct profile_frame *frame)
{
	static const char *const directories[] = {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"};

	if (frame->file && begins_with(frame->file, "/usr/include/"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(directories) && location->module != PROFILE_NO_MODULE;
	     i++)
		if (begins_with(profile->modules[location->module].path, directories[i]))
			return true;
	return false;
}

/*
 * The call that is named as the place: the first, from the inside, in the program's own code that has a
 * line; else the first in its own code; else the innermost.
 */
static const struct profile_frame *find_place(const struct profile *profile,
					      const struct profile_site *site,
					      const struct profile_location **ret_location)
{
	const struct profile_frame *found = NULL;

	for (uint32_t i = 0; i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);

		for (uint32_t f = 0; f < location->n_frames; f++) {
			const struct profile_frame *frame =
				&profile->frames[location->first_frame + f];

			if (is_of_system(profile, location, frame) ||
			    label_is_start(frame->function))
				continue;
			if (frame->file || !found) {
				*ret_location = location;
				found = frame;
			}
			if (frame->file)
				return found;
		}
	}
	if (!found) {
		*ret_location = profile_location_get(profile, site, 0);
		found = &profile->frames[(*ret_location)->first_frame];
	}
	return found;
}

/* In a sentence parameters are in the way: up to the first bracket that is not part of the name. */
static int add_short_function(const struct profile *profile,
			      const struct profile_location *location,
			      const struct profile_frame *frame, struct strbuf *buffer)
{
	const size_t start = buffer->length;
	unsigned depth = 0;
	int r = label_function(profile, location, frame, buffer);

	if (r < 0 || !frame->function)
		return r;
	for (size_t i = start; i < buffer->length; i++) {
		const char *at = buffer->text + i;

		if (begins_with(at, "operator")) {
			at += strlen("operator");
			i += strlen("operator") - 1 +
			     (begins_with(at, "()") ? 2 : strspn(at, "<>-="));
		} else if (begins_with(at, "(anonymous namespace)")) {
			i += strlen("(anonymous namespace)") - 1;
		} else if (*at == '<') {
			depth++;
		} else if (*at == '>' && depth > 0) {
			depth--;
		} else if (*at == '(' && depth == 0 && i > start) {
			buffer->length = i;
			buffer->text[i] = '\0';
		}
	}
	return 0;
}

int label_site(const struct profile *profile, const struct profile_site *site,
	       struct strbuf *buffer)
{
	const struct profile_location *location, *outer = NULL;
	const struct profile_frame *frame, *place;

	if (site->n_locations == 0)
		return strbuf_adds(buffer, "an unknown place");
	location = profile_location_get(profile, site, 0);
	frame = &profile->frames[location->first_frame];
	place = find_place(profile, site, &outer);
	add_short_function(profile, location, frame, buffer);
	if (place != frame) {
		strbuf_adds(buffer, " for ");
		add_short_function(profile, outer, place, buffer);
	}
	/* module+offset is a place already */
	if (!place->function && !place->file)
		return buffer->error;
	strbuf_adds(buffer, " (");
	label_place(profile, outer, place, buffer);
	return strbuf_adds(buffer, ")");
}
