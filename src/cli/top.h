/* SPDX-License-Identifier: MIT */
/*
 * top.h: the state of `memtrace top`, which the views draw and the keys change.
 */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include <regex.h>

#include "base/map.h"
#include "base/units.h"
#include "cli/top-lines.h"
#include "cli/top-series.h"
#include "cli/top-source.h"
#include "render/view.h"

/* On narrower screens names need the room more than figures. */
enum { TOP_HISTORY = 4096, TOP_NARROW = 100 };

/* One moment of the whole process. */
struct top_moment {
	double time_s;
	uint64_t rss, live, kept; /* PROFILE_UNKNOWN where it is not known */
};

struct top_view;

/* Beside a site of the shot's profile. */
struct top_site {
	uint32_t series; /* index, TOP_NONE if it was never live */
	uint32_t was;    /* index in the baseline, TOP_NONE */
	double aged_s;   /* when its ages were those that the profile has */
	double kept;     /* bytes a second, of the present pulse */
};
#define TOP_NONE UINT32_MAX

/* What figures are differences from. */
struct top_baseline {
	bool is_set;
	struct map by_id; /* site's id: index in sites */
	struct top_was {
		uint64_t live_bytes, live_blocks;
	} * sites;
	bool has_ledger;
	uint64_t resident[LEDGER_N_OWNERS];
};

struct top {
	struct top_source *source;
	struct top_shot
		*shot; /* never NULL once something is drawn; its live figures are the newest */
	struct top_site *sites;   /* beside the profile's */
	struct top_pulse *pulse;  /* the newest, NULL */
	struct pulse_state state; /* with it */
	bool is_of_pulse;         /* the shot's figures are those of state */
	double unknown;           /* bytes at places that the shot has not */
	struct top_baseline baseline;
	bool ended;       /* the process: shot is the last there is */
	uint64_t n_looks; /* changes with every figure */
	uint64_t n_shots; /* changes with the shot */

	struct map series_by_id; /* site's id: index in series */
	struct top_series *series;
	size_t n_series;
	struct top_looks looks;
	struct top_moment *history;
	size_t n_history;

	const struct top_view *view;
	struct render_options options; /* sort, by, grep, colour, utf8, width */
	regex_t grep;                  /* what options.grep points to */
	char filter[128];              /* its text */
	uint64_t n_filters;            /* changes with it */
	uint64_t detail;               /* item that is open, TOP_NO_ITEM */
	bool help, paused, tree_from_allocation;
	bool asks_trim;      /* the next key answers */
	struct map expanded; /* the tree: hashes of paths whose state was changed by hand */
	double interval_s;
	const char *notice; /* stands in the last line; NULL */
	int rows;           /* room for the view's lines, its heads included */
	/* Lines beyond n_wanted may be in any order, but not those up to that of selected. */
	size_t n_wanted;
	bool wants_all; /* somebody has gone to the end */
	uint64_t selected;
	struct top_list *list; /* the sites in order (top-list.h); NULL */
	char message[256];
};

struct top_view {
	const char *name;
	unsigned n_heads; /* lines that stay while the others scroll */
	bool needs_agent;
	bool needs_shots; /* a pulse changes nothing in it */
	int (*draw)(struct top *top, struct top_lines *lines);
	/* What Enter shows of an item; NULL if there is nothing. */
	int (*draw_detail)(struct top *top, uint64_t item, struct top_lines *lines);
	/* A key that only this view knows; item is the selected one. Returns whether it did. */
	bool (*press)(struct top *top, int key, uint64_t item);
};

extern const struct top_view top_sites, top_tree, top_ledger, top_arenas, top_maps, top_threads,
	top_timeline, top_events;

/* All of them in the order of their keys, 1 first. */
enum { TOP_N_VIEWS = 8 };
extern const struct top_view *const top_views[TOP_N_VIEWS];

/* Takes what the source has; returns whether there was something. */
bool top_update(struct top *top);
void top_deinit(struct top *top);

/* The course of a site of the shot's profile; NULL if there is none. */
const struct top_series *top_series_of(const struct top *top, const struct profile_site *site);
/* Bytes a second, over the last minute. */
struct top_growth top_growth(const struct top *top, const struct profile_site *site);
/* The same of all: of live memory, or of RSS where live is not known. */
struct top_growth top_total_growth(const struct top *top);

/* Seconds that its oldest block has been live now, below 0 if nothing is. */
double top_age(const struct top *top, const struct profile_site *site);

/* The profile's site of that identity, or NULL. */
const struct profile_site *top_find_site(const struct profile *profile, uint64_t id);

/* From now on figures are differences from the present ones, until it is cleared. */
int top_set_baseline(struct top *top);
void top_clear_baseline(struct top *top);
/* What the site was at the baseline; NULL if there is none, or it was not there. */
const struct top_was *top_find_was(const struct top *top, const struct profile_site *site);

/* The lines above every view: process, verdict, tabs. */
int top_draw_head(struct top *top, struct top_lines *lines);
int top_draw_help(struct top *top, struct top_lines *lines);
/* A stack with its source lines, where the files are there. */
int top_draw_site(struct top *top, uint64_t site_id, struct top_lines *lines);

/* "+1.5 MiB", signed where there is a baseline, else "1.5 MiB". text holds UNITS_MAX + 2. */
const char *top_format_bytes(const struct top *top, int64_t bytes, char *text);
/* Eight steps of height over the last minute, the newest at the right end, in columns. series may be NULL. */
int top_add_spark(const struct top *top, struct top_lines *lines, const struct top_series *series,
		  unsigned columns);
/*
 * "+1.5 MiB/s", with "~" for what may be chance; nothing where it is not known or nothing. text holds
 * TOP_GROWTH_MAX.
 */
enum { TOP_GROWTH_MAX = UNITS_MAX + 8 };
const char *top_format_growth(const struct top_growth *growth, char *text);
/* The same, in 13 columns. */
void top_add_growth_cell(struct top_lines *lines, const struct top_growth *growth);
/* A bar of columns for part of whole. */
int top_add_bar(const struct top *top, struct top_lines *lines, enum top_style style,
		unsigned columns, uint64_t part, uint64_t whole);
/* The line for views that need the agent, with the way to get it. */
int top_explain_no_agent(const struct top *top, struct top_lines *lines);

#endif
