/* SPDX-License-Identifier: MIT */
/*
 * core-aarch64.h: where a thread stands, from the registers in its NT_PRSTATUS note. The thread pointer
 * is in a note of its own, NT_ARM_TLS.
 */
#ifndef PROCESS_CORE_AARCH64_H
#define PROCESS_CORE_AARCH64_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

enum { CORE_MACHINE = EM_AARCH64 };

/* In units of 8 bytes: x0 to x30, sp, pc (the kernel's struct user_pt_regs). */
enum { CORE_REGISTER_SP = 31, CORE_REGISTER_PC = 32 };

/* registers: as many bytes as the note has behind its fixed part. */
static inline void core_registers(const void *registers, uint64_t *ret_sp, uint64_t *ret_pc,
				  uint64_t *ret_tp)
{
	const char *bytes = registers;

	memcpy(ret_sp, bytes + 8 * CORE_REGISTER_SP, sizeof(*ret_sp));
	memcpy(ret_pc, bytes + 8 * CORE_REGISTER_PC, sizeof(*ret_pc));
	*ret_tp = 0;
}

#endif
