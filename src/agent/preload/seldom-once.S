/* SPDX-License-Identifier: MIT */
/* seldom-once.S: where the code begins that is run once for each place in the code, or for each mapping. */
	.text
	.globl	seldom_once
	.hidden	seldom_once
	.type	seldom_once, %object
seldom_once:

	.section .note.GNU-stack, "", %progbits
