/* SPDX-License-Identifier: MIT */
/* seldom-end.S: where the code ends that is seldom run. */
	.text
	.globl	seldom_end
	.hidden	seldom_end
	.type	seldom_end, %object
seldom_end:

	.section .note.GNU-stack, "", %progbits
