/* SPDX-License-Identifier: MIT */
/*
 * frametable.c: .eh_frame is a row of records that begin with their length. Those whose second word is 0
 * describe what others have in common, among it how these write addresses; in all others it is the way
 * back to that common one (Linux Standard Base, "Exception Frames").
 */
#include "process/frametable.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/macro.h"

enum {
	/* encodings of addresses: the low half says how long, the high half from where */
	ABSOLUTE_8 = 0x00,
	UNSIGNED_4 = 0x03,
	UNSIGNED_8 = 0x04,
	SIGNED_4 = 0x0b,
	SIGNED_8 = 0x0c,
	FORM_MASK = 0x0f,
	FROM_MASK = 0x70,
	FROM_ZERO = 0x00,
	FROM_HERE = 0x10,
	UNKNOWN = 0xff,
};

struct bytes {
	const uint8_t *at, *end;
};

static bool take(struct bytes *bytes, void *ret, size_t size)
{
	if ((size_t)(bytes->end - bytes->at) < size)
		return false;
	memcpy(ret, bytes->at, size);
	bytes->at += size;
	return true;
}

static bool skip_leb(struct bytes *bytes)
{
	while (bytes->at < bytes->end)
		if (!(*bytes->at++ & 0x80))
			return true;
	return false;
}

static size_t form_size(uint8_t encoding)
{
	switch (encoding & FORM_MASK) {
	case UNSIGNED_4:
	case SIGNED_4:
		return 4;
	case ABSOLUTE_8:
	case UNSIGNED_8:
	case SIGNED_8:
		return 8;
	default:
		return 0;
	}
}

/* What stands behind the letters of the augmentation, up to the encoding of addresses. */
static uint8_t read_augmentation(const char *letters, struct bytes *bytes)
{
	uint8_t encoding;

	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			return take(bytes, &encoding, 1) ? encoding : UNKNOWN;
		case 'P':
			if (!take(bytes, &encoding, 1) || form_size(encoding) == 0 ||
			    (size_t)(bytes->end - bytes->at) < form_size(encoding))
				return UNKNOWN;
			bytes->at += form_size(encoding);
			break;
		case 'L':
			if (!take(bytes, &encoding, 1))
				return UNKNOWN;
			break;
		case 'S':
		case 'B':
			break;
		default:
			return UNKNOWN;
		}
	}
	return ABSOLUTE_8;
}

/* How the records of a common one, whose contents behind its second word these are, write addresses. */
static uint8_t find_encoding(struct bytes bytes)
{
	const char *letters;
	uint8_t version;

	if (!take(&bytes, &version, 1) || (version != 1 && version != 3))
		return UNKNOWN;
	letters = (const char *)bytes.at;
	bytes.at = memchr(bytes.at, '\0', (size_t)(bytes.end - bytes.at));
	if (!bytes.at)
		return UNKNOWN;
	bytes.at++;
	if (!letters[0])
		return ABSOLUTE_8;
	/* alignments of code and data, the return address's register (one byte, small), length */
	if (letters[0] != 'z' || !skip_leb(&bytes) || !skip_leb(&bytes) || !skip_leb(&bytes) ||
	    !skip_leb(&bytes))
		return UNKNOWN;
	return read_augmentation(letters + 1, &bytes);
}

/* here is the address of what bytes point to. */
static bool read_address(struct bytes *bytes, uint64_t here, uint8_t encoding, uint64_t *ret)
{
	const size_t size = form_size(encoding);
	uint64_t value = 0;

	if (encoding == UNKNOWN || size == 0 || !take(bytes, &value, size))
		return false;
	if ((encoding & FORM_MASK) == SIGNED_4)
		value = (uint64_t)(int64_t)(int32_t)value;
	if ((encoding & FROM_MASK) == FROM_HERE)
		value += here;
	else if ((encoding & FROM_MASK) != FROM_ZERO)
		return false;
	*ret = value;
	return true;
}

static bool fits(uint64_t address, uint64_t base, int32_t *ret)
{
	const int64_t distance = (int64_t)(address - base);

	*ret = (int32_t)distance;
	return distance == *ret;
}

static int compare_entries(const void *a, const void *b)
{
	const struct frametable_entry *x = a, *y = b;

	return x->function < y->function ? -1 : x->function > y->function;
}

/* The encoding in force for a record whose second word, which stands at place, is back. */
static uint8_t common_encoding(const uint8_t *section, size_t size, size_t place, uint32_t back)
{
	uint32_t length, zero;
	struct bytes bytes;

	if (back > place)
		return UNKNOWN;
	bytes = (struct bytes){section + (place - back), section + size};
	if (!take(&bytes, &length, sizeof(length)) || !take(&bytes, &zero, sizeof(zero)) ||
	    zero != 0 || length < sizeof(zero) ||
	    length - sizeof(zero) > (size_t)(bytes.end - bytes.at))
		return UNKNOWN;
	bytes.end = bytes.at + (length - sizeof(zero));
	return find_encoding(bytes);
}

int frametable_make(const uint8_t *section, size_t size, uint64_t address, uint64_t base,
		    struct frametable_entry **ret, size_t *ret_n)
{
	struct frametable_entry *entries = NULL, entry;
	size_t n = 0;

	for (size_t i = 0; size - i >= 8;) {
		uint32_t length, back;
		uint64_t function;

		memcpy(&length, section + i, sizeof(length));
		memcpy(&back, section + i + 4, sizeof(back));
		/* 0 ends the section; records of the 64-bit form are only for sections of 4 GiB */
		if (length < 4 || length > size - i - 4)
			break;
		struct bytes bytes = {section + i + 8, section + i + 4 + length};
		if (back != 0 &&
		    read_address(&bytes, address + i + 8,
				 common_encoding(section, size, i + 4, back), &function) &&
		    function != 0 && fits(function, base, &entry.function) &&
		    fits(address + i, base, &entry.entry)) {
			if (GROW(entries, n) < 0) {
				free(entries);
				return -ENOMEM;
			}
			entries[n++] = entry;
		}
		i += 4 + (size_t)length;
	}
	if (n > 0)
		qsort(entries, n, sizeof(*entries), compare_entries);
	*ret = entries;
	*ret_n = n;
	return 0;
}

static int find_section(Elf *elf, uint64_t *ret_address, uint64_t *ret_size)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	if (elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) != 0)
		return -ENODATA;
	while ((section = elf_nextscn(elf, section))) {
		const char *name;

		if (!gelf_getshdr(section, &header))
			continue;
		name = elf_strptr(elf, names, header.sh_name);
		if (!name || strcmp(name, ".eh_frame") != 0 || header.sh_type == SHT_NOBITS)
			continue;
		*ret_address = header.sh_addr;
		*ret_size = header.sh_size;
		return 0;
	}
	return -ENODATA;
}

int frametable_find(const char *path, uint64_t *ret_address, uint64_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	Elf *elf;
	int r;

	if (fd < 0 || elf_version(EV_CURRENT) == EV_NONE)
		return -ENODATA;
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return -ENODATA;
	r = find_section(elf, ret_address, ret_size);
	elf_end(elf);
	return r;
}
