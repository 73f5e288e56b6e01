/* SPDX-License-Identifier: MIT */
/*
 * stream.h: what every verb that draws shares: --color, what the stream can show, the expression of
 * --grep, and how drawing ends.
 */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include <regex.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/options.h"
#include "render/render.h"

/* The choices of --color, for an option whose value is an int. */
extern const char *const stream_colors[];
#define STREAM_COLOR_OPTION(offset)                                                               \
	{                                                                                         \
		"color", 0, "WHEN", (offset), &option_choice,                                     \
			"auto (default: on a terminal, unless NO_COLOR is set), always or never", \
			stream_colors                                                             \
	}

/* Options that leave nothing out and suit the stream: colour, character set and width. */
struct render_options stream_options(int color, FILE *stream);

/* Columns; 0: no terminal. */
unsigned stream_width(FILE *stream);

/* The expression of --grep: STATUS_DONE, and the caller frees it; else what is wrong was said. */
int stream_compile_grep(const char *verb, const char *text, regex_t *ret);

/*
 * The exit status after a renderer returned r. If it failed of anything but the stream (which
 * verb_finish_output tells), what could not be drawn ("the mappings") is said, with the way out.
 */
int stream_finish(const char *verb, const char *what, const char *way_out, int r);

#endif
