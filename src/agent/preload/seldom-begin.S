/* SPDX-License-Identifier: MIT */
/* seldom-begin.S: where the code begins that is run while everything is recorded, and seldom afterwards. */
	.text
	.globl	seldom_begin
	.hidden	seldom_begin
	.type	seldom_begin, %object
seldom_begin:

	.section .note.GNU-stack, "", %progbits
