/* SPDX-License-Identifier: MIT */
/*
 * How it went while somebody watched: a sentence, a line that shows it, and what became of what was
 * allocated. What only noise could have made is said to stand still.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/units.h"
#include "profile/course.h"
#include "profile/estimate.h"
#include "profile/label.h"
#include "profile/survival.h"
#include "render/spark.h"
#include "render/text.h"
#include "render/words.h"

enum { SPARK_COLUMNS = 60, SPARK_MIN = 20, LABEL_COLUMNS = 11, MARKS_SHOWN = 5 };

static int add_growth(struct strbuf *text, const struct growth *growth)
{
	if (growth->low > 0)
		strbuf_adds(text, " grew by ");
	else if (growth->high < 0)
		strbuf_adds(text, " shrank by ");
	else
		return strbuf_adds(text, " did not keep growing");
	return words_add_rate(text, growth->per_s, growth->low, growth->high);
}

static int add_sentence(struct strbuf *text, const struct profile *profile,
			const struct render_options *options, enum course_figure figure)
{
	const struct growth growth = course_growth(profile, figure);
	const size_t peak = course_highest(profile, figure);
	const char *name = figure == COURSE_RSS ? "RSS" : "live memory";

	strbuf_adds(text, name);
	if (!isnan(growth.per_s)) {
		add_growth(text, &growth);
		strbuf_adds(text, " in the later half of ");
	} else {
		strbuf_adds(text, " was watched for ");
	}
	words_add_duration(text, options, course_span_s(profile));
	strbuf_adds(text, "; most was ");
	words_add_bytes(text, options,
			estimate_round(course_figure(&profile->moments[peak], figure)), 0);
	strbuf_adds(text, " after ");
	return words_add_duration(
		text, options, MAX(profile->moments[peak].at - profile->process.started_at, 0.0));
}

static int add_spark(struct strbuf *text, const struct profile *profile,
		     const struct render_options *options, enum course_figure figure)
{
	const size_t n = profile->n_moments;
	_cleanup_free_ double *times = calloc(n, sizeof(*times));
	_cleanup_free_ double *values = calloc(n, sizeof(*values));
	size_t columns = SPARK_COLUMNS;

	if (!times || !values)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct profile_moment *moment = &profile->moments[i];
		const uint64_t highest =
			figure == COURSE_RSS ? moment->highest_rss : moment->highest_live;

		times[i] = moment->at;
		values[i] = highest == PROFILE_UNKNOWN ? (double)NAN : (double)highest;
	}
	if (options->width > 0 && options->width < LABEL_COLUMNS + SPARK_COLUMNS)
		columns = MAX(options->width - MIN(options->width, (unsigned)LABEL_COLUMNS),
			      (unsigned)SPARK_MIN);
	return spark_add(text, options, times, values, n, columns);
}

/* "of what was allocated 1 s to 10 s ago 3.0 % is live, 10 s to 1m ago 2.9 %" */
static int add_survival(struct strbuf *text, const struct profile *profile,
			const struct render_options *options)
{
	struct survival classes[SURVIVAL_CLASSES];
	const size_t n = survival_make(profile, classes);

	/* one class alone is what the heap's figures say already */
	for (size_t i = 0; n > 1 && i < n; i++) {
		strbuf_adds(text, i == 0 ? "of what was allocated " : ", ");
		if (classes[i].from_s > 0) {
			words_add_duration(text, options, classes[i].from_s);
			strbuf_adds(text, " to ");
		} else {
			strbuf_adds(text, "up to ");
		}
		words_add_duration(text, options, classes[i].to_s);
		strbuf_adds(text, " ago ");
		words_add_share(text, classes[i].live, classes[i].allocated);
		strbuf_adds(text, i == 0 ? " is live" : "");
	}
	return text->error;
}

/* "half way" after 1.2 s, "done" after 2.5 s: what --at=mark: takes. The last few. */
static int add_marks(struct strbuf *text, const struct profile *profile,
		     const struct render_options *options)
{
	const size_t first = profile->n_marks > MARKS_SHOWN ? profile->n_marks - MARKS_SHOWN : 0;

	for (size_t i = first; i < profile->n_marks; i++) {
		const struct profile_mark *mark = &profile->marks[i];

		strbuf_adds(text, i == first ? "\"" : ", \"");
		label_add_clean(text, mark->name);
		strbuf_adds(text, "\" after ");
		words_add_duration(text, options, MAX(mark->at - profile->process.started_at, 0.0));
	}
	if (first > 0)
		strbuf_addf(text, ", and %zu before", first);
	return text->error;
}

/* The agent alone keeps the present and no past. */
static int add_absence(struct strbuf *buffer, const struct profile *profile,
		       const struct render_options *options)
{
	if (profile->n_moments > 0 || !profile_has_agent(profile))
		return 0;
	text_add_item(
		buffer, options, "Course",
		"not kept by the agent: sessions of \"memtrace run\" and \"memtrace attach\" have it");
	return strbuf_addc(buffer, '\n');
}

int text_add_course(struct strbuf *buffer, const struct profile *profile,
		    const struct render_options *options)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	enum course_figure figure = COURSE_RSS;
	int r;

	if (course_highest(profile, figure) == PROFILE_NO_MOMENT)
		figure = COURSE_LIVE;
	/* of a moment or two there is no course */
	if (course_highest(profile, figure) == PROFILE_NO_MOMENT || profile->n_moments < 3)
		return add_absence(buffer, profile, options);
	add_sentence(&text, profile, options, figure);
	text_add_item(buffer, options, "Course", strbuf_text(&text));
	strbuf_reset(&text);
	r = add_spark(&text, profile, options, figure);
	if (r < 0)
		return r;
	text_add_item(buffer, options, "", strbuf_text(&text));
	strbuf_reset(&text);
	add_marks(&text, profile, options);
	if (text.length > 0)
		text_add_item(buffer, options, "Marks", strbuf_text(&text));
	strbuf_reset(&text);
	add_survival(&text, profile, options);
	if (text.length > 0)
		text_add_item(buffer, options, "Survival", strbuf_text(&text));
	strbuf_addc(buffer, '\n');
	return buffer->error < 0 ? buffer->error : text.error;
}
