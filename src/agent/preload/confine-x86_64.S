/* SPDX-License-Identifier: MIT */
/*
 * confine-x86_64.S: long syscall(long number, ...).
 *
 * Some system calls return twice or on another stack: nothing may be between the program and libc's
 * own syscall. prctl and seccomp are not of them and go to C, with the arguments where they are.
 */
#define SYS_prctl   157
#define SYS_seccomp 317

	.text
	.globl	syscall
	.type	syscall, @function
	.p2align 4
syscall:
	.cfi_startproc
	endbr64
	cmpq	$SYS_prctl, %rdi
	je	confine_syscall
	cmpq	$SYS_seccomp, %rdi
	je	confine_syscall
	movq	confine_next_syscall(%rip), %rax
	testq	%rax, %rax
	je	confine_syscall
	jmp	*%rax
	.cfi_endproc
	.size	syscall, .-syscall

	.section .note.GNU-stack,"",@progbits
