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

/* The first call, from the inside, that has a line. */
static const struct profile_frame *find_line(const struct profile *profile,
					     const struct profile_site *site,
					     const struct profile_location **ret_location)
{
	for (uint32_t i = 0; i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);

		for (uint32_t f = 0; f < location->n_frames; f++) {
			const struct profile_frame *frame =
				&profile->frames[location->first_frame + f];

			if (!frame->file)
				continue;
			*ret_location = location;
			return frame;
		}
	}
	return NULL;
}

int label_site(const struct profile *profile, const struct profile_site *site,
	       struct strbuf *buffer)
{
	const struct profile_location *location, *place = NULL;
	const struct profile_frame *frame, *line;

	if (site->n_locations == 0)
		return strbuf_adds(buffer, "an unknown place");
	location = place = profile_location_get(profile, site, 0);
	frame = &profile->frames[location->first_frame];
	line = find_line(profile, site, &place);
	label_function(profile, location, frame, buffer);
	if (!line) {
		if (!frame->function)
			return buffer->error;
		place = location;
		line = frame;
	} else if (line != frame) {
		strbuf_adds(buffer, " for ");
		label_function(profile, place, line, buffer);
	}
	strbuf_adds(buffer, " (");
	label_place(profile, place, line, buffer);
	return strbuf_adds(buffer, ")");
}
