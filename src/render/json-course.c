/* SPDX-License-Identifier: MIT */
/*
 * json-course.c: the member "course" of schema memtrace/1: what was seen over time, how fast it grew, when it
 * was most, and what became of what was allocated.
 */
#include <math.h>

#include "profile/course.h"
#include "profile/estimate.h"
#include "profile/survival.h"
#include "render/json-value.h"
#include "render/json.h"

static json_t *whole(double value)
{
	return isfinite(value) ? json_integer((json_int_t)estimate_round(value)) : json_null();
}

static json_t *make_figure(const struct profile *profile, enum course_figure figure)
{
	const struct growth growth = course_growth(profile, figure);
	const size_t highest = course_highest(profile, figure);
	const struct profile_moment *peak =
		highest == PROFILE_NO_MOMENT ? NULL : &profile->moments[highest];

	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "growth_bytes_per_s",
			 json_value_real(growth.per_s), "growth_low_bytes_per_s",
			 json_value_real(growth.low), "growth_high_bytes_per_s",
			 json_value_real(growth.high), "peak_bytes",
			 peak ? whole(course_figure(peak, figure)) : json_null(), "peak_at",
			 peak ? json_real(peak->at) : json_null());
}

static json_t *make_moment(const struct profile_moment *moment)
{
	return json_pack("{s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "at", moment->at, "rss_bytes",
			 json_value_number(moment->rss), "live_bytes",
			 json_value_number(moment->live), "retained_bytes",
			 whole(course_figure(moment, COURSE_RETAINED)), "allocated_bytes",
			 json_value_number(moment->allocated), "highest_rss_bytes",
			 json_value_number(moment->highest_rss), "highest_live_bytes",
			 json_value_number(moment->highest_live));
}

static json_t *make_survival(const struct profile *profile)
{
	struct survival classes[SURVIVAL_CLASSES];
	const size_t n = survival_make(profile, classes);
	json_t *json = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(json,
				      json_pack("{s:f, s:f, s:o, s:o}", "from_s", classes[i].from_s,
						"to_s", classes[i].to_s, "allocated_bytes",
						json_value_number(classes[i].allocated),
						"live_bytes", json_value_number(classes[i].live)));
	return json;
}

static json_t *make_marks(const struct profile *profile)
{
	json_t *marks = json_array();

	for (size_t i = 0; i < profile->n_marks; i++)
		json_array_append_new(marks, json_pack("{s:o, s:f}", "name",
						       json_value_text(profile->marks[i].name),
						       "at", profile->marks[i].at));
	return marks;
}

json_t *json_make_course(const struct profile *profile)
{
	json_t *moments;

	if (profile->n_moments == 0)
		return json_null();
	moments = json_array();
	for (size_t i = 0; i < profile->n_moments; i++)
		json_array_append_new(moments, make_moment(&profile->moments[i]));
	return json_pack("{s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "watched_s", course_span_s(profile),
			 "rss", make_figure(profile, COURSE_RSS), "live",
			 make_figure(profile, COURSE_LIVE), "retained",
			 make_figure(profile, COURSE_RETAINED), "survival", make_survival(profile),
			 "marks", make_marks(profile), "moments", moments);
}
