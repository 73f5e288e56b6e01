/* SPDX-License-Identifier: MIT */
/*
 * The hub between those who work and the one who shows it. Work within work is counted by depth: the outermost
 * is what people wait for.
 */
#include "base/progress.h"

#include <stddef.h>

#include "base/macro.h"

static const struct progress_sink *sink;
static const char *what;
static uint64_t total;
static unsigned depth;

void progress_set_sink(const struct progress_sink *new_sink)
{
	progress_hide();
	sink = new_sink;
	depth = 0;
}

void progress_begin(const char *new_what, uint64_t new_total)
{
	/* nobody asks, and whoever has threads sets none */
	if (!sink || depth++ > 0)
		return;
	what = new_what;
	total = new_total;
}

void progress_step(uint64_t done)
{
	if (sink && depth == 1 && total > 0)
		sink->show(what, MIN(done, total), total);
}

void progress_end(void)
{
	if (depth > 0 && --depth == 0)
		progress_hide();
}

void progress_hide(void)
{
	if (sink)
		sink->hide();
}
