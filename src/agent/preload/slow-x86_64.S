/* SPDX-License-Identifier: MIT */
/*
 * slow-x86_64.S: adds the caller's frame to the arguments of the slow halves (slow.h), and jumps on.
 */
	.macro slow name, sp, fp, pc
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	leaq	8(%rsp), \sp
	movq	%rbp, \fp
	movq	(%rsp), \pc
	jmp	\name\()_for
	.cfi_endproc
	.size	\name, .-\name
	.endm

	.text
	slow	slow_malloc, %rsi, %rdx, %rcx
	slow	slow_calloc, %rdx, %rcx, %r8
	slow	slow_realloc, %rdx, %rcx, %r8
	slow	_Znwm_slow, %rsi, %rdx, %rcx
	slow	_Znam_slow, %rsi, %rdx, %rcx

	.section .note.GNU-stack, "", @progbits
