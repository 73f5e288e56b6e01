/* SPDX-License-Identifier: MIT */
/*
 * Keeps blocks of known texts, frees others, and has a mapping that was never touched. Waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KEPT = 700, FREED = 300, ACCENTED = 40, LARGE = 3, LARGE_SIZE = 300000 };

static char *volatile kept[KEPT + ACCENTED + LARGE], *volatile freed[FREED];

static char *block(size_t size, const char *text)
{
	char *bytes = malloc(size);

	memset(bytes, 1, size);
	/* behind what an allocator writes into a block that is freed */
	strcpy(bytes + 64, text);
	return bytes;
}

int main(void)
{
	static char output[BUFSIZ];
	char text[64];
	void *untouched;

	/* or it would be a block that one of the freed ones becomes */
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	for (int i = 0; i < KEPT; i++)
		kept[i] = block(200, "kept: session of customer");
	for (int i = 0; i < FREED; i++) {
		snprintf(text, sizeof(text), "freed: number %d", i % 3);
		freed[i] = block(200, text);
	}
	for (int i = 0; i < ACCENTED; i++)
		kept[KEPT + i] = block(200, "gr\303\274\303\237 gott \342\202\254");
	/* longer than what is kept of a text to be shown; one byte differs behind it */
	for (int i = 0; i < LARGE; i++) {
		kept[KEPT + ACCENTED + i] = memset(malloc(LARGE_SIZE), 'x', LARGE_SIZE);
		kept[KEPT + ACCENTED + i][LARGE_SIZE / 2] = i ? 'y' : 'z';
		memset(kept[KEPT + ACCENTED + i] + LARGE_SIZE - 8, 0, 8);
	}
	for (int i = 0; i < FREED; i++)
		free(freed[i]);
	untouched =
		mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("ready %p\n", untouched);
	fflush(stdout);
	pause();
	return 0;
}
