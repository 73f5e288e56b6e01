/* SPDX-License-Identifier: MIT */
/*
 * core-maker.c: header, program headers, notes, and the contents of segments from a page's beginning on.
 */
#include "tests/support/core-maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

#include "base/file.h"
#include "base/macro.h"

void core_maker_add_note(struct core_maker *maker, const char *name, uint32_t type,
			 const void *bytes, size_t size)
{
	Elf64_Nhdr header = {
		.n_namesz = (uint32_t)strlen(name) + 1,
		.n_descsz = (uint32_t)size,
		.n_type = type,
	};

	strbuf_add(&maker->notes, &header, sizeof(header));
	strbuf_add(&maker->notes, name, header.n_namesz);
	strbuf_add_repeated(&maker->notes, 0, -maker->notes.length % 4);
	strbuf_add(&maker->notes, bytes, size);
	strbuf_add_repeated(&maker->notes, 0, -maker->notes.length % 4);
}

void core_maker_add_process(struct core_maker *maker, int pid, const char *name,
			    const char *arguments)
{
	struct elf_prpsinfo info = {.pr_pid = pid, .pr_ppid = 1, .pr_sname = 'R'};

	snprintf(info.pr_fname, sizeof(info.pr_fname), "%s", name);
	snprintf(info.pr_psargs, sizeof(info.pr_psargs), "%s", arguments);
	core_maker_add_note(maker, "CORE", NT_PRPSINFO, &info, sizeof(info));
}

void core_maker_add_thread(struct core_maker *maker, int tid, int signal, uint64_t sp)
{
	struct elf_prstatus status = {.pr_pid = tid, .pr_cursig = (short)signal};
	struct user_regs_struct registers = {0};

#ifdef __x86_64__
	registers.rsp = sp;
#else
	registers.sp = sp;
#endif
	memcpy(status.pr_reg, &registers, sizeof(registers));
	core_maker_add_note(maker, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

void core_maker_add_auxv(struct core_maker *maker, const uint64_t *pairs, size_t n_pairs)
{
	core_maker_add_note(maker, "CORE", NT_AUXV, pairs, n_pairs * 2 * sizeof(*pairs));
}

void core_maker_add_files(struct core_maker *maker, const struct core_maker_file *files, size_t n)
{
	uint64_t head[2] = {n, 4096};
	struct strbuf text = {};

	strbuf_add(&text, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
		strbuf_add(&text, &files[i], offsetof(struct core_maker_file, path));
	for (size_t i = 0; i < n; i++)
		strbuf_add(&text, files[i].path, strlen(files[i].path) + 1);
	core_maker_add_note(maker, "CORE", NT_FILE, strbuf_text(&text), text.length);
	strbuf_deinit(&text);
}

void core_maker_add_segment(struct core_maker *maker, uint64_t start, uint64_t size, uint32_t flags,
			    const void *bytes, uint64_t dumped)
{
	if (maker->n_headers == CORE_MAKER_SEGMENTS)
		abort();
	maker->headers[maker->n_headers++] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = maker->data.length,
		.p_vaddr = start,
		.p_filesz = dumped,
		.p_memsz = size,
		.p_align = 4096,
	};
	strbuf_add(&maker->data, bytes, dumped);
	strbuf_add_repeated(&maker->data, 0, -maker->data.length % 4096);
}

int core_maker_finish(struct core_maker *maker)
{
	Elf64_Phdr notes = {.p_type = PT_NOTE, .p_filesz = maker->notes.length};
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
#ifdef __x86_64__
		.e_machine = EM_X86_64,
#else
		.e_machine = EM_AARCH64,
#endif
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(notes),
		.e_phnum = (uint16_t)(maker->n_headers + 1),
	};
	struct strbuf file = {};
	uint64_t begin;
	int fd = memfd_create("core", MFD_CLOEXEC);

	notes.p_offset = sizeof(header) + (maker->n_headers + 1) * sizeof(notes);
	begin = ALIGN_UP(notes.p_offset + notes.p_filesz, 4096ul);
	strbuf_add(&file, &header, sizeof(header));
	strbuf_add(&file, &notes, sizeof(notes));
	for (size_t i = 0; i < maker->n_headers; i++) {
		Elf64_Phdr segment = maker->headers[i];

		segment.p_offset += begin;
		strbuf_add(&file, &segment, sizeof(segment));
	}
	strbuf_add(&file, strbuf_text(&maker->notes), maker->notes.length);
	strbuf_add_repeated(&file, 0, begin - file.length);
	strbuf_add(&file, strbuf_text(&maker->data), maker->data.length);
	if (fd < 0 || maker->notes.error || maker->data.error || file.error ||
	    file_write_fd(fd, strbuf_text(&file), file.length) < 0)
		abort();
	strbuf_deinit(&file);
	return fd;
}

void core_maker_deinit(struct core_maker *maker)
{
	strbuf_deinit(&maker->notes);
	strbuf_deinit(&maker->data);
	*maker = (struct core_maker){};
}
