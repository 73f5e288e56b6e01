/* SPDX-License-Identifier: MIT */
/*
 * deepbind-x86_64.S: void *dlopen(const char *path, int flags).
 *
 * The loader looks at its caller's address (RUNPATH, $ORIGIN, the namespace), so the next dlopen has to
 * find the stack as we found it: it is jumped to.
 */
#define RTLD_DEEPBIND 8

	.text
	.globl	dlopen
	.type	dlopen, @function
	.p2align 4
dlopen:
	.cfi_startproc
	endbr64
	movq	deepbind_next_dlopen(%rip), %rax
	testq	%rax, %rax
	je	1f
	testl	$RTLD_DEEPBIND, %esi
	jne	1f
	jmp	*%rax
1:
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movl	%esi, %edi
	call	deepbind_prepare
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	movq	deepbind_next_dlopen(%rip), %rax
	testq	%rax, %rax
	je	2f
	jmp	*%rax
2:
	/* no dlopen anywhere: NULL, which is in %rax */
	ret
	.cfi_endproc
	.size	dlopen, .-dlopen

	.section .note.GNU-stack,"",@progbits
