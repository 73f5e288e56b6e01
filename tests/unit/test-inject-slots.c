/* SPDX-License-Identifier: MIT */
#include "process/inject-slots.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "region/abi.h"
#include "tests/unit/test.h"

enum {
	LIBC = 0x100000,
	MALLOC = LIBC + 0x500,
	FREE = LIBC + 0x600,
	PROGRAM = 0x10000, /* two pages: slots that are read-only, slots that are not */
	DATA = PROGRAM + 0x1000,
	HOOK_MALLOC = 0x900000,
	HOOK_FREE = 0x900100,
};

static char strings[] = "\0malloc\0free\0puts\0__libc_malloc";
enum { AT_MALLOC = 1, AT_FREE = 8, AT_PUTS = 13, AT_LIBC_MALLOC = 18 };

#define FUNCTION(name, value)                                          \
	{                                                              \
		.st_name = (name), .st_shndx = 1, .st_value = (value), \
		.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),        \
	}
static Elf64_Sym libc_symbols[] = {{},
				   FUNCTION(AT_MALLOC, 0x500),
				   FUNCTION(AT_FREE, 0x600),
				   FUNCTION(AT_PUTS, 0x700),
				   FUNCTION(AT_LIBC_MALLOC, 0x500)};
static Elf64_Sym program_symbols[] = {
	{}, {.st_name = AT_MALLOC}, {.st_name = AT_FREE}, {.st_name = AT_PUTS}};
#define RELOCATION(at, symbol, type)                          \
	{                                                     \
		(at) - PROGRAM, ELF64_R_INFO(symbol, type), 0 \
	}
static Elf64_Rela relocations[] = {
	RELOCATION(PROGRAM, 1, R_X86_64_JUMP_SLOT),
	RELOCATION(PROGRAM + 8, 2, R_X86_64_GLOB_DAT),
	RELOCATION(PROGRAM + 16, 3, R_X86_64_JUMP_SLOT),
	RELOCATION(PROGRAM + 24, 1, R_X86_64_JUMP_SLOT), /* not bound yet */
	RELOCATION(DATA, 1, R_X86_64_64),
	RELOCATION(DATA + 12, 1, R_X86_64_64), /* over the end of a word */
	RELOCATION(DATA, 1, R_X86_64_64),      /* once more */
	RELOCATION(0x50000, 1, R_X86_64_64),   /* not there */
};
static char program_name[] = "program";
static char libc_name[] = "libc.so.6";
static struct inject_module list[] = {
	{.name = program_name,
	 .bias = PROGRAM,
	 .symbols = program_symbols,
	 .n_symbols = 4,
	 .strings = strings,
	 .strings_size = sizeof(strings),
	 .relocations = relocations,
	 .n_relocations = ARRAY_SIZE(relocations),
	 .symbols_at = 0x20000},
	{.name = libc_name,
	 .bias = LIBC,
	 .start = LIBC,
	 .end = LIBC + 0x2000,
	 .symbols = libc_symbols,
	 .n_symbols = 5,
	 .strings = strings,
	 .strings_size = sizeof(strings),
	 .symbols_at = LIBC + 0x1000},
};
static const struct inject_modules modules = {.modules = list, .n_modules = 2};
static struct mapping mappings[] = {
	{.start = PROGRAM, .end = DATA, .read = true},
	{.start = DATA, .end = DATA + 0x1000, .read = true, .write = true},
	{.start = LIBC, .end = LIBC + 0x2000, .read = true, .exec = true},
};
static const struct maps maps = {mappings, ARRAY_SIZE(mappings)};

static uint64_t slots_words[4], data_words[4];
static struct inject_header header;
static struct inject_control control;
static struct inject_slots slots;

static void collect(bool back)
{
	const struct memory_piece pieces[] = {{PROGRAM, sizeof(slots_words), slots_words},
					      {DATA, sizeof(data_words), data_words}};
	struct memory *memory = memory_new_pieces(pieces, 2);

	assert_int_equal(inject_slots_originals(&modules, &slots), 0);
	memcpy(control.originals, slots.originals, sizeof(control.originals));
	header.hooks[0][INJECT_malloc] = HOOK_MALLOC;
	header.hooks[0][INJECT_free] = HOOK_FREE;
	assert_int_equal(
		inject_slots_collect(memory, &maps, &modules, &header, &control, back, &slots), 0);
	memory_free(memory);
}

static const struct inject_patch *patch_at(uint64_t address)
{
	for (size_t i = 0; i < slots.n_patches; i++)
		if (slots.patches[i].address == address)
			return &slots.patches[i];
	return NULL;
}

static int set_up(void **state)
{
	slots_words[0] = MALLOC;
	slots_words[1] = FREE;
	slots_words[2] = LIBC + 0x700;
	slots_words[3] = PROGRAM + 0x36;
	memset(data_words, 0, sizeof(data_words));
	data_words[0] = MALLOC;
	libc_symbols[1].st_value = 0x500;
	mappings[1].shared = false;
	return 0;
}

static int tear_down(void **state)
{
	inject_slots_deinit(&slots);
	return 0;
}

static void originals_are_those_of_the_module_with_malloc(void **state)
{
	collect(false);
	assert_int_equal(slots.n_variants, 1);
	assert_int_equal(slots.allocator, MT_ALLOCATOR_GLIBC);
	assert_int_equal(slots.originals[0][INJECT_malloc], MALLOC);
	assert_int_equal(slots.originals[0][INJECT_calloc], 0);
	assert_int_equal(slots.backing[0].start, LIBC);
	assert_int_equal(slots.backing[0].size, 0x2000);
}

static void bound_slots_and_tables_lead_to_the_hooks(void **state)
{
	collect(false);
	assert_int_equal(patch_at(PROGRAM)->value, HOOK_MALLOC);
	assert_int_equal(patch_at(PROGRAM)->expected, MALLOC);
	assert_int_equal(patch_at(PROGRAM + 8)->value, HOOK_FREE);
	assert_int_equal(patch_at(DATA)->value, HOOK_MALLOC);
}

static void what_leads_elsewhere_is_left_alone(void **state)
{
	collect(false);
	assert_null(patch_at(PROGRAM + 16));
	assert_null(patch_at(PROGRAM + 24));
	assert_null(patch_at(DATA + 12));
	assert_null(patch_at(0x50000));
}

static void symbols_are_for_modules_that_come_later(void **state)
{
	const uint64_t at = LIBC + 0x1000 + offsetof(Elf64_Sym, st_value);

	collect(false);
	assert_int_equal(patch_at(at + sizeof(Elf64_Sym))->value, HOOK_MALLOC - LIBC);
	assert_int_equal(patch_at(at + sizeof(Elf64_Sym))->expected, 0x500);
	/* the other name of the same function, too */
	assert_int_equal(patch_at(at + 4 * sizeof(Elf64_Sym))->value, HOOK_MALLOC - LIBC);
	assert_null(patch_at(at + 3 * sizeof(Elf64_Sym)));
	/* 3 words of the program, 3 symbols; one word was named twice */
	assert_int_equal(slots.n_patches, 6);
}

static void pages_of_one_protection_are_a_group(void **state)
{
	collect(false);
	assert_int_equal(slots.n_groups, 3);
	assert_int_equal(slots.groups[0].start, PROGRAM);
	assert_int_equal(slots.groups[0].size, 0x1000);
	assert_int_equal(slots.groups[0].prot, 1);
	assert_int_equal(slots.groups[0].n_patches, 2);
	assert_int_equal(slots.groups[1].start, DATA);
	assert_int_equal(slots.groups[1].prot, 3);
	assert_int_equal(slots.groups[2].prot, 5);
	assert_int_equal(slots.groups[2].n_patches, 3);
}

static void nothing_that_others_share_is_written_to(void **state)
{
	mappings[1].shared = true;
	collect(false);
	assert_null(patch_at(DATA));
	assert_int_equal(slots.n_groups, 2);
}

static void back_is_wherever_a_hook_stands(void **state)
{
	collect(false);
	inject_slots_deinit(&slots);
	slots_words[0] = HOOK_MALLOC;
	/* one that was bound since */
	slots_words[3] = HOOK_MALLOC;
	collect(true);
	assert_int_equal(patch_at(PROGRAM)->value, MALLOC);
	assert_int_equal(patch_at(PROGRAM + 24)->value, MALLOC);
	assert_null(patch_at(PROGRAM + 8));
	assert_null(patch_at(DATA));
}

static void a_process_without_malloc_is_refused(void **state)
{
	const struct inject_modules program = {.modules = list, .n_modules = 1};

	assert_int_equal(inject_slots_originals(&program, &slots), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(originals_are_those_of_the_module_with_malloc),
		TEST(bound_slots_and_tables_lead_to_the_hooks),
		TEST(what_leads_elsewhere_is_left_alone),
		TEST(symbols_are_for_modules_that_come_later),
		TEST(pages_of_one_protection_are_a_group),
		TEST(nothing_that_others_share_is_written_to),
		TEST(back_is_wherever_a_hook_stands),
		TEST(a_process_without_malloc_is_refused),
	};

	return cmocka_run_group_tests_name("inject-slots", tests, NULL, NULL);
}
