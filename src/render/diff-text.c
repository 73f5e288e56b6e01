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

/* What is compared, and where the text goes. */
struct page {
	struct strbuf *buffer;
	const struct profile *old, *new;
	const struct diff *diff;
	const struct render_options *options;
};

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

/* "+1.5 MiB, 12.0 KiB/s: 1.0 MiB, then 2.5 MiB"; nothing if one of them is not known. */
static int add_total(const struct page *page, const char *label, uint64_t old, uint64_t new,
		     double error)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	char bytes[UNITS_MAX];

	if (old == PROFILE_UNKNOWN || new == PROFILE_UNKNOWN)
		return 0;
	add_change(&text, (int64_t)(new - old));
	add_error(&text, page->options, error);
	add_rate(&text, page->diff, (int64_t)(new - old));
	strbuf_addf(&text, ": %s, then ", units_format_bytes(old, bytes));
	strbuf_adds(&text, units_format_bytes(new, bytes));
	if (text.error)
		return text.error;
	return text_add_item(page->buffer, page->options, label, strbuf_text(&text));
}

static int add_head(const struct page *page)
{
	const struct profile *old = page->old, *new = page->new;
	const struct render_options *options = page->options;
	_cleanup_(strbuf_deinit) struct strbuf before = {}, after = {}, between = {};

	text_add_process(&before, old, options);
	text_add_process(&after, new, options);
	if (page->diff->same_process) {
		words_add_duration(&between, options, fabs(page->diff->interval_s));
		strbuf_adds(&between, page->diff->interval_s < 0
					      ? " earlier: the first is the younger one"
					      : " later");
	} else {
		strbuf_adds(&between, "another process");
	}
	text_add_item(page->buffer, options, "Before", strbuf_text(&before));
	text_add_item(page->buffer, options, "Then", strbuf_text(&after));
	text_add_item(page->buffer, options, "", strbuf_text(&between));
	strbuf_addc(page->buffer, '\n');
	add_total(page, "Live", old->heap.live_bytes, new->heap.live_bytes,
		  hypot(old->heap.live_stderr, new->heap.live_stderr));
	add_total(page, "Resident", old->process.rss, new->process.rss, 0);
	return page->buffer->error;
}

static int add_site(const struct page *page, const struct diff_site *change, size_t rank)
{
	const bool is_gone = change->new == DIFF_NONE;
	const struct profile_site *was =
		change->old == DIFF_NONE ? NULL : &page->old->sites[change->old];
	const struct profile_site *is = is_gone ? NULL : &page->new->sites[change->new];
	_cleanup_(strbuf_deinit) struct strbuf figure = {};
	struct strbuf *buffer = page->buffer;
	char bytes[UNITS_MAX];

	add_change(&figure, change->live_bytes);
	add_error(&figure, page->options, change->live_stderr);
	strbuf_addf(buffer, "%3zu.  ", rank);
	words_add_styled(buffer, page->options, WORDS_STRONG, strbuf_text(&figure));
	strbuf_addf(buffer, "  %c", change->live_blocks < 0 ? '-' : '+');
	words_add_count(buffer, (uint64_t)llabs(change->live_blocks), "block", "blocks");
	add_rate(buffer, page->diff, change->live_bytes);
	if (was && is) {
		strbuf_addf(buffer, ": %s, then ", units_format_bytes(was->live_bytes, bytes));
		strbuf_adds(buffer, units_format_bytes(is->live_bytes, bytes));
	} else {
		strbuf_adds(buffer, was ? ", not there any more" : ", new");
	}
	strbuf_addc(buffer, '\n');
	if (figure.error)
		return figure.error;
	return text_add_stack(buffer, is_gone ? page->old : page->new, page->options, is ?: was);
}

static bool is_wanted(const struct page *page, const struct diff_site *site)
{
	const bool is_gone = site->new == DIFF_NONE;
	const struct profile *profile = is_gone ? page->old : page->new;

	if ((uint64_t)llabs(site->live_bytes) < MAX(page->options->min_bytes, (uint64_t)1))
		return false;
	return !page->options->grep ||
	       view_site_matches(profile, &profile->sites[is_gone ? site->old : site->new],
				 page->options->grep);
}

/* How many sites were left out of a list, and why. */
static int add_left_out(struct strbuf *buffer, size_t n, size_t top, size_t n_unsure)
{
	if (n == 0)
		strbuf_adds(buffer, "\n  nothing\n");
	if (n > top)
		strbuf_addf(buffer, "\n  and %zu more (--top=%zu shows all)\n", n - top, n);
	if (n_unsure > 0) {
		strbuf_adds(buffer, "\n  ");
		words_add_count(buffer, n_unsure, "place", "places");
		strbuf_adds(buffer, " changed by less than twice the error of the estimate\n");
	}
	return buffer->error;
}

/* The sites that changed in the direction of sign. */
static int add_part(const struct page *page, const char *title, int sign)
{
	const struct diff *diff = page->diff;
	const size_t top = page->options->top ?: TOP_DEFAULT;
	size_t n = 0, n_unsure = 0;
	int r = 0;

	strbuf_addc(page->buffer, '\n');
	words_add_styled(page->buffer, page->options, WORDS_STRONG, title);
	strbuf_addc(page->buffer, '\n');
	for (size_t i = 0; r >= 0 && i < diff->n_sites; i++) {
		/* those that shrank most are at the end */
		const struct diff_site *site = &diff->sites[sign > 0 ? i : diff->n_sites - 1 - i];

		if (site->live_bytes * sign <= 0)
			break;
		if (!is_wanted(page, site))
			continue;
		if (!diff_site_is_certain(site)) {
			n_unsure++;
			continue;
		}
		if (++n > top)
			continue;
		strbuf_addc(page->buffer, '\n');
		r = add_site(page, site, n);
	}
	return r < 0 ? r : add_left_out(page->buffer, n, top, n_unsure);
}

int render_diff_text(const struct profile *old, const struct profile *new, const struct diff *diff,
		     const struct render_options *options, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf buffer = {};
	const struct page page = {&buffer, old, new, diff, options};
	int r = add_head(&page);

	if (r >= 0)
		r = add_part(&page, "What grew", 1);
	if (r >= 0)
		r = add_part(&page, "What shrank", -1);
	if (r < 0)
		return r;
	fputs(strbuf_text(&buffer), out);
	return words_finish(out);
}
