/* SPDX-License-Identifier: MIT */
/*
 * session-maker.c FILE: writes a session of a process that never was: the sample profile of the unit tests with
 * arenas and mappings. It is the same each time, so that what is drawn of it can be compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/session.h"
#include "tests/unit/sample-arenas.h"
#include "tests/unit/sample-profile.h"

static const struct {
	const char *head;
	unsigned size_kb, rss_kb, dirty_kb, anonymous_kb, swap_kb;
} mappings[] = {
	{"10000000-10a00000 rw-p 00000000 00:00 0", 10240, 8192, 8192, 8192, 512},
	{"20000000-22800000 rw-p 00000000 00:00 0", 40960, 40960, 40960, 40960, 0},
	{"555555554000-555555564000 r-xp 00000000 08:01 1234 /srv/app/leaky", 64, 60, 0, 0, 0},
	{"555555574000-555555595000 rw-p 00000000 00:00 0 [heap]", 132, 100, 100, 100, 0},
	{"7ffff0000000-7ffff0010000 rw-p 00000000 00:00 0", 64, 64, 64, 64, 0},
	{"7ffff7c00000-7ffff7e00000 r-xp 00000000 08:01 99 /lib/x86_64-linux-gnu/libc.so.6", 2048,
	 1200, 0, 0, 0},
	{"7ffff7e10000-7ffff7f10000 r--s 00000000 08:01 77 /srv/app/data.bin", 1024, 512, 0, 0, 0},
	{"7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]", 132, 24, 24, 24, 0},
};

static char *format_maps(void)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	for (size_t i = 0; i < sizeof(mappings) / sizeof(*mappings); i++)
		fprintf(file,
			"%s\nSize: %u kB\nRss: %u kB\nPss: %u kB\nShared_Clean: 0 kB\n"
			"Shared_Dirty: 0 kB\nPrivate_Clean: %u kB\nPrivate_Dirty: %u kB\n"
			"Anonymous: %u kB\nAnonHugePages: 0 kB\nSwap: %u kB\n"
			"KernelPageSize: 4 kB\nLocked: 0 kB\n",
			mappings[i].head, mappings[i].size_kb, mappings[i].rss_kb,
			mappings[i].rss_kb, mappings[i].rss_kb - mappings[i].dirty_kb,
			mappings[i].dirty_kb, mappings[i].anonymous_kb, mappings[i].swap_kb);
	fclose(file);
	return text;
}

int main(int argc, char **argv)
{
	struct profile *profile = sample_profile_watched();
	struct profile_process *process = &profile->process;
	int r;

	if (argc < 2)
		return 2;
	process->state = PROFILE_RUNNING;
	process->exit_status = -1;
	process->n_threads = 2;
	process->cgroup_limit = 512u << 20;
	process->rss = 0;
	for (size_t i = 0; i < sizeof(mappings) / sizeof(*mappings); i++)
		process->rss += mappings[i].rss_kb * 1024ull;
	for (size_t i = 0; i < profile->n_moments; i++)
		profile->moments[i].rss = profile->moments[i].highest_rss =
			process->rss * (i + 3) / (profile->n_moments + 3);
	/* far from where figures are rounded up */
	process->captured_at = process->started_at + 12.2;
	profile->maps_text = format_maps();
	profile->arenas = sample_arenas(0x20000000);
	r = session_write(profile, argv[1]);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
	return r < 0;
}
