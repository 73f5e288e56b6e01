/* SPDX-License-Identifier: MIT */
/*
 * core-notes.c: what the notes of a core file say (elf(5); the kernel's fs/binfmt_elf.c writes them).
 *
 * A note is three words (sizes of name and contents, type), the name and the contents, each padded to
 * four bytes. There is one NT_PRSTATUS a thread, and what follows it up to the next is of that thread.
 * The structures are those of <sys/procfs.h>; they are copied out, since nothing in the file has to be
 * aligned. Mapped files are in NT_FILE: a table of addresses, and behind it the paths in the same order.
 */
#include "process/core-notes.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#include "base/grow.h"
#include "base/macro.h"
#if defined(__x86_64__)
#include "process/core-x86_64.h"
#elif defined(__aarch64__)
#include "process/core-aarch64.h"
#else
#error "registers in core files of this machine are not known"
#endif

struct note {
	uint32_t type;
	const char *contents;
	size_t size;
};

void core_notes_deinit(struct core_notes *notes)
{
	free(notes->threads);
	free(notes->auxv);
	free(notes->ranges);
	free(notes->paths);
	*notes = (struct core_notes){};
}

static int add_thread(struct core_notes *notes, const struct note *note)
{
	struct elf_prstatus status;
	struct core_thread *thread;

	if (note->size < sizeof(status))
		return -EBADMSG;
	memcpy(&status, note->contents, sizeof(status));
	if (GROW(notes->threads, notes->n_threads) < 0)
		return -ENOMEM;
	thread = &notes->threads[notes->n_threads++];
	*thread = (struct core_thread){.tid = status.pr_pid, .signal = status.pr_cursig};
	core_registers(status.pr_reg, &thread->sp, &thread->pc, &thread->tp);
	if (notes->n_threads == 1)
		notes->signal = status.pr_cursig;
	return 0;
}

/* Letters up to a zero or the end of the field; room has one more byte than the field. */
static void copy_field(char *room, const char *field, size_t size)
{
	size_t length = strnlen(field, size);

	memcpy(room, field, length);
	room[length] = '\0';
}

static int parse_process(struct core_notes *notes, const struct note *note)
{
	struct elf_prpsinfo info;

	if (note->size < sizeof(info))
		return -EBADMSG;
	if (notes->has_process)
		return 0;
	memcpy(&info, note->contents, sizeof(info));
	notes->has_process = true;
	notes->pid = info.pr_pid;
	notes->ppid = info.pr_ppid;
	notes->uid = info.pr_uid;
	copy_field(notes->name, info.pr_fname, sizeof(info.pr_fname));
	copy_field(notes->arguments, info.pr_psargs, sizeof(info.pr_psargs));
	return 0;
}

static int parse_auxv(struct core_notes *notes, const struct note *note)
{
	const size_t pair = 2 * sizeof(uint64_t), n = note->size / pair;

	if (notes->auxv || !n)
		return 0;
	notes->auxv = malloc(n * pair);
	if (!notes->auxv)
		return -ENOMEM;
	memcpy(notes->auxv, note->contents, n * pair);
	while (notes->n_auxv < n && notes->auxv[2 * notes->n_auxv] != AT_NULL)
		notes->n_auxv++;
	return 0;
}

/* Three words of NT_FILE's table, and the path that is due. */
static int add_range(struct core_notes *notes, const uint64_t words[3], uint64_t page_size,
		     const char *path)
{
	struct core_range *range = &notes->ranges[notes->n_ranges];

	*range = (struct core_range){.start = words[0], .end = words[1], .path = path};
	if (range->start >= range->end ||
	    __builtin_mul_overflow(words[2], page_size, &range->offset) ||
	    range->offset > INT64_MAX - (range->end - range->start))
		return -EBADMSG;
	if (notes->n_ranges && range->start < range[-1].end)
		return -EBADMSG;
	notes->n_ranges++;
	return 0;
}

static int parse_files(struct core_notes *notes, const struct note *note)
{
	const char *table = note->contents + 2 * sizeof(uint64_t), *path, *end;
	uint64_t head[2], words[3];
	size_t size, table_size;
	int r = 0;

	if (notes->ranges)
		return 0;
	if (note->size < sizeof(head))
		return -EBADMSG;
	memcpy(head, note->contents, sizeof(head));
	size = note->size - sizeof(head);
	if (head[0] > size / sizeof(words))
		return -EBADMSG;
	table_size = (size_t)head[0] * sizeof(words);
	notes->ranges = calloc(head[0] + 1, sizeof(*notes->ranges));
	notes->paths = malloc(size - table_size + 1);
	if (!notes->ranges || !notes->paths)
		return -ENOMEM;
	memcpy(notes->paths, table + table_size, size - table_size);
	path = notes->paths;
	end = path + (size - table_size);
	for (uint64_t i = 0; i < head[0] && r == 0; i++) {
		size_t length = strnlen(path, (size_t)(end - path));

		if (length == (size_t)(end - path))
			return -EBADMSG;
		memcpy(words, table + i * sizeof(words), sizeof(words));
		r = add_range(notes, words, head[1], path);
		path += length + 1;
	}
	return r;
}

static int parse_note(struct core_notes *notes, const struct note *note)
{
	int32_t signal;

	switch (note->type) {
	case NT_PRSTATUS:
		return add_thread(notes, note);
	case NT_PRPSINFO:
		return parse_process(notes, note);
	case NT_AUXV:
		return parse_auxv(notes, note);
	case NT_FILE:
		return parse_files(notes, note);
	case NT_SIGINFO:
		/* the first belongs to the thread that the signal came to */
		if (notes->n_threads == 1 && note->size >= sizeof(signal)) {
			memcpy(&signal, note->contents, sizeof(signal));
			notes->signal = signal;
		}
		return 0;
	case NT_ARM_TLS:
		if (notes->n_threads && note->size >= sizeof(uint64_t))
			memcpy(&notes->threads[notes->n_threads - 1].tp, note->contents,
			       sizeof(uint64_t));
		return 0;
	default:
		return 0;
	}
}

/* Whether all of the type's numbers are of that author: other systems and tools use the same ones. */
static bool is_known_author(const char *name, size_t size)
{
	return (size == 5 && !memcmp(name, "CORE", 5)) || (size == 6 && !memcmp(name, "LINUX", 6));
}

int core_notes_parse(struct core_notes *notes, const void *bytes, size_t size)
{
	const char *at = bytes;
	Elf64_Nhdr header;
	int r = 0;

	while (size >= sizeof(header) && r == 0) {
		size_t name_size, contents_size;

		memcpy(&header, at, sizeof(header));
		at += sizeof(header);
		size -= sizeof(header);
		name_size = ALIGN_UP((size_t)header.n_namesz, 4);
		contents_size = ALIGN_UP((size_t)header.n_descsz, 4);
		if (name_size > size || header.n_descsz > size - name_size)
			return -EBADMSG;
		if (is_known_author(at, header.n_namesz))
			r = parse_note(notes, &(struct note){header.n_type, at + name_size,
							     header.n_descsz});
		contents_size = MIN(contents_size, size - name_size);
		at += name_size + contents_size;
		size -= name_size + contents_size;
	}
	return r;
}
