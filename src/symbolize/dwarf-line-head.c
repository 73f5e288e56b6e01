/* SPDX-License-Identifier: MIT */
/*
 * dwarf-line-head.c: the head of a line table.
 *
 * Up to version 4 it has a list of folders and one of files, whose numbers begin at 1; folder 0 is the
 * unit's. Since version 5 each list says first which fields its entries have and in which form, numbers
 * begin at 0, and names may stand in sections of strings. Forms that no compiler uses here are not
 * understood, and then nothing behind them can be found.
 */
#include "symbolize/dwarf-line-head.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/grow.h"

/* One reading of a head. */
struct reading {
	struct dwarf_line_head *head;
	const struct dwarf_line_sections *sections;
	struct bytes from;
	size_t offset_size; /* 4 or 8 */
};

/* What one field of an entry of version 5 is. */
struct field {
	uint64_t content, form;
};
enum { MAX_FIELDS = 16 };

/* What a field says; which of them, its form decides. */
struct said {
	const char *text;
	uint64_t number;
};

void dwarf_line_sections_init(struct dwarf_line_sections *sections, const struct elffile *file)
{
	sections->line = elffile_bytes(file, ".debug_line", ".zdebug_line");
	sections->line_str = elffile_bytes(file, ".debug_line_str", ".zdebug_line_str");
	sections->str = elffile_bytes(file, ".debug_str", ".zdebug_str");
}

void dwarf_line_head_deinit(struct dwarf_line_head *head)
{
	for (size_t i = 0; i < head->n_files; i++)
		free(head->files[i].path);
	free(head->files);
	free(head->dirs);
	*head = (struct dwarf_line_head){};
}

static int add_dir(struct dwarf_line_head *head, const char *name)
{
	if (GROW(head->dirs, head->n_dirs) < 0)
		return -ENOMEM;
	head->dirs[head->n_dirs++] = name;
	return 0;
}

static int add_file(struct dwarf_line_head *head, const char *name, uint64_t dir)
{
	if (GROW(head->files, head->n_files) < 0)
		return -ENOMEM;
	head->files[head->n_files++] = (struct dwarf_line_file){
		.dir = dir < head->n_dirs ? head->dirs[dir] : NULL,
		.name = name,
	};
	return 0;
}

int dwarf_line_head_add_file(struct dwarf_line_head *head, struct bytes *from, bool *ret_more)
{
	const char *name = bytes_string(from);
	uint64_t dir;

	*ret_more = name[0] != 0;
	if (!*ret_more)
		return 0;
	dir = bytes_uleb(from);
	/* time and size, which nobody writes */
	(void)bytes_uleb(from);
	(void)bytes_uleb(from);
	return add_file(head, name, dir);
}

static int read_old_lists(struct reading *reading)
{
	const char *name;
	bool more = true;
	int r = add_dir(reading->head, NULL);

	while (r == 0 && (name = bytes_string(&reading->from))[0])
		r = add_dir(reading->head, name);
	if (r == 0)
		r = add_file(reading->head, NULL, 0);
	while (r == 0 && more)
		r = dwarf_line_head_add_file(reading->head, &reading->from, &more);
	return r;
}

static const char *string_at(struct bytes section, uint64_t offset)
{
	bytes_skip(&section, offset);
	return bytes_string(&section);
}

static void read_field(struct reading *reading, uint64_t form, struct said *ret)
{
	struct bytes *from = &reading->from;

	switch (form) {
	case DW_FORM_string:
		ret->text = bytes_string(from);
		break;
	case DW_FORM_line_strp:
		ret->text = string_at(reading->sections->line_str,
				      bytes_number(from, reading->offset_size));
		break;
	case DW_FORM_strp:
		ret->text =
			string_at(reading->sections->str, bytes_number(from, reading->offset_size));
		break;
	case DW_FORM_udata:
		ret->number = bytes_uleb(from);
		break;
	case DW_FORM_data1:
		ret->number = bytes_number(from, 1);
		break;
	case DW_FORM_data2:
		ret->number = bytes_number(from, 2);
		break;
	case DW_FORM_data4:
		ret->number = bytes_number(from, 4);
		break;
	case DW_FORM_data8:
		ret->number = bytes_number(from, 8);
		break;
	case DW_FORM_data16:
		bytes_skip(from, 16);
		break;
	case DW_FORM_block:
		bytes_skip(from, bytes_uleb(from));
		break;
	default:
		bytes_fail(from);
	}
}

static int read_entry(struct reading *reading, const struct field *fields, size_t n_fields,
		      bool is_file)
{
	const char *name = NULL;
	uint64_t dir = 0;

	for (size_t i = 0; i < n_fields; i++) {
		struct said said = {};

		read_field(reading, fields[i].form, &said);
		if (fields[i].content == DW_LNCT_path)
			name = said.text;
		else if (fields[i].content == DW_LNCT_directory_index)
			dir = said.number;
	}
	if (reading->from.failed)
		return 0;
	return is_file ? add_file(reading->head, name, dir) : add_dir(reading->head, name);
}

/* A list of version 5, of folders or of files. */
static int read_list(struct reading *reading, bool is_files)
{
	struct bytes *from = &reading->from;
	struct field fields[MAX_FIELDS];
	size_t n_fields = bytes_u8(from);
	uint64_t n;

	if (n_fields > MAX_FIELDS) {
		bytes_fail(from);
		return 0;
	}
	for (size_t i = 0; i < n_fields; i++) {
		fields[i].content = bytes_uleb(from);
		fields[i].form = bytes_uleb(from);
	}
	n = bytes_uleb(from);
	/* entries without fields would take no bytes, and there could be any number */
	for (uint64_t i = 0; i < n && n_fields > 0 && !from->failed; i++) {
		int r = read_entry(reading, fields, n_fields, is_files);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Up to the lists. Returns the version; from.failed if it makes no sense. */
static uint64_t read_start(struct reading *reading)
{
	struct dwarf_line_head *head = reading->head;
	struct bytes *from = &reading->from;
	uint64_t size = bytes_number(from, 4), version;

	reading->offset_size = size == 0xffffffff ? 8 : 4;
	if (reading->offset_size == 8)
		size = bytes_number(from, 8);
	if (size < bytes_left(from))
		from->end = from->at + size;
	version = bytes_number(from, 2);
	if (version < 2 || version > 5)
		bytes_fail(from);
	/* sizes of addresses and of segment selectors */
	if (version >= 5)
		bytes_skip(from, 2);
	size = bytes_number(from, reading->offset_size);
	head->program = *from;
	bytes_skip(&head->program, size);

	head->min_instruction = bytes_u8(from);
	/* operations in one instruction, of machines that have several; and whether rows are statements */
	bytes_skip(from, version >= 4 ? 2 : 1);
	head->line_base = (int8_t)bytes_u8(from);
	head->line_range = bytes_u8(from);
	head->opcode_base = bytes_u8(from);
	head->lengths = from->at;
	if (head->opcode_base == 0 || head->line_range == 0)
		bytes_fail(from);
	else
		bytes_skip(from, head->opcode_base - 1U);
	return version;
}

int dwarf_line_head_read(struct dwarf_line_head *head, const struct dwarf_line_sections *sections,
			 uint64_t offset)
{
	struct reading reading = {.head = head, .sections = sections, .from = sections->line};
	uint64_t version;
	int r = 0;

	bytes_skip(&reading.from, offset);
	version = read_start(&reading);
	if (reading.from.failed)
		return -EBADMSG;
	if (version < 5)
		r = read_old_lists(&reading);
	else
		r = read_list(&reading, false);
	if (r >= 0 && version >= 5)
		r = read_list(&reading, true);
	if (r < 0)
		return r;
	return reading.from.failed || head->program.failed ? -EBADMSG : 0;
}
