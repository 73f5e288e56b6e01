/* SPDX-License-Identifier: MIT */
/*
 * make-core-seeds.c: writes the cores that the corpus of fuzz-core begins with: make-core-seeds FOLDER
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "tests/support/core-maker.h"

enum { PAGE = 4096, SEED_MAX = 1 << 20 };
static const uint64_t image = 0x555555550000, heap = 0x555555600000, stack = 0x7ffffff00000;

static void save(const char *folder, const char *name, struct core_maker *maker)
{
	_cleanup_close_ int fd = core_maker_finish(maker);
	_cleanup_free_ char *bytes = NULL;
	char path[4096];
	size_t size;

	core_maker_deinit(maker);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (lseek(fd, 0, SEEK_SET) < 0 || file_read_fd(fd, SEED_MAX, &bytes, &size) < 0 ||
	    file_write(path, bytes, size) < 0) {
		fprintf(stderr, "cannot write %s\n", path);
		exit(1);
	}
}

/* A C++ class with its table at 0x280, and Python's type `type` at 0x300. */
static void make_classes(char page[PAGE])
{
	memset(page, 0, PAGE);
	strcpy(page + 0x10, "N10__cxxabiv117__class_type_infoE");
	memcpy(page + 0x100, (uint64_t[]){image + 0x140, image + 0x10}, 16);
	memcpy(page + 0x130, (uint64_t[]){0, image + 0x100}, 16);
	strcpy(page + 0x200, "N5store7SessionE");
	memcpy(page + 0x240, (uint64_t[]){image + 0x140, image + 0x200}, 16);
	memcpy(page + 0x270, (uint64_t[]){0, image + 0x240}, 16);
	memcpy(page + 0x300, (uint64_t[]){1, image + 0x300, 0, image + 0x340}, 32);
	strcpy(page + 0x340, "type");
}

int main(int argc, char **argv)
{
	static const uint64_t auxv[] = {
		AT_PHDR,         image + 64,      AT_RANDOM, stack + 512,
		AT_SYSINFO_EHDR, stack + 0x10000, AT_NULL,   0,
	};
	const struct core_maker_file files[] = {
		{image, image + PAGE, 0, "/proc/version"},
		{image + PAGE, image + 2 * PAGE, 1, "/nowhere"},
		{image + 0x1000000, image + 0x1001000, 0, "/memfd:x (deleted)"},
	};
	const struct core_maker_file classes[] = {{image, image + PAGE, 0, "/usr/bin/python3.11"}};
	struct core_maker maker = {};
	char page[PAGE];

	if (argc != 2)
		return 2;
	memset(page, 'x', sizeof(page));
	core_maker_add_process(&maker, 1, "p", "p a b");
	core_maker_add_thread(&maker, 1, 11, stack);
	save(argv[1], "notes", &maker);

	core_maker_add_process(&maker, 1, "p", "p a b");
	core_maker_add_thread(&maker, 1, 11, stack);
	core_maker_add_thread(&maker, 2, 0, stack);
	core_maker_add_auxv(&maker, auxv, ARRAY_SIZE(auxv) / 2);
	core_maker_add_files(&maker, files, ARRAY_SIZE(files));
	core_maker_add_segment(&maker, image, PAGE, PF_R | PF_X, NULL, 0);
	core_maker_add_segment(&maker, heap, 2 * PAGE, PF_R | PF_W, page, PAGE);
	memcpy(page + 64, (uint64_t[]){1, stack, 0, 0}, 32);
	memcpy(page + 96, auxv, sizeof(auxv));
	core_maker_add_segment(&maker, stack, PAGE, PF_R | PF_W, page, PAGE);
	save(argv[1], "whole", &maker);

	core_maker_add_process(&maker, 1, "python3", "python3");
	core_maker_add_thread(&maker, 1, 11, stack);
	core_maker_add_files(&maker, classes, ARRAY_SIZE(classes));
	make_classes(page);
	core_maker_add_segment(&maker, image, PAGE, PF_R, page, PAGE);
	memset(page, 0, sizeof(page));
	memcpy(page, (uint64_t[]){image + 0x280, 2, image + 0x280, 1, image + 0x300, 7}, 48);
	core_maker_add_segment(&maker, heap, PAGE, PF_R | PF_W, page, PAGE);
	save(argv[1], "objects", &maker);
	return 0;
}
