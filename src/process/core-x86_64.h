/* SPDX-License-Identifier: MIT */
/*
 * core-x86_64.h: where a thread stands, from the registers in its NT_PRSTATUS note.
 */
#ifndef PROCESS_CORE_X86_64_H
#define PROCESS_CORE_X86_64_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

enum { CORE_MACHINE = EM_X86_64 };

/* In units of 8 bytes: rsp, rip and fs_base of the kernel's struct user_regs_struct. */
enum { CORE_REGISTER_SP = 19, CORE_REGISTER_PC = 16, CORE_REGISTER_TP = 21 };

static inline void core_registers(const void *registers, uint64_t *ret_sp, uint64_t *ret_pc,
				  uint64_t *ret_tp)
{
	const char *bytes = registers;

	memcpy(ret_sp, bytes + 8 * CORE_REGISTER_SP, sizeof(*ret_sp));
	memcpy(ret_pc, bytes + 8 * CORE_REGISTER_PC, sizeof(*ret_pc));
	memcpy(ret_tp, bytes + 8 * CORE_REGISTER_TP, sizeof(*ret_tp));
}

#endif
