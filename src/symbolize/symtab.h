/* SPDX-License-Identifier: MIT */
/*
 * symtab.h: the functions that symbol tables name. Where several symbols cover an address, the one that
 * people know the function by.
 */
#ifndef SYMBOLIZE_SYMTAB_H
#define SYMBOLIZE_SYMTAB_H

#include "symbolize/elffile.h"
#include "symbolize/rangemap.h"

struct symbol {
	uint64_t start;
	uint64_t end; /* at most; without a size that of the section, and the next symbol ends it */
	bool sized;
	const char *name; /* as in the table, maybe with "@VERSION"; lives as long as the file */
	bool exported;    /* global or weak */
	bool typed;       /* as a function, not only a label */
};

/* Zeroed is empty. */
struct symtab {
	struct symbol *symbols;
	size_t n_symbols;
	struct rangemap map;
};

void symtab_deinit(struct symtab *symtab);

/*
 * Adds the functions of the file's first table of that type, SHT_SYMTAB or SHT_DYNSYM. 1: there is
 * one, 0: none, -ENOMEM.
 */
int symtab_add(struct symtab *symtab, const struct elffile *file, uint32_t type);
/* After the last symtab_add. 0 or -ENOMEM. */
int symtab_build(struct symtab *symtab);

/*
 * NULL if address is in no function. A symbol without a size reaches up to the next one, if the table
 * has them all, and is only a label within a symbol that has one.
 */
const struct symbol *symtab_find(const struct symtab *symtab, uint64_t address);

/* Underscores in front: of two names of one function, the one with fewer is the public one. */
int symtab_count_underscores(const char *name);

#endif
