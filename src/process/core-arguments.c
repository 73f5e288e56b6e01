/* SPDX-License-Identifier: MIT */
/*
 * core-arguments.c: the arguments of a process that left a core.
 *
 * The kernel keeps 80 bytes of them in the notes. All of them are still on the stack: the kernel put the
 * count, the arguments, the environment and the auxiliary vector there one behind the other when the
 * program began, and the vector is also a note, so it can be found by its own bytes.
 */
#include "process/core-arguments.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/strbuf.h"

enum { ARGUMENTS_MAX = 64 * 1024, STACK_BASE = 2 << 20 };

/* The zero terminated text at address goes to the end of text. */
static bool add_text(struct core *core, uint64_t address, struct strbuf *text)
{
	char bytes[256];
	size_t size, length;

	while (text->length < ARGUMENTS_MAX) {
		size = sizeof(bytes) - address % sizeof(bytes);
		if (core_read(core, address, bytes, size) < 0)
			return false;
		length = strnlen(bytes, size);
		if (strbuf_add(text, bytes, length) < 0)
			return false;
		if (length < size)
			return strbuf_addc(text, '\0') == 0;
		address += size;
	}
	return false;
}

/* Where the auxiliary vector is in the words at the base of the stack; 0 if it is not. */
static size_t find_auxv(const struct core_notes *notes, const uint64_t *words, size_t n)
{
	size_t n_auxv = 2 * notes->n_auxv;

	for (size_t i = 2; n_auxv && i + n_auxv <= n; i++)
		if (words[i] == notes->auxv[0] && !words[i - 1] &&
		    !memcmp(words + i, notes->auxv, n_auxv * sizeof(*words)))
			return i;
	return 0;
}

/* The first argument's place in the words; they are ret_n. 0 if that is not how a program begins. */
static size_t find_arguments(const uint64_t *words, size_t auxv, size_t *ret_n)
{
	size_t end, at;

	/* back over the zero that ends the environment, the environment, the zero before it */
	for (end = auxv - 1; end > 0 && words[end - 1]; end--)
		;
	if (end < 2)
		return 0;
	end--;
	for (at = end; at > 0; at--)
		if (words[at - 1] == end - at)
			break;
	*ret_n = end - at;
	return at > 0 && at < end ? at : 0;
}

static int split(const struct strbuf *text, size_t n, char ***ret)
{
	char **cmdline = malloc((n + 1) * sizeof(*cmdline) + text->length + 1), *copy;

	if (!cmdline)
		return -ENOMEM;
	copy = (char *)(cmdline + n + 1);
	memcpy(copy, strbuf_text(text), text->length + 1);
	for (size_t i = 0; i < n; i++) {
		cmdline[i] = copy;
		copy += strlen(copy) + 1;
	}
	cmdline[n] = NULL;
	*ret = cmdline;
	return 0;
}

int core_arguments_read(struct core *core, const struct core_image *image,
			const struct core_notes *notes, char ***ret)
{
	uint64_t random = core_auxv(core, AT_RANDOM, 0);
	const struct core_segment *stack = core_image_find(image, random);
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	_cleanup_free_ uint64_t *words = NULL;
	uint64_t start;
	size_t n_words, n = 0, at;
	int r;

	if (!random || !stack)
		return 0;
	random = ALIGN_DOWN(random, (uint64_t)8);
	start = MAX(stack->start, random - MIN(random, (uint64_t)STACK_BASE));
	n_words = (size_t)(random - start) / sizeof(*words);
	words = calloc(n_words + 1, sizeof(*words));
	if (!words)
		return -ENOMEM;
	if (core_read(core, start, words, n_words * sizeof(*words)) < 0)
		return 0;
	at = find_auxv(notes, words, n_words);
	at = at ? find_arguments(words, at, &n) : 0;
	for (size_t i = 0; at && i < n; i++)
		if (!add_text(core, words[at + i], &text))
			return 0;
	if (!at)
		return 0;
	r = split(&text, n, ret);
	return r < 0 ? r : 1;
}

int core_arguments_cut(const struct core_notes *notes, char ***ret)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	size_t n = 0;

	for (const char *at = notes->arguments; *at; n++) {
		size_t length = strcspn(at, " ");

		strbuf_add(&text, at, length);
		strbuf_addc(&text, '\0');
		at += length;
		at += strspn(at, " ");
	}
	return text.error < 0 ? text.error : n ? split(&text, n, ret) : 0;
}
