/* SPDX-License-Identifier: MIT */
/*
 * condition.c: parses conditions and asks them.
 *
 * Growth is the slope of the straight line that fits the moments of the window best, so that one high
 * figure among many is not taken for growth.
 */
#include "cli/condition.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/macro.h"
#include "base/units.h"

static const struct {
	const char *text;
	enum condition_order order;
} operators[] = {
	/* longer ones first */
	{">=", CONDITION_AT_LEAST}, {"<=", CONDITION_AT_MOST}, {">", CONDITION_ABOVE},
	{"<", CONDITION_BELOW},     {"==", CONDITION_EQUAL},   {"=", CONDITION_EQUAL},
};

void condition_deinit(struct condition *condition)
{
	for (size_t i = 0; i < condition->n_terms; i++) {
		free(condition->terms[i].figure);
		free(condition->terms[i].text);
		free(condition->terms[i].moments);
	}
	free(condition->terms);
	*condition = (struct condition){};
}

static const char *skip_spaces(const char *text)
{
	return text + strspn(text, " \t");
}

static size_t figure_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || (text[n] && strchr("_.()", text[n])))
		n++;
	return n;
}

/* "growth" and "growth(live)" to the figure that grows. */
static int set_figure(struct condition_term *term, const char *text, size_t length)
{
	static const char growth[] = "growth";
	size_t n = sizeof(growth) - 1;

	if (length == n && strncmp(text, growth, n) == 0) {
		term->is_growth = true;
		term->figure = strdup("rss");
	} else if (length > n + 2 && strncmp(text, "growth(", n + 1) == 0 &&
		   text[length - 1] == ')') {
		term->is_growth = true;
		term->figure = strndup(text + n + 1, length - n - 2);
	} else {
		term->figure = strndup(text, length);
	}
	return term->figure ? 0 : -ENOMEM;
}

/* A word of a value: "70%", "1M/s", "2G", "0.9", "leak". */
static int set_value(struct condition_term *term, const char *text, size_t length)
{
	_cleanup_free_ char *word = strndup(text, length);
	uint64_t bytes;
	char *end;

	if (!word)
		return -ENOMEM;
	if (term->is_growth && length > 2 && strcmp(word + length - 2, "/s") == 0)
		word[length - 2] = 0;
	term->value = strtod(word, &end);
	if (end != word && *end == 0)
		return 0;
	if (end != word && strcmp(end, "%") == 0) {
		term->is_share = true;
		term->value /= 100;
		return 0;
	}
	if (units_parse_size(word, &bytes) == 0) {
		term->value = (double)bytes;
		return 0;
	}
	if (term->order != CONDITION_EQUAL)
		return -EINVAL;
	term->value = NAN;
	term->text = TAKE_PTR(word);
	return 0;
}

/* One comparison; *text moves behind it. */
static int parse_term(struct condition_term *term, const char **text)
{
	const char *at = skip_spaces(*text);
	size_t length = figure_length(at), i;
	int r;

	if (length == 0)
		return -EINVAL;
	r = set_figure(term, at, length);
	if (r < 0)
		return r;
	at = skip_spaces(at + length);
	for (i = 0; i < ARRAY_SIZE(operators); i++)
		if (strncmp(at, operators[i].text, strlen(operators[i].text)) == 0)
			break;
	if (i == ARRAY_SIZE(operators))
		return -EINVAL;
	term->order = operators[i].order;
	at = skip_spaces(at + strlen(operators[i].text));
	length = strcspn(at, " \t");
	if (length == 0)
		return -EINVAL;
	r = set_value(term, at, length);
	*text = skip_spaces(at + length);
	return r;
}

/* "and" or "or" between comparisons; 0 at the end. */
static int parse_joint(const char **text, bool *ret_or)
{
	size_t length = strcspn(*text, " \t");

	if (length == 0)
		return 0;
	*ret_or = length == 2 && strncmp(*text, "or", 2) == 0;
	if (!*ret_or && !(length == 3 && strncmp(*text, "and", 3) == 0))
		return -EINVAL;
	*text += length;
	return 1;
}

int condition_init(struct condition *condition, const char *text, struct strbuf *error)
{
	const char *at = text;
	bool is_or = true;
	int r = 1;

	*condition = (struct condition){};
	while (r > 0) {
		struct condition_term *term;

		r = GROW(condition->terms, condition->n_terms);
		if (r < 0)
			break;
		term = &condition->terms[condition->n_terms++];
		*term = (struct condition_term){.begins_group = is_or};
		r = parse_term(term, &at);
		if (r >= 0)
			r = parse_joint(&at, &is_or);
	}
	if (r == 0)
		return 0;
	condition_deinit(condition);
	if (r == -EINVAL)
		strbuf_addf(error,
			    "'%s': not understood at '%s'; give conditions such as 'rss > 70%%', "
			    "'growth > 1M/s', 'live > 2G and threads > 100'",
			    text, at);
	return r;
}

/* NAN until enough is seen. */
static double slope(const struct condition_term *term, double window_s)
{
	const struct condition_moment *moments = term->moments;
	size_t n = term->n_moments;
	double time = 0, value = 0, above = 0, below = 0;

	if (n < 3 || moments[n - 1].time_s - moments[0].time_s < window_s * 2 / 3)
		return NAN;
	for (size_t i = 0; i < n; i++) {
		time += moments[i].time_s / (double)n;
		value += moments[i].value / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		above += (moments[i].time_s - time) * (moments[i].value - value);
		below += (moments[i].time_s - time) * (moments[i].time_s - time);
	}
	return below > 0 ? above / below : NAN;
}

static int note_moment(struct condition_term *term, double time_s, double window_s, double value)
{
	size_t n_old = 0;

	if (isnan(value))
		return 0;
	while (n_old < term->n_moments && term->moments[n_old].time_s < time_s - window_s)
		n_old++;
	term->n_moments -= n_old;
	if (term->moments)
		memmove(term->moments, term->moments + n_old,
			term->n_moments * sizeof(*term->moments));
	if (GROW(term->moments, term->n_moments) < 0)
		return -ENOMEM;
	term->moments[term->n_moments++] = (struct condition_moment){time_s, value};
	return 0;
}

static bool compare(enum condition_order order, double a, double b)
{
	switch (order) {
	case CONDITION_ABOVE:
		return a > b;
	case CONDITION_AT_LEAST:
		return a >= b;
	case CONDITION_BELOW:
		return a < b;
	case CONDITION_AT_MOST:
		return a <= b;
	default:
		return a == b;
	}
}

static void add_number(struct strbuf *why, const char *figure, double number)
{
	char bytes[UNITS_MAX];
	bool is_count =
		strstr(figure, "threads") || strstr(figure, "blocks") || strstr(figure, "_s");

	if (!is_count && fabs(number) >= 1024)
		strbuf_addf(why, "%s%s", number < 0 ? "-" : "",
			    units_format_bytes((uint64_t)fabs(number), bytes));
	else
		strbuf_addf(why, "%g", number);
}

static void explain(const struct condition_term *term, const struct condition_value *value,
		    double threshold, struct strbuf *why)
{
	if (why->length > 0)
		strbuf_adds(why, ", ");
	strbuf_addf(why, term->is_growth ? "growth of %s is " : "%s is ", term->figure);
	if (term->text) {
		strbuf_adds(why, value->text);
		return;
	}
	add_number(why, term->figure, value->number);
	strbuf_adds(why, term->is_growth ? "/s (" : " (");
	add_number(why, term->figure, threshold);
	strbuf_adds(why, " is the limit)");
}

/* 1, 0, or a negative errno. */
static int term_holds(struct condition_term *term, const struct condition_source *source,
		      double time_s, double window_s, struct strbuf *why)
{
	struct condition_value value = {.number = NAN};
	double threshold = term->is_share ? term->value * source->limit : term->value;
	bool holds;
	int r = source->get(source->data, term->figure, &value);

	if (r == -ENOENT) {
		strbuf_reset(why);
		strbuf_adds(why, term->figure);
	}
	if (r >= 0 && term->is_growth) {
		r = note_moment(term, time_s, window_s, value.number);
		value.number = slope(term, window_s);
	}
	if (r < 0)
		return r;
	if (term->text)
		holds = value.text && strcmp(value.text, term->text) == 0;
	else
		holds = compare(term->order, value.number, threshold);
	if (holds)
		explain(term, &value, threshold, why);
	return holds;
}

int condition_holds(struct condition *condition, const struct condition_source *source,
		    double time_s, double window_s, struct strbuf *why)
{
	_cleanup_(strbuf_deinit) struct strbuf group = {};
	bool any = false, all = false;

	/* each is asked, since growth has to see every moment */
	for (size_t i = 0; i < condition->n_terms; i++) {
		struct condition_term *term = &condition->terms[i];
		int r;

		if (term->begins_group) {
			strbuf_reset(&group);
			all = true;
		}
		r = term_holds(term, source, time_s, window_s, &group);
		if (r < 0) {
			strbuf_reset(why);
			strbuf_adds(why, strbuf_text(&group));
			return r;
		}
		all = all && r > 0;
		if (all && !any &&
		    (i + 1 == condition->n_terms || condition->terms[i + 1].begins_group)) {
			any = true;
			strbuf_adds(why, strbuf_text(&group));
		}
	}
	return any;
}
