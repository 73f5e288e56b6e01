/* SPDX-License-Identifier: MIT */
/*
 * top-series.h: the course of one figure: its value at each moment at which it changed. What stands still takes
 * neither room nor time, so that a hundred thousand of them can be watched.
 */
#ifndef CLI_TOP_SERIES_H
#define CLI_TOP_SERIES_H

#include <stdbool.h>
#include <stdint.h>

/* So much time counts, and so many changes or looks at most. */
enum { TOP_SERIES_S = 60, TOP_SERIES_POINTS = 64 };

/* When was looked: the moments at which growth is taken. Zeroed is empty. */
struct top_looks {
	double time_s[TOP_SERIES_POINTS]; /* a ring */
	uint32_t n;                       /* ever */
};

void top_looks_add(struct top_looks *looks, double time_s);
/* The i-th from the end, 0 is the last one. i is below top_looks_count. */
double top_looks_back(const struct top_looks *looks, uint32_t i);
/* How many of them are not before since_s, nor longer ago than what counts. */
uint32_t top_looks_count(const struct top_looks *looks, double since_s);

struct top_point {
	double time_s; /* CLOCK_MONOTONIC */
	uint64_t value;
};

/* Zeroed is empty. */
struct top_series {
	double since_s;           /* when it was first looked at */
	uint64_t last;            /* the value now */
	struct top_point *points; /* a ring; NULL while it has not changed */
	uint32_t n_points;        /* ever put into it */
	uint32_t capacity;
};

void top_series_deinit(struct top_series *series);

/* Times never go back. What cannot be kept for want of memory is forgotten. */
void top_series_add(struct top_series *series, double time_s, uint64_t value);

/* Its value at a moment, as far as that is known; the oldest known one before. */
uint64_t top_series_at(const struct top_series *series, double time_s);

/* Change a second. */
struct top_growth {
	/* By Theil and Sen: the median of the slopes between all pairs of some moments, which single steps do not
	 * move. NAN if it is not known. */
	double slope;
	/*
	 * What of it can be relied on; 0 if that is nothing. What comes and goes, or is estimated from few
	 * samples, grows by chance, and what was filled at the start grows no more: so it is what is beyond a
	 * few standard errors of a line through the same moments, and through the later half of them.
	 */
	double sure;
	/* What of the slope is kept (top_series_growth): orders what is not sure. 0 if that is nothing or unknown. */
	double kept;
};

/*
 * Over the last minute. kept: so much a second of what was allocated is still there (struct pulse_kept), which can
 * be relied on with fewer errors where the slope says so, too; NAN if it is not known.
 */
struct top_growth top_series_growth(const struct top_series *series, const struct top_looks *looks,
				    double kept);
/* The same between the ends of that time: quick, and moved by every step. */
double top_series_drift(const struct top_series *series, const struct top_looks *looks);

/* Of n points, at most 16. */
struct top_growth top_points_growth(const struct top_point *points, unsigned n, double kept);

#endif
