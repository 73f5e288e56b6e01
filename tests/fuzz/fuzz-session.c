/* SPDX-License-Identifier: MIT */
/*
 * A session file from anywhere. The input is taken as a whole file and as a payload, because a fuzzer
 * cannot guess its way through a checksum. What is read must be written and read again unchanged, and drawn
 * in every form.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "profile/moment.h"
#include "profile/payload.h"
#include "profile/session.h"
#include "render/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw(const struct profile *profile)
{
	static const struct render_options plain = {.since_s = -1, .older_s = -1};
	static const struct render_options narrow = {
		.since_s = -1, .older_s = 3, .depth = 2, .colour = true, .width = 50};
	struct render_options grouped = {.since_s = -1, .older_s = -1, .top = 3};
	static FILE *null;

	if (!null)
		null = fopen("/dev/null", "w");
	if (!null)
		abort();
	render_text(profile, &plain, null);
	render_text(profile, &narrow, null);
	render_short(profile, &narrow, "file", null);
	render_json(profile, &plain, null);
	render_folded(profile, &plain, null);
	render_html(profile, &plain, null);
	for (grouped.by = RENDER_BY_SITE; grouped.by <= RENDER_BY_TAG; grouped.by++)
		render_csv(profile, &grouped, null);
}

static void check(struct profile *profile)
{
	struct strbuf first = {}, second = {};
	struct profile *again;
	uint64_t rest;

	if (payload_write(profile, &first) < 0 ||
	    payload_read(first.text, first.length, &again) < 0 ||
	    payload_write(again, &second) < 0 || first.length != second.length ||
	    memcmp(first.text, second.text, first.length) != 0)
		abort();
	draw(again);
	if (again->n_moments > 0 && moment_go_to(again, again->n_moments / 2, &rest) == 0) {
		if (!profile_is_valid(again))
			abort();
		draw(again);
	}
	profile_free(again);
	profile_free(profile);
	strbuf_deinit(&first);
	strbuf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile *profile;

	if (session_parse(data, size, &profile) == 0)
		check(profile);
	if (payload_read(data, size, &profile) == 0)
		check(profile);
	return 0;
}
