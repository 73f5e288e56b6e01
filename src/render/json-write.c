/* SPDX-License-Identifier: MIT */
/*
 * A tree of jansson's is written here and not by jansson, because trees of reports share: a frame stands in
 * thousands of stacks and is one node. Such a node is made into text once and copied from then on. The text is
 * jansson's own with JSON_INDENT(1): a line a member, a blank for each level; reals and strings that need
 * escapes are left to jansson.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "render/json.h"
#include "render/words.h"

enum { PIECE = 1 << 18 }; /* bytes that are gathered before they are written */

/* A shared node's text, as it stands at a depth. */
struct kept {
	size_t start, size; /* in the writer's kept text */
	unsigned depth;
};

struct writer {
	struct strbuf text;
	struct strbuf kept_text;
	struct kept *kept;
	size_t n_kept;
	struct map places; /* node: index in kept */
	FILE *out;
};

static void writer_deinit(struct writer *writer)
{
	strbuf_deinit(&writer->text);
	strbuf_deinit(&writer->kept_text);
	map_deinit(&writer->places);
	free(writer->kept);
}

/* Writes what has been gathered; what cannot be written is left to ferror. */
static void flush(struct writer *writer)
{
	(void)fwrite_unlocked(strbuf_text(&writer->text), 1, writer->text.length, writer->out);
	writer->text.length = 0;
}

static int append(const char *bytes, size_t size, void *text)
{
	return strbuf_add(text, bytes, size) < 0 ? -1 : 0;
}

static bool is_plain(const char *string, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)string[i] < 0x20 || string[i] == '"' || string[i] == '\\')
			return false;
	return true;
}

static void add_plain(struct strbuf *text, const char *string, size_t length)
{
	strbuf_addc(text, '"');
	strbuf_add(text, string, length);
	strbuf_addc(text, '"');
}

static void add_integer(struct strbuf *text, json_int_t value)
{
	const bool negative = value < 0;
	uint64_t left = negative ? 0 - (uint64_t)value : (uint64_t)value;
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + left % 10);
	while (left /= 10);
	if (negative)
		digits[--at] = '-';
	strbuf_add(text, digits + at, sizeof(digits) - at);
}

static void add_scalar(struct strbuf *text, const json_t *node)
{
	if (json_is_null(node))
		strbuf_adds(text, "null");
	else if (json_is_boolean(node))
		strbuf_adds(text, json_is_true(node) ? "true" : "false");
	else if (json_is_integer(node))
		add_integer(text, json_integer_value(node));
	else if (json_is_string(node) &&
		 is_plain(json_string_value(node), json_string_length(node)))
		add_plain(text, json_string_value(node), json_string_length(node));
	else if (json_dump_callback(node, append, text, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) <
		 0)
		text->error = -ENOMEM;
}

/* What goes before a member and behind the last one. */
static void begin_line(struct strbuf *text, unsigned depth)
{
	strbuf_addc(text, '\n');
	strbuf_add_repeated(text, ' ', depth);
}

static void add_node(struct writer *writer, json_t *node, unsigned depth);

static void add_object(struct writer *writer, json_t *object, unsigned depth)
{
	struct strbuf *text = &writer->text;
	const char *key, *before = "{";
	json_t *member;

	json_object_foreach(object, key, member)
	{
		strbuf_adds(text, before);
		begin_line(text, depth + 1);
		/* keys are the program's own words */
		add_plain(text, key, strlen(key));
		strbuf_adds(text, ": ");
		add_node(writer, member, depth + 1);
		before = ",";
	}
	begin_line(text, depth);
	strbuf_addc(text, '}');
}

static void add_array(struct writer *writer, json_t *array, unsigned depth)
{
	struct strbuf *text = &writer->text;
	const char *before = "[";
	json_t *member;
	size_t i;

	json_array_foreach(array, i, member)
	{
		strbuf_adds(text, before);
		begin_line(text, depth + 1);
		add_node(writer, member, depth + 1);
		before = ",";
		/* never within a node that is kept */
		if (depth <= 1 && text->length >= PIECE && !text->error)
			flush(writer);
	}
	begin_line(text, depth);
	strbuf_addc(text, ']');
}

static void add_container(struct writer *writer, json_t *node, unsigned depth)
{
	if (json_is_object(node) && json_object_size(node) > 0)
		add_object(writer, node, depth);
	else if (json_is_array(node) && json_array_size(node) > 0)
		add_array(writer, node, depth);
	else
		strbuf_adds(&writer->text, json_is_object(node) ? "{}" : "[]");
}

/* Keeps what was added from start on; without memory it is made again the next time. */
static void keep(struct writer *writer, const json_t *node, unsigned depth, size_t start)
{
	const struct kept kept = {writer->kept_text.length, writer->text.length - start, depth};

	if (writer->text.error || GROW(writer->kept, writer->n_kept) < 0 ||
	    strbuf_add(&writer->kept_text, writer->text.text + start, kept.size) < 0 ||
	    map_add(&writer->places, (uintptr_t)node, writer->n_kept, NULL) < 0)
		return;
	writer->kept[writer->n_kept++] = kept;
}

static void add_shared(struct writer *writer, json_t *node, unsigned depth)
{
	const size_t place = map_get(&writer->places, (uintptr_t)node, SIZE_MAX);
	const size_t start = writer->text.length;

	if (place != SIZE_MAX && writer->kept[place].depth == depth) {
		strbuf_add(&writer->text, writer->kept_text.text + writer->kept[place].start,
			   writer->kept[place].size);
		return;
	}
	add_container(writer, node, depth);
	if (place == SIZE_MAX)
		keep(writer, node, depth, start);
}

static void add_node(struct writer *writer, json_t *node, unsigned depth)
{
	if (!json_is_object(node) && !json_is_array(node))
		add_scalar(&writer->text, node);
	/* near the root nothing is shared, and pieces are written on the way */
	else if (node->refcount > 1 && depth > 2)
		add_shared(writer, node, depth);
	else
		add_container(writer, node, depth);
}

int json_write(json_t *report, FILE *out)
{
	_cleanup_(writer_deinit) struct writer writer = {.out = out};

	if (!report)
		return -ENOMEM;
	add_node(&writer, report, 0);
	json_decref(report);
	strbuf_addc(&writer.text, '\n');
	if (writer.text.error)
		return writer.text.error;
	flush(&writer);
	return words_finish(out);
}
