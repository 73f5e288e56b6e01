/* SPDX-License-Identifier: MIT */
/*
 * glibc-image.h: the memory of a process that uses some version of glibc's malloc, made up: libc's data,
 * a program break with the main arena, one heap with a thread's arena.
 */
#ifndef TESTS_SUPPORT_GLIBC_IMAGE_H
#define TESTS_SUPPORT_GLIBC_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "process/glibc-arenas.h"

enum { GLIBC_IMAGE_DATA = 8192, GLIBC_IMAGE_HEAP = 0x21000 };

#define GLIBC_IMAGE_DATA_START  UINT64_C(0x7f0000010000)
#define GLIBC_IMAGE_BREAK_START UINT64_C(0x555500000000)
#define GLIBC_IMAGE_HEAP_START  UINT64_C(0x7e0000000000)
#define GLIBC_IMAGE_MAIN        (GLIBC_IMAGE_DATA_START + 0x400)

/* What differs between versions. */
struct glibc_version {
	const char *name;
	uint32_t bins;       /* offset in malloc_state */
	bool counts_threads; /* malloc_state has attached_threads */
	uint32_t heap_info;  /* its size */
	uint32_t params;     /* form of malloc_par: 0 since 2.35, 1 since 2.24, 2 */
	bool mangled;        /* links of single lists are protected */
	uint32_t table;      /* size of a thread cache's chunk, 0: none */
};

extern const struct glibc_version glibc_versions[];
extern const size_t glibc_n_versions;

struct glibc_image {
	const struct glibc_version *version;
	uint8_t data[GLIBC_IMAGE_DATA], brk[GLIBC_IMAGE_HEAP], heap[GLIBC_IMAGE_HEAP];
	uint64_t arena;                     /* of the thread */
	uint64_t next_in_brk, next_in_heap; /* where the next chunk goes */
	struct mapping mappings[3];
	struct maps maps;
	struct glibc_target target; /* nothing of it has to be released but by glibc_image_deinit */
};

/* Arenas without chunks, the heap's first one being its thread's cache if the version has one. */
void glibc_image_init(struct glibc_image *image, const struct glibc_version *version);
void glibc_image_deinit(struct glibc_image *image);

/* Appends a chunk; it is in a bin if not in use. Returns its address. */
uint64_t glibc_image_add(struct glibc_image *image, bool in_heap, uint64_t size, bool in_use);
/* Appends a free chunk, which is in the nth of 127 bins. */
void glibc_image_add_to_bin(struct glibc_image *image, bool in_heap, uint64_t size, unsigned nth);
/* Puts a used chunk into a fast bin, or into the thread's cache. */
void glibc_image_add_fast(struct glibc_image *image, uint64_t chunk);
void glibc_image_add_cached(struct glibc_image *image, uint64_t chunk);
/* What is left becomes the tops. */
void glibc_image_finish(struct glibc_image *image);

/* Any word of it. */
uint64_t glibc_image_get(struct glibc_image *image, uint64_t address);
void glibc_image_set(struct glibc_image *image, uint64_t address, uint64_t word);

#endif
