/* SPDX-License-Identifier: MIT */
/*
 * Eight heights a column. The scale begins at zero, not at the lowest value: a line that shows a change of
 * one percent as a slope from the bottom to the top would frighten for nothing.
 */
#include "render/spark.h"

#include <math.h>

#include "base/macro.h"

enum { HEIGHTS = 8 };

static const char *const blocks[HEIGHTS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const plain[HEIGHTS] = {"_", ".", "-", ":", "=", "+", "*", "#"};

static double highest_of(const double *values, size_t n)
{
	double highest = (double)NAN;

	for (size_t i = 0; i < n; i++)
		highest = fmax(highest, values[i]);
	return highest;
}

static int add_column(struct strbuf *buffer, const struct render_options *options, double value,
		      double highest)
{
	if (isnan(value))
		return strbuf_addc(buffer, ' ');
	const double height = highest > 0 ? value / highest * HEIGHTS : 0;
	const size_t i = (size_t)MIN(MAX(height - 0.5, 0.0), HEIGHTS - 1.0);

	return strbuf_adds(buffer, options->utf8 ? blocks[i] : plain[i]);
}

int spark_add(struct strbuf *buffer, const struct render_options *options, const double *times,
	      const double *values, size_t n, size_t columns)
{
	const double highest = highest_of(values, n);
	double value = (double)NAN;
	size_t next = 0;

	if (isnan(highest))
		return 0;
	for (size_t column = 0; column < columns; column++) {
		const double end = times[0] + (times[n - 1] - times[0]) * (double)(column + 1) /
						      (double)columns;
		const size_t first = next;

		while (next < n && (times[next] <= end || column + 1 == columns))
			next++;
		if (next > first && !isnan(highest_of(values + first, next - first)))
			value = highest_of(values + first, next - first);
		add_column(buffer, options, value, highest);
	}
	return buffer->error;
}
