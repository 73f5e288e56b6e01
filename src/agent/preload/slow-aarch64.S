/* SPDX-License-Identifier: MIT */
/*
 * slow-aarch64.S: adds the caller's frame to the arguments of the slow halves (slow.h), and branches on.
 */
	.macro slow name, sp, fp, pc
	.globl	\name
	.hidden	\name
	.type	\name, %function
	.p2align 4
\name:
	.cfi_startproc
	mov	\sp, sp
	mov	\fp, x29
	mov	\pc, x30
	b	\name\()_for
	.cfi_endproc
	.size	\name, .-\name
	.endm

	.text
	slow	slow_malloc, x1, x2, x3
	slow	slow_calloc, x2, x3, x4
	slow	slow_realloc, x2, x3, x4
	slow	_Znwm_slow, x1, x2, x3
	slow	_Znam_slow, x1, x2, x3

	.section .note.GNU-stack, "", %progbits
