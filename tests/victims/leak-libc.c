/* SPDX-License-Identifier: MIT */
/* Blocks that libc allocates for its caller: the caller's line is what counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *volatile sink;

static void leak_strdup(void)
{
	for (int i = 0; i < 4; i++)
		/* LEAK leak_strdup: 4 blocks, 100 bytes */
		sink = strdup("twenty-four characters..");
}

static void leak_strndup(void)
{
	/* LEAK leak_strndup: 1 blocks, 11 bytes */
	sink = strndup("a long string of which ten are kept", 10);
}

static void leak_getline(void)
{
	char text[] = "one line\n";
	FILE *file = fmemopen(text, sizeof(text) - 1, "r");
	char *line = NULL;
	size_t size = 0;

	/* LEAK leak_getline: 1 blocks, 120 bytes */
	if (!file || getline(&line, &size, file) < 0)
		abort();
	sink = line;
	fclose(file);
}

static void leak_asprintf(void)
{
	char *text;

	/* LEAK leak_asprintf: 1 blocks, 200 bytes */
	if (asprintf(&text, "%0199d", 7) < 0)
		abort();
	sink = text;
}

static void leak_realpath(void)
{
	/* LEAK leak_realpath: 1 blocks, ? bytes */
	sink = realpath("/", NULL);
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
