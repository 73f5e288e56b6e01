/* SPDX-License-Identifier: MIT */
/*
 * diff-text.c: the change for people: the two moments, the totals before and after, the sites that grew
 * and those that shrank. A change within twice its standard error is not shown as one: it is counted.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "profile/label.h"
#include "render/diff.h"
#include "render/text.h"
#include "render/words.h"

enum { TOP_DEFAULT = 10 };

/* "+1.5 MiB", "-3 B" */
static int add_change(struct strbuf *buffer, int64_t bytes)
{
	char text[UNITS_MAX];

	strbuf_addc(buffer, bytes < 0 ? '-' : '+');
	return strbuf_adds(buffer,
			   units_format_bytes((uint64_t)(bytes < 0 ? -bytes : bytes), text));
}

static int add_error(struct strbuf *buffer, const struct render_options *options, double error)
{
	char text[UNITS_MAX];

	if (error < 0.5)
		return 0;
	strbuf_adds(buffer, options->utf8 ? " ± " : " +- ");
	return strbuf_adds(buffer, units_format_bytes((uint64_t)(error + 0.5), text));
}

/* ", 12.0 KiB/s" */
static int add_rate(struct strbuf *buffer, const struct diff *diff, int64_t bytes)
{
	if (!diff->same_process || diff->interval_s < 0.001 || bytes == 0)
		return 0;
	strbuf_adds(buffer, ", ");
	add_change(buffer, (int64_t)((double)bytes / diff->interval_s));
	return strbuf_adds(buffer, "/s");
}

static int add_total(struct strbuf *buffer, const struct render_options *options, const char *label,
		     uint64_t old, uint64_t new, double error, const struct diff *diff)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	char bytes[UNITS_MAX];

	if (old == PROFILE_UNKNOWN || new == PROFILE_UNKNOWN)
		return 0;
	add_change(&text, (int64_t)(new - old));
	add_error(&text, options, error);
	add_rate(&text, diff, (int64_t)(new - old));
	strbuf_addf(&text, ": %s, then ", units_format_bytes(old, bytes));
	strbuf_adds(&text, units_format_bytes(new, bytes));
	if (text.error)
		return text.error;
	return text_add_item(buffer, options, label, strbuf_text(&text));
}

static int add_head(struct strbuf *buffer, const struct profile *old, const struct profile *new,
		    const struct diff *diff, const struct render_options *options)
{
	_cleanup_(strbuf_deinit) struct strbuf before = {}, after = {}, between = {};

	text_add_process(&before, old, options);
	text_add_process(&after, new, options);
	if (diff->same_process) {
		words_add_duration(&between, options, fabs(diff->interval_s));
		strbuf_adds(&between, diff->interval_s < 0
					      ? " earlier: the first is the younger one"
					      : " later");
	} else {
		strbuf_adds(&between, "another process");
	}
	text_add_item(buffer, options, "Before", strbuf_text(&before));
	text_add_item(buffer, options, "Then", strbuf_text(&after));
	text_add_item(buffer, options, "", strbuf_text(&between));
	strbuf_addc(buffer, '\n');
	add_total(buffer, options, "Live", old->heap.live_bytes, new->heap.live_bytes,
		  hypot(old->heap.live_stderr, new->heap.live_stderr), diff);
	add_total(buffer, options, "Resident", old->process.rss, new->process.rss, 0, diff);
	return buffer->error;
}

static int add_site(struct strbuf *buffer, const struct profile *old, const struct profile *new,
		    const struct diff *diff, const struct diff_site *change, size_t rank,
		    const struct render_options *options)
{
	const struct profile *profile = change->new == DIFF_NONE ? old : new;
	const struct profile_site *was = change->old == DIFF_NONE ? NULL : &old->sites[change->old];
	const struct profile_site *is = change->new == DIFF_NONE ? NULL : &new->sites[change->new];
	_cleanup_(strbuf_deinit) struct strbuf figure = {};
	char bytes[UNITS_MAX];

	add_change(&figure, change->live_bytes);
	add_error(&figure, options, change->live_stderr);
	strbuf_addf(buffer, "%3zu.  ", rank);
	words_add_styled(buffer, options, WORDS_STRONG, strbuf_text(&figure));
	strbuf_addf(buffer, "  %c", change->live_blocks < 0 ? '-' : '+');
	words_add_count(buffer, (uint64_t)llabs(change->live_blocks), "block", "blocks");
	add_rate(buffer, diff, change->live_bytes);
	if (was && is) {
		strbuf_addf(buffer, ": %s, then ", units_format_bytes(was->live_bytes, bytes));
		strbuf_adds(buffer, units_format_bytes(is->live_bytes, bytes));
	} else {
		strbuf_adds(buffer, was ? ", not there any more" : ", new");
	}
	strbuf_addc(buffer, '\n');
	if (figure.error)
		return figure.error;
	return text_add_stack(buffer, profile, options, is ?: was);
}

/* Which part of the sites a list is of. */
struct part {
	const char *title, *none;
	int sign;
};

static bool is_wanted(const struct profile *old, const struct profile *new,
		      const struct diff_site *site, const struct render_options *options)
{
	const struct profile *profile = site->new == DIFF_NONE ? old : new;

	if ((uint64_t)llabs(site->live_bytes) < MAX(options->min_bytes, (uint64_t)1))
		return false;
	return !options->grep ||
	       view_site_matches(profile,
				 &profile->sites[site->new == DIFF_NONE ? site->old : site->new],
				 options->grep);
}

static int add_part(struct strbuf *buffer, const struct profile *old, const struct profile *new,
		    const struct diff *diff, const struct render_options *options,
		    const struct part *part)
{
	const size_t top = options->top ?: TOP_DEFAULT;
	size_t n = 0, n_unsure = 0;
	int r = 0;

	strbuf_addc(buffer, '\n');
	words_add_styled(buffer, options, WORDS_STRONG, part->title);
	strbuf_addc(buffer, '\n');
	for (size_t i = 0; r >= 0 && i < diff->n_sites; i++) {
		/* those that shrank most are at the end */
		const struct diff_site *site =
			&diff->sites[part->sign > 0 ? i : diff->n_sites - 1 - i];

		if (site->live_bytes * part->sign <= 0)
			break;
		if (!is_wanted(old, new, site, options))
			continue;
		if (!diff_site_is_certain(site)) {
			n_unsure++;
			continue;
		}
		if (++n > top)
			continue;
		strbuf_addc(buffer, '\n');
		r = add_site(buffer, old, new, diff, site, n, options);
	}
	if (r < 0)
		return r;
	if (n == 0)
		strbuf_addf(buffer, "\n  %s\n", part->none);
	if (n > top)
		strbuf_addf(buffer, "\n  and %zu more (--top=%zu shows all)\n", n - top, n);
	if (n_unsure > 0) {
		strbuf_adds(buffer, "\n  ");
		words_add_count(buffer, n_unsure, "place", "places");
		strbuf_adds(buffer, " changed by less than twice the error of the estimate\n");
	}
	return buffer->error;
}

int render_diff_text(const struct profile *old, const struct profile *new, const struct diff *diff,
		     const struct render_options *options, FILE *out)
{
	static const struct part parts[] = {
		{"What grew", "nothing", 1},
		{"What shrank", "nothing", -1},
	};
	_cleanup_(strbuf_deinit) struct strbuf buffer = {};
	int r = add_head(&buffer, old, new, diff, options);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(parts); i++)
		r = add_part(&buffer, old, new, diff, options, &parts[i]);
	if (r < 0)
		return r;
	fputs(strbuf_text(&buffer), out);
	return words_finish(out);
}
