/* SPDX-License-Identifier: MIT */
/*
 * fuzz-elf.c: a program file that is none. What is asked before a program is started is asked of it.
 */
#include "process/elf-file.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(int fd)
{
	char *interpreter, *soname;
	struct elf_file elf;

	if (elf_file_init(&elf, fd) < 0)
		return;
	if (elf.native) {
		if (elf_file_read_interpreter(&elf, &interpreter) == 0)
			free(interpreter);
		if (elf_file_read_soname(&elf, &soname) == 0)
			free(soname);
		if (elf_file_exports(&elf, "malloc") > 1)
			abort();
	}
	elf_file_deinit(&elf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("program", MFD_CLOEXEC);

	if (fd < 0 || (size && pwrite(fd, data, size, 0) != (ssize_t)size))
		abort();
	ask(fd);
	close(fd);
	return 0;
}
