/* SPDX-License-Identifier: MIT */
/*
 * inject-regs.h: the registers of a stopped thread: saved, used for something else, and restored. One
 * file an architecture.
 *
 * The idea that everything rests on: before a thread is sent anywhere, a signal frame with all its
 * registers, its floating point state and its signal mask lies on the stack that it is sent with, and the
 * return address leads to the system call that ends a signal handler. So wherever the tool may be killed,
 * the thread finishes what it is at and then goes on where it was.
 */
#ifndef PROCESS_INJECT_REGS_H
#define PROCESS_INJECT_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { REGS_MAX = 64, REGS_FP_MAX = 16 << 10 };

struct regs {
	_Alignas(64) uint8_t fp[REGS_FP_MAX];
	uint64_t general
		[REGS_MAX]; /* as the kernel has them; with a system call to be restarted, if any */
	size_t general_size, fp_size;
	uint64_t signal_mask;
};

/* What is looked for in the target's code: instructions, by their bytes. */
bool regs_find_gadgets(const uint8_t *code, size_t size, uint64_t address, uint64_t *ret_syscall,
		       uint64_t *ret_sigreturn);

/* Reads all of a stopped thread. -ENOTSUP if it runs 32-bit code. */
int regs_save(pid_t tid, struct regs *ret);
/* pending: the thread has a signal to handle. An interrupted system call is made to begin again. */
void regs_restart_syscall(struct regs *regs, bool pending);
int regs_restore(pid_t tid, const struct regs *regs);

/* The system call that the thread is in, of a thread that was just saved; -1 if it is in none. */
long regs_syscall(const struct regs *regs);
uint64_t regs_sp(const struct regs *regs);
uint64_t regs_pc(const struct regs *regs);
void regs_set_pc(struct regs *regs, uint64_t pc);
uint64_t regs_thread_pointer(const struct regs *regs);

/* Bytes of a signal frame, and of what must be left alone below the stack pointer. */
size_t regs_frame_size(const struct regs *regs);
enum { REGS_RED_ZONE = 128 };
/*
 * Writes the frame so that it ends below top, which is an address in the target; buffer has room for
 * regs_frame_size. Returns the address of the frame, which is the stack pointer to send the thread with.
 */
uint64_t regs_make_frame(const struct regs *regs, uint64_t top, uint64_t sigreturn, void *buffer);

/*
 * Whether the words of a stack that begin with the address that handlers return to can be a handler's frame:
 * sigaction(2) leaves that address on stacks, too. n may be less than REGS_FRAME_WORDS at a stack's end.
 */
enum { REGS_FRAME_WORDS = 25 };
bool regs_may_be_frame(const uint64_t *words, size_t n);

/* Sends the thread to make a system call, or to run a function, with a frame at sp. */
int regs_send_to_syscall(pid_t tid, const struct regs *regs, uint64_t gadget, uint64_t sp,
			 long number, const uint64_t arguments[6]);
int regs_send_to_function(pid_t tid, const struct regs *regs, uint64_t function, uint64_t sp);
/* A fresh floating point state for the function; the frame has the thread's. */
int regs_clean_fp(pid_t tid, const struct regs *regs);
/* The result of the system call. */
int regs_result(pid_t tid, int64_t *ret);

/*
 * What a new thread finds at its stack pointer, which is at: a return address, and the code there, which
 * ends the thread. So a thread that nobody sends anywhere ends by itself.
 */
enum { REGS_PARK_SIZE = 32, REGS_PARK_CODE = 8 };
void regs_make_park(uint64_t at, uint8_t ret[REGS_PARK_SIZE]);
/* The arguments of clone(2), whose order is the architecture's. */
void regs_clone_arguments(uint64_t flags, uint64_t stack, uint64_t tls, uint64_t ret[6]);

#endif
