/* SPDX-License-Identifier: MIT */
/*
 * Feeds a harness the files below the paths that are its arguments: how a corpus is replayed in every run
 * of the tests, by any compiler. With -Dfuzz=true clang's libFuzzer takes its place, which finds new ones.
 */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of the exact size, so that a sanitizer sees the first byte beyond it. */
static int replay(const char *path)
{
	_cleanup_free_ char *bytes = NULL;
	_cleanup_free_ uint8_t *exact = NULL;
	size_t size;
	int r;

	r = file_read(path, 64 << 20, &bytes, &size);
	if (r < 0)
		return r;
	exact = malloc(size ? size : 1);
	if (!exact)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++)
		exact[i] = (uint8_t)bytes[i];
	LLVMFuzzerTestOneInput(exact, size);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned n = 0;

	if (argc < 2)
		return 2;
	FTS *tree = fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!tree)
		return 1;
	for (FTSENT *entry = fts_read(tree); entry; entry = fts_read(tree)) {
		if (entry->fts_info != FTS_F)
			continue;
		if (replay(entry->fts_accpath) < 0) {
			fprintf(stderr, "cannot read %s\n", entry->fts_path);
			return 1;
		}
		n++;
	}
	fts_close(tree);
	printf("%u inputs\n", n);
	/* a corpus that was not found tests nothing */
	return n > 0 ? 0 : 1;
}
