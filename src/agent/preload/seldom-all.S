/* SPDX-License-Identifier: MIT */
/* seldom-all.S: where the code begins that is run where everything is recorded. */
	.text
	.globl	seldom_all
	.hidden	seldom_all
	.type	seldom_all, %object
seldom_all:

	.section .note.GNU-stack, "", %progbits
