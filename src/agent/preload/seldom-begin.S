/* SPDX-License-Identifier: MIT */
/* seldom-begin.S: where the code begins that is seldom run: first what only the beginning of a process needs. */
	.text
	.globl	seldom_begin
	.hidden	seldom_begin
	.type	seldom_begin, %object
seldom_begin:

	.section .note.GNU-stack, "", %progbits
