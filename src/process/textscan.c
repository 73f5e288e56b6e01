/* SPDX-License-Identifier: MIT */
/*
 * textscan.c: see the header.
 *
 * A text is known by a 64-bit hash of all of it, which is taken while the bytes go by, so that it may be
 * of any length; only its beginning is kept. Two texts of one hash would count as one: among a million
 * different ones that happens once in forty million runs.
 *
 * Eight bytes are looked at at once: whether all are printable, and into the hash. Words of the hash count
 * from the beginning of the text, so that it is the same however the bytes come in.
 */
#include "process/textscan.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"

static const uint64_t hash_start = 0xcbf29ce484222325ull, hash_factor = 0x9e3779b97f4a7c15ull;
static const uint64_t each_byte = 0x0101010101010101ull;

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * hash_factor;
	return hash ^ hash >> 32;
}

void textscan_init(struct textscan *scan, bool words, uint64_t min, size_t max_size)
{
	*scan = (struct textscan){.words = words, .min = min, .hash = hash_start};
	tally_init(&scan->tally, words ? 0 : TEXTSCAN_SHOWN, max_size);
}

void textscan_deinit(struct textscan *scan)
{
	tally_deinit(&scan->tally);
	*scan = (struct textscan){0};
}

static void add_byte(struct textscan *scan, unsigned char byte)
{
	if (scan->length < sizeof(scan->text))
		scan->text[scan->length] = (char)byte;
	scan->has_letter |= byte > ' ';
	scan->partial |= (uint64_t)byte << 8 * (scan->length % 8);
	if (++scan->length % 8 == 0) {
		scan->hash = mix(scan->hash, scan->partial);
		scan->partial = 0;
	}
}

int textscan_break(struct textscan *scan)
{
	int r = 0;

	if (scan->length >= scan->min && scan->has_letter) {
		const uint64_t hash = mix(mix(scan->hash, scan->partial), scan->length);

		r = tally_add(&scan->tally, hash, scan->length, scan->text);
		scan->text_bytes += scan->length;
	}
	scan->hash = hash_start;
	scan->partial = 0;
	scan->length = 0;
	scan->has_letter = false;
	scan->pending = scan->n_letter = 0;
	return r;
}

static bool is_printable(unsigned char byte)
{
	return (byte >= ' ' && byte < 127) || byte == '\t';
}

/* Bytes that follow the first one of a UTF-8 character; 0 if no character of several begins with it. */
static unsigned following(unsigned char byte)
{
	if (byte >= 0xc2 && byte <= 0xdf)
		return 1;
	if (byte >= 0xe0 && byte <= 0xef)
		return 2;
	return byte >= 0xf0 && byte <= 0xf4 ? 3 : 0;
}

static int feed_byte(struct textscan *scan, unsigned char byte)
{
	int r;

	if (scan->pending) {
		if ((byte & 0xc0) == 0x80) {
			scan->letter[scan->n_letter++] = byte;
			if (--scan->pending)
				return 0;
			for (unsigned i = 0; i < scan->n_letter; i++)
				add_byte(scan, scan->letter[i]);
			scan->n_letter = 0;
			return 0;
		}
		/* it was none; the byte is looked at anew */
		r = textscan_break(scan);
		if (r < 0)
			return r;
	}
	if (is_printable(byte)) {
		add_byte(scan, byte);
		return 0;
	}
	scan->pending = following(byte);
	if (!scan->pending)
		return scan->length ? textscan_break(scan) : 0;
	scan->letter[0] = byte;
	scan->n_letter = 1;
	return 0;
}

/* Whether all eight bytes are printable, tabs aside. */
static bool is_printable_word(uint64_t word)
{
	const uint64_t low = (word - each_byte * ' ') & ~word; /* below a blank */
	const uint64_t high = (word + each_byte) | word;       /* 127 and above */

	return !((low | high) & each_byte * 0x80);
}

static uint64_t word_at(const unsigned char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* Most of what is looked at is long texts or zeros: both go by without a question for each byte. */
static size_t printable_run(const unsigned char *bytes, size_t size)
{
	size_t n = 0;

	while (size - n >= sizeof(uint64_t) && is_printable_word(word_at(bytes + n)))
		n += sizeof(uint64_t);
	while (n < size && is_printable(bytes[n]))
		n++;
	return n;
}

static void add_run(struct textscan *scan, const unsigned char *bytes, size_t size)
{
	uint64_t hash;
	size_t i = 0;

	for (; i < size && scan->length % 8; i++)
		add_byte(scan, bytes[i]);
	if (scan->length < sizeof(scan->text))
		memcpy(scan->text + scan->length, bytes + i,
		       MIN(size - i, sizeof(scan->text) - (size_t)scan->length));
	hash = scan->hash;
	for (; size - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		const uint64_t word = word_at(bytes + i);

		scan->has_letter |= word != each_byte * ' ';
		hash = mix(hash, word);
		scan->length += sizeof(uint64_t);
	}
	scan->hash = hash;
	for (; i < size; i++)
		add_byte(scan, bytes[i]);
}

static const unsigned char *skip_zeros(const unsigned char *at, const unsigned char *end)
{
	uint64_t word = 0;

	for (; end - at >= (ptrdiff_t)sizeof(word); at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		if (word)
			break;
	}
	return at;
}

static int feed_words(struct textscan *scan, const char *bytes, size_t size)
{
	uint64_t word;
	int r = 0;

	for (; size >= sizeof(word) && r == 0; bytes += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		r = word ? tally_add(&scan->tally, word, sizeof(word), NULL) : 0;
	}
	return r;
}

int textscan_feed(struct textscan *scan, const void *bytes, size_t size)
{
	const unsigned char *at = bytes, *end = at + size;
	int r = 0;

	scan->scanned += size;
	if (scan->words)
		return feed_words(scan, bytes, size);
	while (at < end && r == 0) {
		size_t run = scan->pending ? 0 : printable_run(at, (size_t)(end - at));

		add_run(scan, at, run);
		at += run;
		if (at < end)
			r = feed_byte(scan, *at++);
		if (!scan->length && !scan->pending)
			at = skip_zeros(at, end);
	}
	return r;
}

int textscan_range(struct textscan *scan, struct window *window, uint64_t start, uint64_t end)
{
	int r = 0;

	while (start < end && r == 0) {
		const void *bytes;
		size_t size;

		r = window_get_some(window, start, (size_t)MIN(end - start, (uint64_t)WINDOW_MAX),
				    &bytes, &size);
		if (r < 0)
			return r;
		if (size) {
			r = textscan_feed(scan, bytes, size);
		} else {
			/* up to the next page */
			size = (size_t)MIN(end - start,
					   MEMORY_PAGE_SIZE - start % MEMORY_PAGE_SIZE);
			scan->absent += size;
			r = textscan_break(scan);
		}
		start += size;
	}
	return r < 0 ? r : textscan_break(scan);
}
