/* SPDX-License-Identifier: MIT */
/*
 * confine-aarch64.S: long syscall(long number, ...).
 *
 * Some system calls return twice or on another stack: nothing may be between the program and libc's
 * own syscall. prctl and seccomp are not of them and go to C, with the arguments where they are.
 */
#define SYS_prctl   167
#define SYS_seccomp 277

	.text
	.globl	syscall
	.type	syscall, %function
	.p2align 4
syscall:
	.cfi_startproc
	cmp	x0, #SYS_prctl
	b.eq	confine_syscall
	cmp	x0, #SYS_seccomp
	b.eq	confine_syscall
	adrp	x9, confine_next_syscall
	ldr	x9, [x9, :lo12:confine_next_syscall]
	cbz	x9, confine_syscall
	br	x9
	.cfi_endproc
	.size	syscall, .-syscall

	.section .note.GNU-stack,"",%progbits
