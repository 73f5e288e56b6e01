/* SPDX-License-Identifier: MIT */
/*
 * One line a site: the calls from the outermost in, with semicolons between them, a space, and the live
 * bytes. That is what the programs that draw flame graphs read, so names must hold neither.
 */
#include "profile/label.h"
#include "render/view.h"
#include "render/words.h"

static int add_name(struct strbuf *buffer, const struct profile *profile,
		    const struct profile_location *location, const struct profile_frame *frame)
{
	const size_t start = buffer->length;
	int r = label_function(profile, location, frame, buffer);

	for (size_t i = start; i < buffer->length; i++)
		if (buffer->text[i] == ';')
			buffer->text[i] = ':';
	return r;
}

static int add_stack(struct strbuf *buffer, const struct profile *profile,
		     const struct render_options *options, const struct profile_site *site)
{
	uint32_t n = site->n_locations;
	const size_t start = buffer->length;

	if (options->depth > 0)
		n = MIN(n, options->depth);
	while (n > 0) {
		const struct profile_location *location = profile_location_get(profile, site, --n);

		for (uint32_t f = location->n_frames; f > 0; f--) {
			if (buffer->length > start)
				strbuf_addc(buffer, ';');
			add_name(buffer, profile, location,
				 &profile->frames[location->first_frame + f - 1]);
		}
	}
	return buffer->error;
}

int render_folded(const struct profile *profile, const struct render_options *options, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf line = {};
	_cleanup_(view_deinit) struct view view = {};
	int r = view_make(profile, options, VIEW_OUTSTANDING, 0, &view);

	for (size_t i = 0; r >= 0 && i < view.n_rows; i++) {
		strbuf_reset(&line);
		r = add_stack(&line, profile, options, &profile->sites[view.rows[i].site]);
		if (r >= 0)
			fprintf(out, "%s %llu\n", strbuf_text(&line),
				(unsigned long long)view.rows[i].live_bytes);
	}
	return r < 0 ? r : words_finish(out);
}
