/* SPDX-License-Identifier: MIT */
/* Blocks that libc allocates for its caller: the caller's line is what counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *volatile sink;

static void leak_strdup(void)
{
	for (int i = 0; i < 4; i++)
		sink = strdup("twenty-four characters.."); /* LEAK leak_strdup: 4 blocks, 100 bytes */
}

static void leak_strndup(void)
{
	sink = strndup("a long string of which ten are kept", 10); /* LEAK leak_strndup: 1 blocks, 11 bytes */
}

static void leak_getline(void)
{
	char text[] = "one line\n";
	FILE *file = fmemopen(text, sizeof(text) - 1, "r");
	char *line = NULL;
	size_t size = 0;

	if (!file || getline(&line, &size, file) < 0) /* LEAK leak_getline: 1 blocks, 120 bytes */
		abort();
	sink = line;
	fclose(file);
}

static void leak_asprintf(void)
{
	char *text;

	if (asprintf(&text, "%0199d", 7) < 0) /* LEAK leak_asprintf: 1 blocks, 200 bytes */
		abort();
	sink = text;
}

static void leak_realpath(void)
{
	sink = realpath("/", NULL); /* LEAK leak_realpath: 1 blocks, ? bytes */
}

int main(void)
{
	leak_strdup();
	leak_strndup();
	leak_getline();
	leak_asprintf();
	leak_realpath();
	return 0;
}
