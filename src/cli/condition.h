/* SPDX-License-Identifier: MIT */
/*
 * condition.h: what `watch` waits for: "rss > 70%", "growth > 1M/s and live > 2G", "verdict = leak".
 *
 * A condition is comparisons joined by "and" and "or"; "and" binds stronger. A comparison is a figure, one of
 * > >= < <= = and a value: a number, a size, a share of the limit ("70%"), a text after "=". growth(FIGURE) is
 * how fast a figure grows, a second, and growth alone that of rss; its value may end in "/s".
 */
#ifndef CLI_CONDITION_H
#define CLI_CONDITION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

enum condition_order {
	CONDITION_ABOVE,
	CONDITION_AT_LEAST,
	CONDITION_BELOW,
	CONDITION_AT_MOST,
	CONDITION_EQUAL,
};

struct condition_moment {
	double time_s, value;
};

struct condition_term {
	char *figure;
	enum condition_order order;
	double value;
	char *text;        /* of "=" with something that is no number; else NULL */
	bool is_share;     /* value is a share of the limit */
	bool is_growth;    /* of the figure */
	bool begins_group; /* the "or" stands in front of it, or nothing */
	/* of growth: what was seen within the window, the oldest first */
	struct condition_moment *moments;
	size_t n_moments;
};

struct condition {
	struct condition_term *terms;
	size_t n_terms;
};

/* What is known of a figure at this moment. */
struct condition_value {
	double number;    /* NAN if it is none, or not known */
	const char *text; /* NULL if it is none */
};

struct condition_source {
	/* -ENOENT: there is no such figure */
	int (*get)(void *data, const char *figure, struct condition_value *ret);
	void *data;
	double limit; /* bytes that the process may have; NAN if unknown */
};

/* -EINVAL and the line in error if it is not understood; -ENOMEM. */
int condition_init(struct condition *condition, const char *text, struct strbuf *error);
void condition_deinit(struct condition *condition);

/*
 * Looks at all figures, at time_s, and says whether the condition holds: 1, 0, or -ENOENT with the name of a
 * figure that there is not in why. If it holds, why says what decided. Growth is not known before two thirds of
 * the window are seen.
 */
int condition_holds(struct condition *condition, const struct condition_source *source,
		    double time_s, double window_s, struct strbuf *why);

#endif
