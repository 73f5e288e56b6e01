/* SPDX-License-Identifier: MIT */
/*
 * stream.c: see the header.
 */
#include "cli/stream.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/verb.h"

enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

const char *const stream_colors[] = {"auto", "always", "never", NULL};

static bool use_colour(int color, FILE *stream)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (color != COLOR_AUTO)
		return color == COLOR_ALWAYS;
	if (no_color && no_color[0])
		return false;
	return isatty(fileno(stream)) && !(term && strcmp(term, "dumb") == 0);
}

unsigned stream_width(FILE *stream)
{
	struct winsize size;

	if (ioctl(fileno(stream), TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

struct render_options stream_options(int color, FILE *stream)
{
	return (struct render_options){
		.since_s = -1,
		.older_s = -1,
		.colour = use_colour(color, stream),
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.width = stream_width(stream),
	};
}

int stream_compile_grep(const char *verb, const char *text, regex_t *ret)
{
	char why[128];
	int r = regcomp(ret, text, REG_EXTENDED | REG_NOSUB);

	if (r == 0)
		return STATUS_DONE;
	regerror(r, ret, why, sizeof(why));
	log_error("%s: --grep=%s: %s; see regex(7)", verb, text, why);
	return STATUS_USAGE;
}

int stream_finish(const char *verb, const char *what, const char *way_out, int r)
{
	if (r < 0 && !ferror(stdout)) {
		log_error("%s: %s cannot be drawn: %s; %s", verb, what, strerror(-r), way_out);
		return STATUS_FAILED;
	}
	return verb_finish_output();
}
