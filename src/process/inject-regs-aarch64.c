/* SPDX-License-Identifier: MIT */
/*
 * inject-regs-aarch64.c: injection is not there for this architecture yet: no instructions are found, so
 * that it is refused before anything is touched.
 */
#include <errno.h>

#include "process/inject-regs.h"

bool regs_find_gadgets(const uint8_t *code, size_t size, uint64_t address, uint64_t *ret_syscall,
		       uint64_t *ret_sigreturn)
{
	return false;
}

int regs_save(pid_t tid, struct regs *ret)
{
	return -ENOTSUP;
}

void regs_restart_syscall(struct regs *regs, bool pending)
{
}

int regs_restore(pid_t tid, const struct regs *regs)
{
	return -ENOTSUP;
}

long regs_syscall(const struct regs *regs)
{
	return -1;
}

uint64_t regs_sp(const struct regs *regs)
{
	return 0;
}

uint64_t regs_pc(const struct regs *regs)
{
	return 0;
}

void regs_set_pc(struct regs *regs, uint64_t pc)
{
}

uint64_t regs_thread_pointer(const struct regs *regs)
{
	return 0;
}

size_t regs_frame_size(const struct regs *regs)
{
	return 0;
}

/* The address is in the handler's own frame, of which nothing else is known. */
bool regs_may_be_frame(const uint64_t *words, size_t n)
{
	return words && n;
}

uint64_t regs_make_frame(const struct regs *regs, uint64_t top, uint64_t sigreturn, void *buffer)
{
	return top;
}

int regs_send_to_syscall(pid_t tid, const struct regs *regs, uint64_t gadget, uint64_t sp,
			 long number, const uint64_t arguments[6])
{
	return -ENOTSUP;
}

int regs_send_to_function(pid_t tid, const struct regs *regs, uint64_t function, uint64_t sp)
{
	return -ENOTSUP;
}

int regs_clean_fp(pid_t tid, const struct regs *regs)
{
	return -ENOTSUP;
}

int regs_result(pid_t tid, int64_t *ret)
{
	return -ENOTSUP;
}

void regs_make_park(uint64_t at, uint8_t ret[REGS_PARK_SIZE])
{
}

void regs_clone_arguments(uint64_t flags, uint64_t stack, uint64_t tls, uint64_t ret[6])
{
}
