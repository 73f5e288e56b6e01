/* SPDX-License-Identifier: MIT */
/*
 * symbols.c: names addresses of a file with memtrace's symbolizer and prints them as llvm-symbolizer does:
 * function and place of each frame, innermost first, and an empty line. So the two can be compared, in time,
 * memory and in what they say.
 *
 * usage: symbols FILE < ADDRESSES, each a line, as 0x…, in the file's own addresses
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/symbolizer.h"

static void print_text(const char *text)
{
	(void)fwrite_unlocked(text ?: "??", 1, strlen(text ?: "??"), stdout);
}

static void print_line(uint32_t line)
{
	char digits[16];
	size_t at = sizeof(digits);

	digits[--at] = '\n';
	do
		digits[--at] = (char)('0' + line % 10);
	while (line /= 10);
	digits[--at] = ':';
	(void)fwrite_unlocked(digits + at, 1, sizeof(digits) - at, stdout);
}

static int print(struct symbolizer *symbolizer, uint32_t module, uint64_t address)
{
	const struct symbolizer_frame *frames;
	size_t n;
	int r = symbolizer_resolve(symbolizer, module, address, &frames, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		print_text(frames[i].function);
		(void)putchar_unlocked('\n');
		print_text(frames[i].file);
		print_line(frames[i].line);
	}
	(void)putchar_unlocked('\n');
	return 0;
}

int main(int argc, char **argv)
{
	static const struct symbolizer_options options = {.no_debuginfod = true};
	_cleanup_(symbolizer_freep) struct symbolizer *symbolizer = NULL;
	struct symbolizer_module module = {};
	uint32_t index;
	char line[64];
	int r;

	if (argc != 2) {
		(void)fputs("usage: symbols FILE < ADDRESSES\n", stderr);
		return 2;
	}
	module.path = argv[1];
	r = symbolizer_new(&options, &symbolizer);
	if (r >= 0)
		r = symbolizer_add_module(symbolizer, &module, &index);
	while (r >= 0 && fgets(line, sizeof(line), stdin))
		r = print(symbolizer, index, strtoull(line, NULL, 16));
	if (r < 0)
		(void)fprintf(stderr, "symbols: %s: %s\n", argv[1], strerror(-r));
	return r < 0;
}
