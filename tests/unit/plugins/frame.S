/* SPDX-License-Identifier: MIT */
/*
 * frame.S: a plugin with one function. Built with different FRAME sizes it gives plugins that have the
 * same addresses and instructions of the same length, but other frames.
 */
	.text
	.globl plugin_call
	.type plugin_call, @function
plugin_call:
	.cfi_startproc
	sub $FRAME, %rsp
	.cfi_adjust_cfa_offset FRAME
	call *%rdi
	add $FRAME, %rsp
	.cfi_adjust_cfa_offset -FRAME
	ret
	.cfi_endproc
	.size plugin_call, . - plugin_call
	.section .note.GNU-stack, "", @progbits
