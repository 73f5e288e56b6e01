/* SPDX-License-Identifier: MIT */
/*
 * resume-x86_64.S: where the start function returns to: the system call that ends a signal handler. The
 * tool has put a signal frame with all registers of the stopped thread behind the return address, so
 * that the thread goes on where it was, with the tool or without it.
 */
	.text
	.globl inject_resume
	.hidden inject_resume
	.type inject_resume, @function
inject_resume:
	movl $15, %eax	/* rt_sigreturn */
	syscall
	.size inject_resume, . - inject_resume

	.section .note.GNU-stack, "", @progbits
