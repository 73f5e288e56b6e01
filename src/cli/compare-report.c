/* SPDX-License-Identifier: MIT */
/*
 * compare-report.c: from runs to a table and a recommendation.
 *
 * A machine is never quiet, and what disturbs one run mostly disturbs its neighbours too. So variants run in
 * turn, and each is compared with the first one round by round: the ratio of two neighbours is steadier than
 * either of them. A difference counts only if nearly all rounds agree on its direction, and only if it is worth
 * a word. Memory comes first in the recommendation, because it is what people come for; but what costs time
 * is said in the same sentence.
 */
#include "cli/compare-report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/units.h"
#include "render/json.h"

/* Below that nobody would change anything for it: a share, seconds, bytes. */
static const double WORTH_A_SHARE = 0.02, WORTH_S = 0.01, WORTH_BYTES = 1 << 20;

static const struct {
	const char *json, *title;
	bool is_bytes;
} figures[COMPARE_N] = {
	[COMPARE_WALL] = {"wall_s", "time", false},
	[COMPARE_CPU] = {"cpu_s", "CPU time", false},
	[COMPARE_PEAK] = {"peak_rss_bytes", "peak RSS", true},
	[COMPARE_END] = {"end_rss_bytes", "RSS at end", true},
	[COMPARE_RETAINED] = {"retained_bytes", "retained", true},
};

static double value_of(const struct comparison *comparison, size_t round, size_t variant,
		       enum compare_figure figure)
{
	const struct run_result *result =
		&comparison->results[round * comparison->variants->n + variant];

	switch (figure) {
	case COMPARE_WALL:
		return result->wall_s;
	case COMPARE_CPU:
		return result->cpu_s;
	case COMPARE_PEAK:
		return profile_known(result->peak_rss);
	case COMPARE_END:
		return profile_known(result->end_rss);
	default:
		return fmax(profile_known(result->end_rss) - profile_known(comparison->live_bytes),
			    0);
	}
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Between the two values at that share of the way; values ascend. */
static double quantile(const double *values, size_t n, double share)
{
	double place = share * (double)(n - 1);
	size_t i = (size_t)place;

	return i + 1 < n ? values[i] + (place - (double)i) * (values[i + 1] - values[i])
			 : values[i];
}

static struct compare_spread spread(double *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isnan(values[i]))
			return (struct compare_spread){NAN, NAN, NAN};
	if (n == 0)
		return (struct compare_spread){NAN, NAN, NAN};
	qsort(values, n, sizeof(*values), compare_doubles);
	return (struct compare_spread){quantile(values, n, 0.25), quantile(values, n, 0.5),
				       quantile(values, n, 0.75)};
}

struct compare_spread compare_spread_get(const struct comparison *comparison, size_t variant,
					 enum compare_figure figure)
{
	double values[COMPARE_MAX_ROUNDS];

	for (size_t i = 0; i < comparison->n_rounds; i++) {
		values[i] = value_of(comparison, i, variant, figure);
		if (figure == COMPARE_RETAINED && comparison->live_bytes == UINT64_MAX)
			values[i] = NAN;
	}
	return spread(values, comparison->n_rounds);
}

double compare_ratio(const struct comparison *comparison, size_t variant,
		     enum compare_figure figure, bool *ret_beyond_noise)
{
	double ratios[COMPARE_MAX_ROUNDS];
	struct compare_spread all;
	double by;
	size_t n_below = 0, n_above = 0, n = comparison->n_rounds;

	for (size_t i = 0; i < n; i++) {
		double first = value_of(comparison, i, 0, figure);

		ratios[i] = first > 0 ? value_of(comparison, i, variant, figure) / first : NAN;
		n_below += ratios[i] < 1;
		n_above += ratios[i] > 1;
	}
	all = spread(ratios, n);
	by = fabs(compare_spread_get(comparison, variant, figure).median -
		  compare_spread_get(comparison, 0, figure).median);
	*ret_beyond_noise = n >= 3 && fabs(all.median - 1) >= WORTH_A_SHARE &&
			    by >= (figures[figure].is_bytes ? WORTH_BYTES : WORTH_S) &&
			    (all.high < 1 || all.low > 1) && (n_below <= 1 || n_above <= 1);
	return all.median;
}

/* "uses 23 % less memory at its peak", with what stands in front; nothing if it is noise. */
static bool add_difference(const struct comparison *comparison, size_t variant,
			   enum compare_figure figure, const char *before, struct strbuf *text)
{
	static const char *const of[COMPARE_N] = {[COMPARE_WALL] = "time",
						  [COMPARE_CPU] = "CPU time",
						  [COMPARE_PEAK] = "memory at the peak",
						  [COMPARE_END] = "memory at the end",
						  [COMPARE_RETAINED] = "retained memory"};
	bool is_real;
	double ratio = compare_ratio(comparison, variant, figure, &is_real);

	if (!is_real)
		return false;
	strbuf_addf(text, "%s%.0f %% %s %s", before, fabs(ratio - 1) * 100,
		    ratio < 1 ? "less" : "more", of[figure]);
	return true;
}

/* The variant that is best in that figure, beyond the noise; 0 if none is better than the first. */
static size_t find_best(const struct comparison *comparison, enum compare_figure figure)
{
	double least = 1;
	size_t best = 0;

	for (size_t i = 1; i < comparison->variants->n; i++) {
		bool is_real;
		double ratio = compare_ratio(comparison, i, figure, &is_real);

		if (is_real && ratio < least) {
			least = ratio;
			best = i;
		}
	}
	return best;
}

static void recommend(const struct comparison *comparison, size_t variant,
		      enum compare_figure figure, struct strbuf *text)
{
	static const enum compare_figure others[] = {COMPARE_PEAK, COMPARE_END, COMPARE_CPU,
						     COMPARE_WALL};
	bool any = false;

	strbuf_addf(text, "%s: ", comparison->variants->list[variant].name);
	(void)add_difference(comparison, variant, figure, "", text);
	strbuf_addf(text, " than %s", comparison->variants->list[0].name);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i] != figure &&
		    add_difference(comparison, variant, others[i], any ? ", " : "; also ", text))
			any = true;
	if (!any)
		strbuf_adds(text, "; nothing else differs beyond the noise");
	strbuf_adds(text, ".\n");
}

int compare_recommend(const struct comparison *comparison, struct strbuf *text)
{
	size_t least = find_best(comparison, COMPARE_PEAK);
	size_t quickest = find_best(comparison, COMPARE_CPU);
	size_t at_end = find_best(comparison, COMPARE_END);

	if (comparison->n_rounds < 3)
		return strbuf_adds(
			text, "Fewer than three rounds cannot tell a difference from noise.\n");
	if (least)
		recommend(comparison, least, COMPARE_PEAK, text);
	if (at_end && at_end != least)
		recommend(comparison, at_end, COMPARE_END, text);
	if (quickest && quickest != least && quickest != at_end)
		recommend(comparison, quickest, COMPARE_CPU, text);
	if (!least && !at_end && !quickest)
		strbuf_addf(
			text,
			"None is better than %s beyond the noise: nothing is to be gained by changing.\n",
			comparison->variants->list[0].name);
	return text->error;
}

/* "1.25 s ±3 %": the median, and half of the distance between the quartiles. */
static void format(double value, const struct compare_spread *of, bool is_bytes, bool differs,
		   struct strbuf *text)
{
	char bytes[UNITS_MAX];

	if (isnan(value)) {
		strbuf_adds(text, "-");
		return;
	}
	if (is_bytes)
		strbuf_adds(text, units_format_bytes((uint64_t)value, bytes));
	else
		strbuf_addf(text, value < 1 ? "%.0f ms" : "%.2f s",
			    value < 1 ? value * 1000 : value);
	strbuf_addf(text, " ±%.0f %%%s", value > 0 ? (of->high - of->low) / 2 / value * 100 : 0,
		    differs ? "*" : " ");
}

static void add_row(const struct comparison *comparison, size_t variant, FILE *out)
{
	fprintf(out, "  %-28s", comparison->variants->list[variant].name);
	for (int figure = 0; figure < COMPARE_N; figure++) {
		_cleanup_(strbuf_deinit) struct strbuf cell = {};
		struct compare_spread of =
			compare_spread_get(comparison, variant, (enum compare_figure)figure);
		bool differs = false;

		if (variant > 0)
			(void)compare_ratio(comparison, variant, (enum compare_figure)figure,
					    &differs);
		format(of.median, &of, figures[figure].is_bytes, differs, &cell);
		/* the sign takes two bytes and one column */
		fprintf(out, "  %*s", strstr(strbuf_text(&cell), "±") ? 18 : 17,
			strbuf_text(&cell));
	}
	fputc('\n', out);
}

int compare_print_text(const struct comparison *comparison, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf advice = {};
	char live[UNITS_MAX];
	int r = compare_recommend(comparison, &advice);

	if (r < 0)
		return r;
	fprintf(out,
		"%zu rounds, medians ± half of the distance between the quartiles; * differs from %s "
		"beyond the noise\n",
		comparison->n_rounds, comparison->variants->list[0].name);
	if (comparison->live_bytes != UINT64_MAX)
		fprintf(out,
			"live at the end, with any of them: %s; retained is what is resident beyond "
			"that, the program's own files included\n",
			units_format_bytes(comparison->live_bytes, live));
	fprintf(out, "\n  %-28s", "");
	for (int figure = 0; figure < COMPARE_N; figure++)
		fprintf(out, "  %16s ", figures[figure].title);
	fputc('\n', out);
	for (size_t i = 0; i < comparison->variants->n; i++)
		add_row(comparison, i, out);
	fprintf(out, "\n%s", strbuf_text(&advice));
	return ferror(out) ? -EIO : 0;
}

static json_t *number(double value, bool is_bytes)
{
	if (isnan(value))
		return json_null();
	return is_bytes ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *variant_json(const struct comparison *comparison, size_t variant)
{
	const struct variant *of = &comparison->variants->list[variant];
	json_t *object = json_object(), *settings = json_array();

	json_object_set_new(object, "name", json_string(of->name));
	json_object_set_new(object, "preload",
			    of->preload ? json_string(of->preload) : json_null());
	for (char **setting = of->settings; *setting; setting++)
		json_array_append_new(settings, json_string(*setting));
	json_object_set_new(object, "environment", settings);
	for (int i = 0; i < COMPARE_N; i++) {
		struct compare_spread all =
			compare_spread_get(comparison, variant, (enum compare_figure)i);
		bool is_bytes = figures[i].is_bytes, differs = false;
		double ratio = compare_ratio(comparison, variant, (enum compare_figure)i, &differs);
		json_t *figure = json_object();

		json_object_set_new(figure, "median", number(all.median, is_bytes));
		json_object_set_new(figure, "low", number(all.low, is_bytes));
		json_object_set_new(figure, "high", number(all.high, is_bytes));
		json_object_set_new(figure, "ratio", number(ratio, false));
		json_object_set_new(figure, "beyond_noise", json_boolean(variant > 0 && differs));
		json_object_set_new(object, figures[i].json, figure);
	}
	return object;
}

int compare_print_json(const struct comparison *comparison, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf advice = {};
	json_t *report = json_object(), *command = json_array(), *list = json_array();
	int r = compare_recommend(comparison, &advice);

	for (char *const *word = comparison->command; *word; word++)
		json_array_append_new(command, json_string(*word) ?: json_null());
	for (size_t i = 0; i < comparison->variants->n; i++)
		json_array_append_new(list, variant_json(comparison, i));
	json_object_set_new(report, "schema", json_string("memtrace/1"));
	json_object_set_new(report, "version", json_string(MEMTRACE_VERSION));
	json_object_set_new(report, "command", command);
	json_object_set_new(report, "rounds", json_integer((json_int_t)comparison->n_rounds));
	json_object_set_new(report, "live_bytes",
			    comparison->live_bytes == UINT64_MAX
				    ? json_null()
				    : json_integer((json_int_t)comparison->live_bytes));
	json_object_set_new(report, "variants", list);
	json_object_set_new(report, "recommendation", json_string(strbuf_text(&advice)));
	if (r < 0) {
		json_decref(report);
		return r;
	}
	return json_write(report, out);
}
