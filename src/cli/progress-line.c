/* SPDX-License-Identifier: MIT */
/*
 * What is over within a second is not worth a line. After that the line is drawn a few times a second; it has no
 * line end, and is taken back before anything else is printed. The estimate is by the rate so far.
 */
#include "cli/progress-line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/progress.h"
#include "base/units.h"

static const double WORTH_S = 1, REDRAW_S = 0.2;

static const char *shown_what; /* what the clock runs for */
static uint64_t last_done;
static double began_s, drawn_s;
static bool is_drawn;

int progress_line_format(struct strbuf *buffer, const char *what, uint64_t done, uint64_t total,
			 double elapsed_s)
{
	char n[UNITS_MAX], of[UNITS_MAX], left[UNITS_MAX];

	if (elapsed_s < WORTH_S || done == 0)
		return 0;
	strbuf_addf(buffer, "memtrace: %s: %s of %s", what, units_format_count(done, n),
		    units_format_count(total, of));
	if (done < total)
		strbuf_addf(buffer, ", about %s left",
			    units_format_duration(elapsed_s * (double)(total - done) / (double)done,
						  left));
	return buffer->error;
}

static void put(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0) {
		/* nobody is looking */
	}
}

static void show(const char *what, uint64_t done, uint64_t total)
{
	_cleanup_(strbuf_deinit) struct strbuf line = {};
	const double now = clock_s(CLOCK_MONOTONIC);

	/* something else, or the same again */
	if (what != shown_what || done < last_done) {
		shown_what = what;
		began_s = drawn_s = now;
	}
	last_done = done;
	if (now - drawn_s < REDRAW_S)
		return;
	drawn_s = now;
	if (progress_line_format(&line, what, done, total, now - began_s) < 0 || line.length == 0)
		return;
	put("\r\033[K");
	put(line.text);
	is_drawn = true;
}

static void hide(void)
{
	if (is_drawn)
		put("\r\033[K");
	is_drawn = false;
}

static const struct progress_sink line_sink = {show, hide};

void progress_line_install(void)
{
	const char *term = getenv("TERM");

	if (isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0)
		progress_set_sink(&line_sink);
}

void progress_line_remove(void)
{
	progress_set_sink(NULL);
}
