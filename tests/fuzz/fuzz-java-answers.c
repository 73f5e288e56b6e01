/* SPDX-License-Identifier: MIT */
/*
 * fuzz-java-answers.c: what a process that says it is a Java machine answers. The first byte says to which
 * question. Rows are of known kinds and bounded in number, and their names are within a line.
 */
#include "profile/java-answers.h"

#include <stdlib.h>
#include <string.h>

#include "profile/java.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct profile *profile)
{
	size_t n[PROFILE_JAVA_N_KINDS] = {};

	for (size_t i = 0; i < profile->n_java; i++) {
		const struct profile_java *row = &profile->java[i];

		if (row->kind >= PROFILE_JAVA_N_KINDS)
			abort();
		n[row->kind]++;
		if (strchr(row->name, '\n'))
			abort();
		if (row->kind == PROFILE_JAVA_THREAD && (row->first == 0 || row->first > INT32_MAX))
			abort();
	}
	if (n[PROFILE_JAVA_THREAD] > 32768 || n[PROFILE_JAVA_CLASS] > 16 ||
	    n[PROFILE_JAVA_NMT] > 64 || n[PROFILE_JAVA_NMT_MALLOC] > 65 ||
	    n[PROFILE_JAVA_NMT_PLACE] > 20)
		abort();
}

static void check_ranges(const char *text)
{
	struct java_range *ranges = NULL;
	size_t n = 0;

	if (java_read_ranges(text, &ranges, &n) < 0)
		abort();
	for (size_t i = 0; i < n; i++)
		if (ranges[i].start >= ranges[i].end || ranges[i].end > 1ull << 47 ||
		    !memchr(ranges[i].name, 0, sizeof(ranges[i].name)))
			abort();
	free(ranges);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct java_translation ids[] = {{1, 4711}, {12, 4722}};
	struct profile *profile = profile_new();
	char *text = strndup((const char *)data + (size > 0), size - (size > 0));

	if (!profile || !text)
		abort();
	if (size > 0 && data[0] % 3 == 0)
		(void)java_read_threads(profile, text, ids, sizeof(ids) / sizeof(ids[0]));
	else if (size > 0 && data[0] % 3 == 1)
		(void)java_read_classes(profile, text);
	else
		(void)java_read_tracking(profile, text);
	check(profile);
	check_ranges(text);
	free(text);
	profile_free(profile);
	return 0;
}
