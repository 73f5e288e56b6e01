/* SPDX-License-Identifier: MIT */
/*
 * word-note.c: see the header.
 */
#include "cli/word-note.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/class-name.h"

int word_notes_init(struct word_notes *notes, const struct space *space)
{
	notes->space = space;
	imagereader_init(&notes->reader, space);
	return rtti_init(&notes->rtti, &notes->reader);
}

void word_notes_deinit(struct word_notes *notes)
{
	rtti_deinit(&notes->rtti);
	imagereader_deinit(&notes->reader);
}

/* As it stands in memory, if that are letters; at least four, and zeros behind them. */
static bool is_text(uint64_t word, char text[sizeof(word) + 1])
{
	size_t n = 0;

	memcpy(text, &word, sizeof(word));
	text[sizeof(word)] = '\0';
	while (n < sizeof(word) && text[n] >= ' ' && text[n] < 127)
		n++;
	for (size_t i = n; i < sizeof(word); i++)
		if (text[i])
			return false;
	return n >= 4;
}

static int note_pointer(const struct mapping *mapping, uint64_t word, struct strbuf *note)
{
	const char *base = strrchr(mapping->path, '/');

	if (mapping->path[0] != '/')
		return strbuf_addf(note, "pointer into %s",
				   mapping->path[0] ? mapping->path : "anonymous memory");
	return strbuf_addf(note, "pointer to %s+0x%" PRIx64, base + 1,
			   mapping->offset + (word - mapping->start));
}

int word_note(struct word_notes *notes, uint64_t word, char **ret)
{
	const struct mapping *mapping = maps_find(notes->space->maps, word);
	_cleanup_(strbuf_deinit) struct strbuf note = {};
	_cleanup_free_ char *name = NULL;
	char text[sizeof(word) + 1];
	const char *class;
	int r;

	*ret = NULL;
	r = rtti_find(&notes->rtti, word, &class);
	if (r == 0 && class)
		r = class_name(class, &name);
	if (r < 0)
		return r;
	if (name)
		r = strbuf_addf(&note, "object of class %s", name);
	else if (mapping)
		r = note_pointer(mapping, word, &note);
	else if (is_text(word, text))
		r = strbuf_addf(&note, "text \"%s\"", text);
	else
		return 0;
	return r < 0 ? r : strbuf_steal(&note, ret);
}
