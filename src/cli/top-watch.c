/* SPDX-License-Identifier: MIT */
/*
 * top-watch.c: see the header.
 */
#include "cli/top-watch.h"

#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/screen.h"
#include "cli/top-loop.h"
#include "cli/verb.h"

const struct top_settings top_default_settings = {.view = &top_sites, .interval_s = 1};

int top_init(struct top *top, const struct top_settings *settings, const char *target,
	     struct strbuf *error)
{
	int r;

	*top = (struct top){
		.view = settings->view,
		.options = {.sort = settings->sort,
			    .since_s = -1,
			    .older_s = -1,
			    .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0},
		.detail = TOP_NO_ITEM,
		.interval_s = settings->interval_s,
		.notice = settings->notice,
	};
	r = top_source_open(target, &top->source, error);
	if (r >= 0)
		top_source_set_interval(top->source, top->interval_s);
	return r;
}

int top_open_screen(int color, const char **ret_why)
{
	const char *no_color = getenv("NO_COLOR");
	int r = screen_open(color == 1 || (color == 0 && !(no_color && no_color[0])), ret_why);

	if (r >= 0)
		top_catch_signals();
	return r;
}

int top_watch(const struct top_settings *settings, int color, const char *target,
	      struct strbuf *error)
{
	const char *why = "there is no memory to show it";
	struct top top;
	int r = top_init(&top, settings, target, error);

	if (r < 0) {
		screen_close();
		return r;
	}
	r = top_open_screen(color, &why);
	if (r >= 0 && settings->keeps_going) {
		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
	}
	if (r >= 0)
		r = top_loop(&top) == STATUS_DONE ? 0 : -ENOMEM;
	screen_close();
	if (r < 0)
		strbuf_adds(error, why);
	top_deinit(&top);
	return r;
}
