/* SPDX-License-Identifier: MIT */
/*
 * deepbind-aarch64.S: void *dlopen(const char *path, int flags).
 *
 * The loader looks at its caller's address (RUNPATH, $ORIGIN, the namespace), so the next dlopen has to
 * find the link register as we found it: it is branched to.
 */
#define RTLD_DEEPBIND 8

	.text
	.globl	dlopen
	.type	dlopen, %function
	.p2align 4
dlopen:
	.cfi_startproc
	adrp	x9, deepbind_next_dlopen
	ldr	x9, [x9, :lo12:deepbind_next_dlopen]
	cbz	x9, 1f
	tst	w1, #RTLD_DEEPBIND
	b.ne	1f
	br	x9
1:
	stp	x29, x30, [sp, #-32]!
	.cfi_adjust_cfa_offset 32
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	stp	x0, x1, [sp, #16]
	mov	w0, w1
	bl	deepbind_prepare
	ldp	x0, x1, [sp, #16]
	ldp	x29, x30, [sp], #32
	.cfi_restore x30
	.cfi_restore x29
	.cfi_adjust_cfa_offset -32
	adrp	x9, deepbind_next_dlopen
	ldr	x9, [x9, :lo12:deepbind_next_dlopen]
	cbz	x9, 2f
	br	x9
2:
	mov	x0, #0
	ret
	.cfi_endproc
	.size	dlopen, .-dlopen

	.section .note.GNU-stack,"",%progbits
