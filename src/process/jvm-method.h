/* SPDX-License-Identifier: MIT */
/* jvm-method.h: names and lines of the methods of a Java machine. */
#ifndef PROCESS_JVM_METHOD_H
#define PROCESS_JVM_METHOD_H

#include <stdbool.h>
#include <stdint.h>

#include "process/jvm-code.h"

struct jvm_methods {
	const struct hotspot *hotspot;
	struct string_pool *pool;
	bool zeroless; /* numbers are packed so that no byte is 0 (JDK 20 and newer) */
	/* sizes and offsets of fields */
	uint64_t const_method, const_size, constants, code_size, const_words, flags, name_index;
	uint64_t pool_size, holder, class_constants, class_name, symbol_length, symbol_body;
	uint64_t pool_file, class_file; /* where the file's name is: one of both, or none */
	uint64_t has_lines;             /* the bit in flags */
};

/* False if this version does not tell what is needed. */
bool jvm_methods_init(struct jvm_methods *methods, const struct hotspot *hotspot,
		      struct string_pool *pool);

/* Describes instruction bci (below 0: none in particular) of a Method. False if it is none. */
bool jvm_method_describe(const struct jvm_methods *methods, uint64_t method, int64_t bci,
			 struct jvm_frame *ret);
/* The same of the method whose instruction is at address. */
bool jvm_method_find(const struct jvm_methods *methods, uint64_t address, struct jvm_frame *ret);

/*
 * Reads a packed number from bytes at *at, and moves on. False at the end. zeroless as above.
 * Source: HotSpot's UNSIGNED5.
 */
bool jvm_read_packed(const uint8_t *bytes, size_t size, bool zeroless, size_t *at, uint32_t *ret);

#endif
