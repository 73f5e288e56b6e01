/* SPDX-License-Identifier: MIT */
/*
 * html.c: one page that needs nothing else: the report's JSON, and a script that draws it (page/). A
 * browser does not take a hundred thousand stacks well, so the page has the heaviest sites only and says
 * what it leaves out. Each frame stands in it once, and stacks are lists of numbers of frames.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "render/json.h"
#include "render/page.h"
#include "render/view.h"
#include "render/words.h"

enum { HTML_SITES = 2000 };

/* Replaces a stack's frames by their numbers in frames; numbers has them by node. */
static int number_frames(json_t *site, json_t *frames, struct map *numbers)
{
	json_t *stack = json_object_get(site, "stack"), *numbered = json_array(), *frame;
	size_t i;

	json_array_foreach(stack, i, frame)
	{
		uint64_t *number;
		int r = map_add(numbers, (uintptr_t)frame, json_array_size(frames), &number);

		if (r < 0 || (r == 1 && json_array_append(frames, frame) < 0) ||
		    json_array_append_new(numbered, json_integer((json_int_t)*number)) < 0) {
			json_decref(numbered);
			return -ENOMEM;
		}
	}
	return json_object_set_new(site, "stack", numbered) < 0 ? -ENOMEM : 0;
}

static int make_compact(json_t *report)
{
	_cleanup_(map_deinit) struct map numbers = {};
	json_t *frames = json_array(), *site;
	size_t i;

	/* frames stay alive in the array while their nodes' addresses are their names */
	if (json_object_set_new(report, "frames", frames) < 0)
		return -ENOMEM;
	json_array_foreach(json_object_get(report, "sites"), i, site)
	{
		int r = number_frames(site, frames, &numbers);

		if (r < 0)
			return r;
	}
	json_object_del(report, "mappings");
	return 0;
}

static bool holds_something(const json_t *site)
{
	return json_integer_value(json_object_get(site, "live_bytes")) > 0 ||
	       json_integer_value(json_object_get(site, "live_blocks")) > 0;
}

/*
 * What is outstanding, less what is on the page: sites of the allocator and those that hold nothing take
 * places on it as well.
 */
static int say_what_is_left_out(json_t *report, const struct profile *profile,
				const struct render_options *options)
{
	struct render_options all = *options;
	_cleanup_(view_deinit) struct view view = {};
	json_int_t n, bytes = 0;
	json_t *left_out, *site;
	size_t i;

	all.top = 0;
	all.sort = RENDER_SORT_LIVE;
	int r = view_make(profile, &all, VIEW_OUTSTANDING, 0, &view);

	if (r < 0)
		return r;
	n = (json_int_t)view.n_rows;
	for (i = 0; i < view.n_rows; i++)
		bytes += (json_int_t)view.rows[i].live_bytes;
	json_array_foreach(json_object_get(report, "sites"), i, site)
	{
		if (json_is_true(json_object_get(site, "backing")) || !holds_something(site))
			continue;
		n--;
		bytes -= json_integer_value(json_object_get(site, "live_bytes"));
	}
	if (n <= 0)
		return 0;
	left_out = json_pack("{s:I, s:I}", "sites", n, "live_bytes", bytes);
	return json_object_set_new(report, "left_out", left_out) < 0 ? -ENOMEM : 0;
}

/* "<" could end the element that the data is in; in JSON it stands only in strings. */
static void put_data(const char *json, FILE *out)
{
	size_t n;

	for (; *json; json += n) {
		n = strcspn(json, "<");
		fwrite(json, 1, n, out);
		if (json[n] == '<') {
			fputs("\\u003c", out);
			n++;
		}
	}
}

int render_html(const struct profile *profile, const struct render_options *options, FILE *out)
{
	struct render_options own = *options;
	_cleanup_free_ char *json = NULL;
	json_t *report;
	int r;

	if (own.top == 0)
		own.top = HTML_SITES;
	own.by = RENDER_BY_SITE;
	r = json_make_report(profile, &own, &report);
	if (r < 0)
		return r;
	r = make_compact(report);
	if (r >= 0)
		r = say_what_is_left_out(report, profile, &own);
	if (r >= 0)
		json = json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(report);
	if (!json)
		return r < 0 ? r : -ENOMEM;
	fputs(page_head, out);
	put_data(json, out);
	fputs(page_tail, out);
	return words_finish(out);
}
