/* SPDX-License-Identifier: MIT */
/*
 * Feeds a harness the files below the paths that are its arguments, and some damaged copies of each: how a
 * corpus is replayed in every run of the tests, by any compiler. The damage is the same in every run. With
 * -Dfuzz=true clang's libFuzzer takes its place, which finds new inputs.
 */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DAMAGED = 64, DAMAGED_MAX = 64 << 10 };

/* A copy of the exact size, so that a sanitizer sees the first byte beyond it; random 0: undamaged. */
static int feed(const uint8_t *data, size_t size, uint32_t random)
{
	static const uint8_t values[] = {0x00, 0xff, 0x7f, 0x80, 0x01, '0', '\n', ' '};
	_cleanup_free_ uint8_t *bytes = malloc(size ? size : 1);

	if (!bytes)
		return -ENOMEM;
	if (size)
		memcpy(bytes, data, size);
	for (int i = 0; random && size && i < 3; i++) {
		bytes[random % size] = values[(random >> 16) % sizeof(values)];
		random = random * 1664525 + 1013904223;
	}
	/* every fourth is cut off, too */
	if (random && size && random % 4 == 0)
		size = random % size;
	LLVMFuzzerTestOneInput(bytes, size);
	return 0;
}

static int replay(const char *path)
{
	_cleanup_free_ char *bytes = NULL;
	size_t size;
	int r;

	r = file_read(path, 64 << 20, &bytes, &size);
	if (r < 0)
		return r;
	r = feed((const uint8_t *)bytes, size, 0);
	for (uint32_t i = 1; r == 0 && size <= DAMAGED_MAX && i <= DAMAGED; i++)
		r = feed((const uint8_t *)bytes, size, i * 2654435761u);
	return r;
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
