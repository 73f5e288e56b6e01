/* SPDX-License-Identifier: MIT */
/*
 * A test that leaks has to be found out without anybody reading a report: so the outcome is in the exit status, in
 * one line, and in the forms that those who run tests understand. Suppressions that were given and match nothing
 * are named, since they outlive what they were written for.
 */
#include "cli/leakcheck.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/verb.h"
#include "render/leaks.h"

enum { UNUSED_SHOWN = 5 };

bool leakcheck_is_wanted(const struct leakcheck *check)
{
	return check->fail || check->junit || check->github;
}

static int write_junit(const char *path, const struct leak_list *leaks)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r = out ? render_junit(leaks, out) : -ENOMEM;

	if (out)
		fclose(out);
	if (r >= 0)
		r = file_write(path, text, size);
	if (r < 0)
		log_error("run: --junit=%s: cannot be written: %s; give another place", path,
			  strerror(-r));
	return r;
}

static void name_unused(const struct leakcheck *check, const struct suppressions *suppressions)
{
	_cleanup_(strbuf_deinit) struct strbuf list = {};
	size_t n = 0;

	for (size_t i = 0; i < suppressions->n_patterns; i++) {
		if (suppressions->used[i])
			continue;
		if (++n <= UNUSED_SHOWN)
			strbuf_addf(&list, "%s%s", n > 1 ? ", " : "", suppressions->patterns[i]);
	}
	if (n > 0)
		log_warning("run: --suppressions=%s: %zu of %zu matched nothing: %s%s",
			    check->suppressed, n, suppressions->n_patterns, strbuf_text(&list),
			    n > UNUSED_SHOWN ? ", …" : "");
}

static void say(const struct leakcheck *check, const struct leak_list *leaks)
{
	char live[UNITS_MAX], hidden[UNITS_MAX], allowed[UNITS_MAX];

	units_format_bytes(leaks->bytes, live);
	units_format_bytes(leaks->suppressed, hidden);
	units_format_bytes(leaks->allowed, allowed);
	if (leaks->failed && check->fail)
		log_error(
			"run: %s outstanding at the end (%s suppressed), %s allowed; exit status %d",
			live, hidden, allowed, STATUS_LEAK);
	else if (check->quiet || !check->fail)
		/* not log_notice: quiet means this line and no other */
		log_line(LOG_ERROR,
			 "run: %s: %s outstanding at the end (%s suppressed), %s allowed",
			 leaks->failed ? "leaks" : "no leaks", live, hidden, allowed);
}

/* Sites stand by weight, so the heaviest come first. */
static uint32_t *list_sites(const struct profile *profile, const bool *hidden, size_t *ret_n)
{
	uint32_t *sites = calloc(profile->n_sites + 1, sizeof(*sites));
	size_t n = 0;

	for (size_t i = 0; sites && i < profile->n_sites; i++)
		if (profile->sites[i].kind == MT_SITE_MALLOC && profile->sites[i].live_bytes > 0 &&
		    !hidden[i])
			sites[n++] = (uint32_t)i;
	*ret_n = n;
	return sites;
}

int leakcheck_judge(const struct leakcheck *check, struct suppressions *suppressions,
		    const struct profile *profile, int status)
{
	_cleanup_free_ uint32_t *sites = NULL;
	_cleanup_free_ bool *hidden = NULL;
	struct leak_list leaks = {.profile = profile, .allowed = check->allowed};

	if (!profile)
		return status ?: STATUS_FAILED;
	hidden = calloc(profile->n_sites + 1, sizeof(*hidden));
	if (hidden) {
		suppressions_apply(suppressions, profile, hidden, &leaks.bytes, &leaks.suppressed);
		sites = list_sites(profile, hidden, &leaks.n_sites);
	}
	if (!sites) {
		log_error("run: no memory to judge what is outstanding; try again");
		return status ?: STATUS_FAILED;
	}
	leaks.sites = sites;
	leaks.failed = leaks.bytes > check->allowed;
	if (check->github)
		(void)render_github(&leaks, getenv("GITHUB_WORKSPACE"), stderr);
	if (check->junit && write_junit(check->junit, &leaks) < 0)
		return status ?: STATUS_FAILED;
	name_unused(check, suppressions);
	say(check, &leaks);
	return leaks.failed && check->fail ? STATUS_LEAK : status;
}
