/* SPDX-License-Identifier: MIT */
/*
 * test-eh-frame.c: the interpreter of exception tables, on tables made by hand and, against elfutils, on
 * every function of the libraries that this process has loaded.
 */
#include "agent/core/eh-frame.h"

#include "tests/unit/test.h"

#include <dlfcn.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "agent/core/eh-program.h"
#include "agent/core/modules.h"
#include "agent/core/sys.h"
#include "tests/support/oracle.h"

/* .eh_frame_hdr, one CIE and one FDE in a buffer, and the pc range that they describe behind it. */
enum { HDR = 0, CIE = 64, TABLE_SIZE = 4096, CODE_SIZE = 256 };

static uint8_t image[TABLE_SIZE + CODE_SIZE] __attribute__((aligned(16)));
static const uintptr_t code = (uintptr_t)image + TABLE_SIZE;
static struct eh_tables tables;

static uint8_t *put(uint8_t *at, const void *data, size_t size)
{
	if (size > 0)
		memcpy(at, data, size);
	return at + size;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put(at, &value, 4);
}

static uint8_t *put_record(uint8_t *at, const uint8_t *body, size_t size)
{
	at = put32(at, (uint32_t)ALIGN_UP(size, 4u));
	at = put(at, body, size);
	while (size++ % 4)
		*at++ = 0;
	return at;
}

/*
 * Version 1, augmentation "zR" with S if is_signal, code alignment 1, data alignment -8, RA in 16; CFA =
 * rsp + 8 and RA at CFA - 8, then what is given. FDE for the code with the given program.
 */
static void make(const char *augmentation, const uint8_t *initial, size_t n_initial,
		 const uint8_t *program, size_t n_program)
{
	uint8_t body[2048], *at = body, *next;
	const uint8_t numbers[] = {1, 0x78, 16};
	const uint8_t start[] = {0x0c, 7, 8, 0x90, 1};
	const uint8_t header[] = {1, 0x1b, 0x03, 0x3b};
	uint32_t fde;

	memset(image, 0, sizeof(image));
	at = put32(at, 0);
	*at++ = 1;
	at = put(at, augmentation, strlen(augmentation) + 1);
	at = put(at, numbers, sizeof(numbers));
	if (augmentation[0] == 'z') {
		*at++ = 1;
		*at++ = 0x1b; /* relative to where it stands, 4 bytes, signed */
	}
	at = put(at, start, sizeof(start));
	at = put(at, initial, n_initial);
	next = put_record(image + CIE, body, (size_t)(at - body));

	fde = (uint32_t)(next - image);
	at = put32(body, fde + 4 - CIE);
	at = put32(at, (uint32_t)(TABLE_SIZE - (fde + 8)));
	at = put32(at, CODE_SIZE);
	*at++ = 0; /* no augmentation data */
	at = put(at, program, n_program);
	put_record(next, body, (size_t)(at - body));

	at = put(image + HDR, header, sizeof(header));
	at = put32(at, CIE - HDR - 4);
	at = put32(at, 1);
	at = put32(at, TABLE_SIZE);
	put32(at, fde);
	tables = (struct eh_tables){(uintptr_t)image, (uintptr_t)image, code};
}

#define MAKE(...)                                                \
	do {                                                     \
		const uint8_t program_[] = {__VA_ARGS__};        \
		make("zR", NULL, 0, program_, sizeof(program_)); \
	} while (0)

static struct eh_row row_at(unsigned offset)
{
	struct eh_row row;

	assert_int_equal(eh_frame_find(&tables, code + offset, &row), 0);
	return row;
}

static void assert_cfa(unsigned offset, unsigned reg, int value)
{
	struct eh_row row = row_at(offset);

	assert_false(row.cfa_is_expression);
	assert_int_equal(row.cfa_register, reg);
	assert_int_equal(row.cfa_value, value);
}

static void assert_rule(unsigned offset, unsigned reg, enum eh_kind kind, int value)
{
	struct eh_row row = row_at(offset);

	assert_int_equal(row.kind[reg], kind);
	assert_int_equal(row.value[reg], value);
}

static void test_rows_change_where_the_program_says(void **state)
{
	/* push rbp at 1, mov rsp to rbp at 4, pop at 20 */
	MAKE(0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x50, 0x0c, 7, 8, 0xc6);
	assert_cfa(0, 7, 8);
	assert_rule(0, 6, EH_SAME, 0);
	assert_rule(0, 16, EH_OFFSET, -8);
	assert_cfa(1, 7, 16);
	assert_rule(1, 6, EH_OFFSET, -16);
	assert_cfa(3, 7, 16);
	assert_cfa(4, 6, 16);
	assert_cfa(19, 6, 16);
	assert_cfa(20, 7, 8);
	assert_rule(20, 6, EH_SAME, 0);
}

static void test_remembered_states_come_back(void **state)
{
	/* remember at 0; cfa 16 at 2; remember; cfa 24 at 4; restore at 6; cfa 32 at 8; restore at 10 */
	MAKE(0x0a, 0x42, 0x0e, 16, 0x0a, 0x42, 0x0e, 24, 0x86, 3, 0x42, 0x0b, 0x42, 0x0e, 32, 0x42,
	     0x0b, 0x42, 0x0e, 40);
	assert_cfa(1, 7, 8);
	assert_cfa(2, 7, 16);
	assert_cfa(5, 7, 24);
	assert_rule(5, 6, EH_OFFSET, -24);
	assert_cfa(6, 7, 16);
	assert_rule(6, 6, EH_SAME, 0);
	assert_cfa(8, 7, 32);
	assert_cfa(10, 7, 8);
	assert_cfa(12, 7, 40);
}

static void test_a_restored_register_has_the_rule_of_the_beginning(void **state)
{
	const uint8_t initial[] = {0x83, 2}; /* r3 at CFA - 16 */
	const uint8_t program[] = {0x08, 3, 0x41, 0xc3, 0x41, 0x83, 4, 0x41, 0x06, 3};

	make("zR", initial, sizeof(initial), program, sizeof(program));
	assert_rule(0, 3, EH_SAME, 0);
	assert_rule(1, 3, EH_OFFSET, -16);
	assert_rule(2, 3, EH_OFFSET, -32);
	assert_rule(3, 3, EH_OFFSET, -16);
}

static void test_every_way_to_advance(void **state)
{
	MAKE(0x02, 10, 0x0e, 16, 0x03, 20, 0, 0x0e, 24, 0x04, 30, 0, 0, 0, 0x0e, 32);
	assert_cfa(9, 7, 8);
	assert_cfa(10, 7, 16);
	assert_cfa(29, 7, 16);
	assert_cfa(30, 7, 24);
	assert_cfa(59, 7, 24);
	assert_cfa(60, 7, 32);
}

static void test_every_kind_of_rule(void **state)
{
	MAKE(0x05, 3, 2,                    /* offset_extended */
	     0x11, 12, 0x7e,                /* offset_extended_sf: -2 * -8 */
	     0x2f, 13, 0x7d,                /* GNU_negative_offset_extended, factor 125 */
	     0x14, 14, 4,                   /* val_offset */
	     0x15, 15, 0x7f,                /* val_offset_sf */
	     0x07, 0,                       /* undefined */
	     0x09, 1, 2,                    /* register */
	     0x2e, 0x81, 0x01,              /* GNU_args_size, nothing to us */
	     0x06, 3,                       /* restore_extended */
	     0x08, 12,                      /* same_value */
	     0x05, 40, 2, 0x07, 0x91, 0x01, /* registers that we do not have */
	     0x16, 4, 2, 0x34, 0x23 /* val_expression, broken: plus_uconst without operand */);
	assert_rule(0, 3, EH_SAME, 0);
	assert_rule(0, 12, EH_SAME, 0);
	assert_rule(0, 13, EH_OFFSET, 125 * 8);
	assert_rule(0, 14, EH_VAL_OFFSET, -32);
	assert_rule(0, 15, EH_VAL_OFFSET, 8);
	assert_rule(0, 0, EH_UNDEFINED, 0);
	assert_rule(0, 1, EH_REGISTER, 2);
	assert_int_equal(row_at(0).kind[4], EH_VAL_EXPRESSION);
}

static void test_cfa_in_all_forms(void **state)
{
	MAKE(0x12, 6, 0x7e, 0x41, 0x13, 0x7d, 0x41, 0x0d, 3, 0x41, 0x0f, 2, 0x77, 8);
	assert_cfa(0, 6, 16);
	assert_cfa(1, 6, 24);
	assert_cfa(2, 3, 24);
	assert_true(row_at(3).cfa_is_expression);
}

static void test_signal_frames_are_marked(void **state)
{
	make("zRS", NULL, 0, NULL, 0);
	assert_true(row_at(0).is_signal);
	MAKE(0);
	assert_false(row_at(0).is_signal);
}

static void test_what_is_damaged_is_refused(void **state)
{
	struct eh_row row;

	MAKE(0x0b); /* restore without remember */
	assert_int_equal(eh_frame_find(&tables, code, &row), EH_DAMAGED);
	MAKE(0x1c); /* no such instruction */
	assert_int_equal(eh_frame_find(&tables, code, &row), EH_DAMAGED);
	MAKE(0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f); /* a CFA beyond 2 GiB */
	assert_int_equal(eh_frame_find(&tables, code, &row), EH_DAMAGED);
	MAKE(0x0f, 100); /* an expression longer than its record */
	assert_int_equal(eh_frame_find(&tables, code, &row), EH_DAMAGED);
	make("zQ", NULL, 0, NULL, 0);
	assert_int_equal(eh_frame_find(&tables, code, &row), EH_DAMAGED);
	MAKE(0);
	image[CIE + 8] = 2; /* a version that never was */
	assert_int_equal(eh_frame_find(&tables, code, &row), EH_DAMAGED);
	MAKE(0);
	assert_int_equal(eh_frame_find(&tables, code - 1, &row), EH_NO_ENTRY);
	assert_int_equal(eh_frame_find(&tables, code + CODE_SIZE, &row), EH_NO_ENTRY);
}

static void test_a_header_without_a_table_is_searched_in_full(void **state)
{
	struct eh_row row;

	MAKE(0x41, 0x0e, 16);
	image[2] = image[3] = 0xff;
	assert_cfa(0, 7, 8);
	assert_cfa(1, 7, 16);
	assert_int_equal(eh_frame_find(&tables, code - 1, &row), EH_NO_ENTRY);
}

static uint64_t stack_words[8];

/* The value of an expression, with rbp = 100, rsp = stack_words and rip = 0x40100b. */
static int evaluate(const uint8_t *operations, size_t size, const uint64_t *initial, uint64_t *ret)
{
	struct unwind_regs regs = {.valid = UNWIND_BIT(UNWIND_SP) | UNWIND_BIT(UNWIND_FP) |
					    UNWIND_BIT(UNWIND_PC)};
	struct unwind_memory memory = {.low = (uintptr_t)stack_words,
				       .high = (uintptr_t)stack_words + sizeof(stack_words)};

	regs.value[UNWIND_SP] = (uintptr_t)stack_words;
	regs.value[UNWIND_FP] = 100;
	regs.value[UNWIND_PC] = 0x40100b;
	memset(image, 0, sizeof(image));
	image[16] = (uint8_t)size;
	memcpy(image + 17, operations, size);
	tables = (struct eh_tables){(uintptr_t)image, (uintptr_t)image, code};
	return eh_expression_run(&tables, 16, &regs, &memory, initial, ret);
}

static void assert_value(uint64_t expected, const uint8_t *operations, size_t size)
{
	uint64_t value = 0;

	assert_int_equal(evaluate(operations, size, NULL, &value), 0);
	assert_int_equal(value, expected);
}

static void assert_fails(int error, const uint8_t *operations, size_t size)
{
	uint64_t value = 0;

	assert_int_equal(evaluate(operations, size, NULL, &value), error);
}

#define BYTES(...)                  (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define ASSERT_VALUE(expected, ...) assert_value((uint64_t)(expected), BYTES(__VA_ARGS__))
#define ASSERT_FAILS(error, ...)    assert_fails(error, BYTES(__VA_ARGS__))

static void test_expressions_push(void **state)
{
	ASSERT_VALUE(7, 0x37);
	ASSERT_VALUE(-2, 0x09, 0xfe);
	ASSERT_VALUE(0xfffe, 0x0a, 0xfe, 0xff);
	ASSERT_VALUE(-2, 0x0b, 0xfe, 0xff);
	ASSERT_VALUE(0x01020304, 0x0c, 4, 3, 2, 1);
	ASSERT_VALUE(-1, 0x0d, 0xff, 0xff, 0xff, 0xff);
	ASSERT_VALUE(0x0807060504030201, 0x0e, 1, 2, 3, 4, 5, 6, 7, 8);
	ASSERT_VALUE(300, 0x10, 0xac, 0x02);
	ASSERT_VALUE(-129, 0x11, 0xff, 0x7e);
	ASSERT_VALUE(96, 0x76, 0x7c);  /* rbp - 4 */
	ASSERT_VALUE(100, 0x56);       /* rbp */
	ASSERT_VALUE(104, 0x92, 6, 4); /* bregx */
}

static void test_expressions_compute(void **state)
{
	ASSERT_VALUE(6, 0x33, 0x32, 0x1e);        /* 3 * 2 */
	ASSERT_VALUE(-1, 0x32, 0x33, 0x1c);       /* 2 - 3 */
	ASSERT_VALUE(-2, 0x36, 0x1f, 0x33, 0x1b); /* -6 / 3 */
	ASSERT_VALUE(1, 0x37, 0x33, 0x1d);        /* 7 mod 3 */
	ASSERT_VALUE(5, 0x35, 0x1f, 0x19);        /* abs -5 */
	ASSERT_VALUE(~5ull, 0x35, 0x20);
	ASSERT_VALUE(6, 0x37, 0x3e, 0x1a); /* 7 and 14 */
	ASSERT_VALUE(15, 0x37, 0x3e, 0x21);
	ASSERT_VALUE(9, 0x37, 0x3e, 0x27);
	ASSERT_VALUE(8, 0x31, 0x33, 0x24);
	ASSERT_VALUE(0, 0x31, 0x10, 0x80, 0x01, 0x24); /* shifted out */
	ASSERT_VALUE(-1, 0x31, 0x1f, 0x34, 0x26);
	ASSERT_VALUE(1ull << 60, 0x31, 0x1f, 0x23, 1, 0x31, 0x1c, 0x33, 0x25, 0x31, 0x08, 60, 0x24,
		     0x1a);
	ASSERT_VALUE(1, 0x32, 0x33, 0x2d); /* 2 < 3 */
	ASSERT_VALUE(0, 0x32, 0x33, 0x2b);
	ASSERT_VALUE(1, 0x32, 0x32, 0x29);
	ASSERT_VALUE(1, 0x32, 0x32, 0x2a);
	ASSERT_VALUE(1, 0x32, 0x32, 0x2c);
	ASSERT_VALUE(1, 0x32, 0x31, 0x2e);
}

static void test_expressions_move_and_jump(void **state)
{
	ASSERT_VALUE(4, 0x32, 0x12, 0x22);             /* dup plus */
	ASSERT_VALUE(2, 0x32, 0x33, 0x13);             /* drop */
	ASSERT_VALUE(2, 0x32, 0x33, 0x14);             /* over */
	ASSERT_VALUE(3, 0x33, 0x31, 0x32, 0x15, 2);    /* pick */
	ASSERT_VALUE(1, 0x32, 0x33, 0x16, 0x1c);       /* swap: 3 - 2 */
	ASSERT_VALUE(2, 0x31, 0x32, 0x33, 0x17);       /* rot: 3 1 2 */
	ASSERT_VALUE(9, 0x2f, 1, 0, 0x00, 0x39);       /* skip over one that does not exist */
	ASSERT_VALUE(5, 0x35, 0x31, 0x28, 1, 0, 0x38); /* bra taken */
	ASSERT_VALUE(8, 0x35, 0x30, 0x28, 1, 0, 0x38);
}

static void test_expressions_read_the_stack(void **state)
{
	stack_words[2] = 0x1122334455667788;
	ASSERT_VALUE(0x1122334455667788, 0x77, 16, 0x06);
	ASSERT_VALUE(0x66, 0x77, 18, 0x94, 1);
	ASSERT_VALUE(0x3344, 0x77, 20, 0x94, 2, 0x96);
	ASSERT_FAILS(EH_UNREADABLE, 0x77, 0xc0, 0x00, 0x06); /* behind the window */
	ASSERT_FAILS(EH_UNREADABLE, 0x30, 0x06);
}

static void test_plt_expression(void **state)
{
	/* rsp + 8 + ((rip & 15) >= 11) * 8, as linkers write it */
	ASSERT_VALUE((uintptr_t)stack_words + 16, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33,
		     0x24, 0x22);
}

static void test_expressions_that_are_refused(void **state)
{
	uint64_t initial = 5, value;

	assert_int_equal(evaluate((const uint8_t[]){0x23, 3}, 2, &initial, &value), 0);
	assert_int_equal(value, 8);
	ASSERT_FAILS(EH_DAMAGED, 0x22); /* nothing to add */
	ASSERT_FAILS(EH_DAMAGED, 0x13);
	ASSERT_FAILS(EH_DAMAGED, 0xe0);             /* no such operation */
	ASSERT_FAILS(EH_DAMAGED, 0x31, 0x30, 0x1b); /* division by zero */
	ASSERT_FAILS(EH_DAMAGED, 0x31, 0x30, 0x1d);
	ASSERT_FAILS(EH_DAMAGED, 0x2f, 0xfd, 0xff);             /* for ever */
	ASSERT_FAILS(EH_DAMAGED, 0x2f, 0x00, 0x80);             /* out of it */
	ASSERT_FAILS(EH_DAMAGED, 0x0c, 1, 2);                   /* cut short */
	ASSERT_FAILS(EH_DAMAGED, 0x31, 0x12, 0x2f, 0xfc, 0xff); /* too many values */
	ASSERT_FAILS(EH_UNKNOWN, 0x73, 0);                      /* rbx */
	ASSERT_FAILS(EH_UNKNOWN, 0x92, 0x40, 0);                /* a register that we do not have */
}

static void test_rows_lead_to_the_caller(void **state)
{
	struct unwind_regs regs = {.valid = UNWIND_BIT(UNWIND_SP) | UNWIND_BIT(UNWIND_FP) |
					    UNWIND_BIT(3)},
			   caller;
	struct unwind_memory memory = {.low = (uintptr_t)stack_words,
				       .high = (uintptr_t)stack_words + sizeof(stack_words)};
	struct eh_row row;

	regs.value[UNWIND_SP] = (uintptr_t)stack_words;
	regs.value[UNWIND_FP] = 100;
	regs.value[3] = 33;
	stack_words[2] = 66, stack_words[3] = 77;
	MAKE(0x0e, 32, 0x86, 2, 0x09, 12, 3, 0x14, 13, 1, 0x07, 14);
	row = row_at(0);
	assert_int_equal(eh_row_apply(&tables, &row, &memory, &regs, &caller), 0);
	assert_int_equal(caller.value[UNWIND_PC], 77);
	assert_int_equal(caller.value[UNWIND_FP], 66);
	assert_int_equal(caller.value[UNWIND_SP], (uintptr_t)stack_words + 32);
	assert_int_equal(caller.value[3], 33);
	assert_int_equal(caller.value[12], 33);
	assert_int_equal(caller.value[13], (uintptr_t)stack_words + 24);
	assert_int_equal(caller.valid, UNWIND_BIT(UNWIND_SP) | UNWIND_BIT(UNWIND_FP) |
					       UNWIND_BIT(UNWIND_PC) | UNWIND_BIT(3) |
					       UNWIND_BIT(12) | UNWIND_BIT(13));
	/* CFA in a register that is not known, a stack that is not there, no caller */
	MAKE(0x0c, 12, 8);
	row = row_at(0);
	assert_int_equal(eh_row_apply(&tables, &row, &memory, &regs, &caller), EH_UNKNOWN);
	MAKE(0x0c, 7, 0x80, 0x01);
	row = row_at(0);
	assert_int_equal(eh_row_apply(&tables, &row, &memory, &regs, &caller), EH_UNREADABLE);
	MAKE(0x07, 16);
	row = row_at(0);
	assert_int_equal(eh_row_apply(&tables, &row, &memory, &regs, &caller), 1);
}

/* Compares one row with what elfutils has. */
static void compare_row(const struct eh_row *row, Dwarf_Frame *frame, uintptr_t pc)
{
	Dwarf_Op *ops, memory[3];
	size_t n;
	bool is_signal;
	Dwarf_Addr start, end;

	assert_int_equal(dwarf_frame_info(frame, &start, &end, &is_signal), row->ra);
	assert_int_equal(is_signal, row->is_signal);
	assert_int_equal(dwarf_frame_cfa(frame, &ops, &n), 0);
	if (!row->cfa_is_expression) {
		/* elfutils writes a register of the CFA as one operation: bregx */
		assert_int_equal(n, 1);
		assert_int_equal(ops[0].atom, 0x92);
		assert_int_equal(ops[0].number, row->cfa_register);
		assert_int_equal(ops[0].number2, (Dwarf_Word)(int64_t)row->cfa_value);
	} else {
		assert_true(n > 1 || ops[0].atom != 0x92);
	}
	for (int reg = 0; reg < UNWIND_N_REGS; reg++) {
		assert_int_equal(dwarf_frame_register(frame, reg, memory, &ops, &n), 0);
		switch (row->kind[reg]) {
		case EH_SAME:
			/* caller-saved registers are undefined to elfutils by the ABI */
			if (reg == UNWIND_SP) {
				assert_true(n == 1 || (n == 2 && ops[1].atom == 0x9f) || n == 0);
				break;
			}
			assert_int_equal(n, 0);
			break;
		case EH_UNDEFINED:
			assert_int_equal(n, 0);
			assert_ptr_equal(ops, memory);
			break;
		case EH_OFFSET:
			/* call_frame_cfa, plus_uconst */
			assert_int_equal(ops[0].atom, 0x9c);
			if (row->value[reg] == 0) {
				assert_int_equal(n, 1);
				break;
			}
			assert_int_equal(n, 2);
			assert_int_equal(ops[1].atom, 0x23);
			assert_int_equal(ops[1].number, (Dwarf_Word)(int64_t)row->value[reg]);
			break;
		default:
			assert_true(n > 0);
			break;
		}
	}
	(void)pc;
}

static unsigned compare_module(uintptr_t inside)
{
	struct eh_row row;
	struct eh_tables here;
	struct module module;
	Dl_info info;
	Elf *elf;
	Dwarf_CFI *cfi;
	unsigned n = 0;
	int fd;

	assert_true(modules_find(inside, &module));
	assert_true(dladdr((void *)inside, &info));
	here = (struct eh_tables){module.eh_frame_hdr, module.tables_start, module.tables_end};
	fd = open(info.dli_fname[0] ? info.dli_fname : "/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	cfi = dwarf_getcfi_elf(elf);
	assert_non_null(cfi);
	/* all of these are linked at 0 */
	for (uintptr_t pc = module.start; pc < module.end; pc += 23) {
		Dwarf_Frame *frame = NULL;
		int r = eh_frame_find(&here, pc, &row);

		if (dwarf_cfi_addrframe(cfi, pc - module.start, &frame) != 0) {
			assert_int_equal(r, EH_NO_ENTRY);
			continue;
		}
		assert_int_equal(r, 0);
		compare_row(&row, frame, pc);
		free(frame);
		n++;
	}
	dwarf_cfi_end(cfi);
	elf_end(elf);
	close(fd);
	return n;
}

static void test_rows_of_loaded_modules_are_those_of_elfutils(void **state)
{
	struct modules_loader loader;

	sys_init(getauxval(AT_SYSINFO_EHDR));
	oracle_find_loader(&loader);
	modules_init(&loader);
	elf_version(EV_CURRENT);
	assert_true(compare_module((uintptr_t)compare_module) > 200);
	assert_true(compare_module((uintptr_t)dlsym(RTLD_DEFAULT, "strlen")) > 10000);
	assert_true(compare_module((uintptr_t)dlsym(RTLD_DEFAULT, "_dl_find_object")) > 2000);
	assert_true(compare_module((uintptr_t)dlsym(RTLD_DEFAULT, "dwarf_getcfi_elf")) > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_change_where_the_program_says),
		cmocka_unit_test(test_remembered_states_come_back),
		cmocka_unit_test(test_a_restored_register_has_the_rule_of_the_beginning),
		cmocka_unit_test(test_every_way_to_advance),
		cmocka_unit_test(test_every_kind_of_rule),
		cmocka_unit_test(test_cfa_in_all_forms),
		cmocka_unit_test(test_signal_frames_are_marked),
		cmocka_unit_test(test_what_is_damaged_is_refused),
		cmocka_unit_test(test_a_header_without_a_table_is_searched_in_full),
		cmocka_unit_test(test_expressions_push),
		cmocka_unit_test(test_expressions_compute),
		cmocka_unit_test(test_expressions_move_and_jump),
		cmocka_unit_test(test_expressions_read_the_stack),
		cmocka_unit_test(test_plt_expression),
		cmocka_unit_test(test_expressions_that_are_refused),
		cmocka_unit_test(test_rows_lead_to_the_caller),
		cmocka_unit_test(test_rows_of_loaded_modules_are_those_of_elfutils),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
