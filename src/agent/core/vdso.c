/* SPDX-License-Identifier: MIT */
/*
 * vdso.c: the symbols of the vdso, by its own dynamic section, as no loader has to be asked.
 *
 * Context: once, when recording begins. The image is the kernel's, so what it says is believed.
 */
#include "agent/core/vdso.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

/* The symbols of the vdso, as its dynamic section describes them. */
struct vdso {
	const Elf64_Sym *symbols;
	const char *strings;
	const uint32_t *hash;     /* DT_HASH, or NULL */
	const uint32_t *gnu_hash; /* DT_GNU_HASH, or NULL */
};

static bool is_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static bool vdso_open(uintptr_t base, struct vdso *ret, uintptr_t *ret_bias)
{
	const Elf64_Ehdr *ehdr = (const void *)base;
	const Elf64_Phdr *phdr = (const void *)(base + ehdr->e_phoff);
	const Elf64_Dyn *dynamic = NULL;
	uintptr_t bias = base;

	for (unsigned i = 0; i < ehdr->e_phnum; i++) {
		if (phdr[i].p_type == PT_LOAD && phdr[i].p_offset == 0)
			bias = base - phdr[i].p_vaddr;
		if (phdr[i].p_type == PT_DYNAMIC)
			dynamic = (const void *)(base + phdr[i].p_offset);
	}
	*ret = (struct vdso){0};
	for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
		const void *address = (const void *)(bias + dynamic->d_un.d_ptr);

		if (dynamic->d_tag == DT_SYMTAB)
			ret->symbols = address;
		else if (dynamic->d_tag == DT_STRTAB)
			ret->strings = address;
		else if (dynamic->d_tag == DT_HASH)
			ret->hash = address;
		else if (dynamic->d_tag == DT_GNU_HASH)
			ret->gnu_hash = address;
	}
	*ret_bias = bias;
	return ret->symbols && ret->strings;
}

/* How many symbols there are: DT_HASH says it, DT_GNU_HASH through the end of its last chain. */
static uint32_t vdso_count(const struct vdso *vdso)
{
	const uint32_t *table = vdso->gnu_hash, *buckets, *chains;
	uint32_t last = 0;

	if (vdso->hash)
		return vdso->hash[1];
	if (!table)
		return 0;
	buckets = table + 4 + (size_t)table[2] * 2;
	chains = buckets + table[0];
	for (uint32_t i = 0; i < table[0]; i++)
		last = MAX(last, buckets[i]);
	if (last < table[1])
		return 0;
	while (!(chains[last - table[1]] & 1))
		last++;
	return last + 1;
}

uintptr_t vdso_find(uintptr_t base, const char *name)
{
	struct vdso vdso;
	uintptr_t bias;

	if (!vdso_open(base, &vdso, &bias))
		return 0;
	for (uint32_t i = 0, n = vdso_count(&vdso); i < n; i++) {
		const Elf64_Sym *symbol = &vdso.symbols[i];

		if (symbol->st_shndx != SHN_UNDEF && is_equal(vdso.strings + symbol->st_name, name))
			return bias + symbol->st_value;
	}
	return 0;
}
