/* SPDX-License-Identifier: MIT */
/*
 * "Who should free what getaddrinfo allocates" leads to a call of free that would be wrong. The functions of libc
 * that have one of their own to give back what they allocate are few, and these are those that are met.
 */
#include "profile/remedy.h"

#include <string.h>

#include "base/macro.h"
#include "profile/label.h"

struct remedy {
	const char *function, *call;
};

static const struct remedy remedies[] = {
	{"pthread_create", "pthread_join or pthread_detach"},
	{"regcomp", "regfree"},
	{"regexec", "regfree"},
	{"getaddrinfo", "freeaddrinfo"},
	{"getifaddrs", "freeifaddrs"},
	{"if_nameindex", "if_freenameindex"},
	{"iconv_open", "iconv_close"},
	{"opendir", "closedir"},
	{"opendir_tail", "closedir"},
	{"fdopendir", "closedir"},
	{"fopen", "fclose"},
	{"fopen64", "fclose"},
	{"fdopen", "fclose"},
	{"fmemopen", "fclose"},
	{"open_memstream", "fclose"},
	{"tmpfile", "fclose"},
	{"popen", "pclose"},
	{"newlocale", "freelocale"},
	{"duplocale", "freelocale"},
	{"dlopen", "dlclose"},
	{"dlmopen", "dlclose"},
	{"glob", "globfree"},
	{"glob64", "globfree"},
	{"wordexp", "wordfree"},
	{"timer_create", "timer_delete"},
	{"fts_open", "fts_close"},
};

static const char *find_call(const char *function)
{
	for (size_t i = 0; function && i < ARRAY_SIZE(remedies); i++)
		if (strcmp(function, remedies[i].function) == 0)
			return remedies[i].call;
	return NULL;
}

const char *remedy_find(const struct profile *profile, const struct profile_site *site)
{
	const struct profile_frame *place = label_site_frame(profile, site);

	for (uint32_t i = 0; place && i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);

		for (uint32_t f = 0; f < location->n_frames; f++) {
			const struct profile_frame *frame =
				&profile->frames[location->first_frame + f];

			if (frame == place)
				return NULL;
			if (find_call(frame->function))
				return find_call(frame->function);
		}
	}
	return NULL;
}
