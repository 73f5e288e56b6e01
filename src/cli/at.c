/* SPDX-License-Identifier: MIT */
/*
 * at.c: times of people into moments. Old moments are seldom, so what was asked for is said beside what was
 * found.
 */
#include "cli/at.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/macro.h"
#include "base/units.h"
#include "profile/course.h"
#include "profile/label.h"
#include "profile/moment.h"

/* Of what was live, in places that were not followed: not worth a word below. */
static const double REST_SHARE = 0.02;

enum kind { FROM_START, FROM_END, PEAK_LIVE, PEAK_RSS, AT_MARK };

static const char MARK[] = "mark:";

static int parse(const char *when, enum kind *ret_kind, double *ret_s, struct strbuf *error)
{
	const bool back = when[0] == '-';
	uint64_t ns = 0;

	*ret_kind = back ? FROM_END : FROM_START;
	if (strncmp(when, MARK, strlen(MARK)) == 0 && when[strlen(MARK)])
		*ret_kind = AT_MARK;
	else if (strcmp(when, "peak") == 0)
		*ret_kind = PEAK_LIVE;
	else if (strcmp(when, "peak-rss") == 0)
		*ret_kind = PEAK_RSS;
	else if (units_parse_duration(when + back, &ns) < 0) {
		strbuf_addf(error,
			    "\"%.40s\" is no moment; give a time after the start such as 90s, one "
			    "before the end such as -5m, peak, peak-rss, or mark:NAME",
			    when);
		return -EINVAL;
	}
	*ret_s = (double)ns / 1e9;
	return 0;
}

int at_check(const char *when, struct strbuf *error)
{
	enum kind kind;
	double s;

	return parse(when, &kind, &s, error);
}

/* The first moment behind the last mark of that name: what was named is then done. */
static size_t find_mark(const struct profile *profile, const char *name)
{
	size_t mark = profile->n_marks, moment = 0;

	while (mark > 0 && strcmp(profile->marks[mark - 1].name, name) != 0)
		mark--;
	if (mark == 0)
		return PROFILE_NO_MOMENT;
	while (moment + 1 < profile->n_moments &&
	       profile->moments[moment].at < profile->marks[mark - 1].at)
		moment++;
	return moment;
}

static size_t find(const struct profile *profile, enum kind kind, double s, const char *when)
{
	switch (kind) {
	case FROM_START:
		return moment_nearest(profile, profile->process.started_at + s);
	case FROM_END:
		return moment_nearest(profile, profile->process.captured_at - s);
	case PEAK_LIVE:
		return course_highest(profile, COURSE_LIVE);
	case PEAK_RSS:
		return course_highest(profile, COURSE_RSS);
	case AT_MARK:
		return find_mark(profile, when + strlen(MARK));
	}
	return PROFILE_NO_MOMENT;
}

static void say(const char *verb, const struct profile *profile, uint64_t rest)
{
	const struct profile_process *process = &profile->process;
	char after[UNITS_MAX], live[UNITS_MAX], rss[UNITS_MAX], bytes[UNITS_MAX];

	units_format_duration(MAX(process->captured_at - process->started_at, 0.0), after);
	units_format_bytes(profile->heap.live_bytes, live);
	if (process->rss == PROFILE_UNKNOWN)
		log_notice("%s: %s after the start: %s live", verb, after, live);
	else
		log_notice("%s: %s after the start: %s live, %s resident", verb, after, live,
			   units_format_bytes(process->rss, rss));
	if ((double)rest > REST_SHARE * (double)profile->heap.live_bytes)
		log_notice("%s: %s of it in places that were too light to be followed then", verb,
			   units_format_bytes(rest, bytes));
}

/* Why there is no mark of that name. */
static void list_marks(const struct profile *profile, struct strbuf *error)
{
	if (profile->n_marks == 0) {
		strbuf_adds(error, "the program has marked no moment while it was watched; it does "
				   "so with MEMTRACE_MARK of memtrace.h");
		return;
	}
	strbuf_adds(error, "the program has marked no such moment; it has marked");
	for (size_t i = 0; i < profile->n_marks; i++) {
		strbuf_adds(error, i == 0 ? " \"" : ", \"");
		label_add_clean(error, profile->marks[i].name);
		strbuf_addc(error, '"');
	}
}

int at_go_to(const char *verb, const char *when, struct profile *profile, struct strbuf *error)
{
	enum kind kind;
	uint64_t rest;
	size_t moment;
	double s;
	int r = parse(when, &kind, &s, error);

	if (r < 0)
		return r;
	moment = profile->n_moments > 0 ? find(profile, kind, s, when) : PROFILE_NO_MOMENT;
	if (moment == PROFILE_NO_MOMENT && kind == AT_MARK && profile->n_moments > 0) {
		list_marks(profile, error);
		return -ENODATA;
	}
	if (moment == PROFILE_NO_MOMENT) {
		strbuf_adds(error,
			    "nobody watched this over time; give a session that `memtrace run` "
			    "or `memtrace attach` has written");
		return -ENODATA;
	}
	r = moment_go_to(profile, moment, &rest);
	if (r < 0) {
		strbuf_adds(error, "there is no memory for that");
		return r;
	}
	say(verb, profile, rest);
	return 0;
}
