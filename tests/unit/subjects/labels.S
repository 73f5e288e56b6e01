/* SPDX-License-Identifier: MIT */
/* labels.S: symbols as hand-written code has them, for test-symbolizer.c. */
	.text
	.globl	sized
	.type	sized, %function
sized:	.skip	8
inside_sized:
	.skip	8
	.size	sized, . - sized

	/* nobody's: behind a symbol that has a size */
	.skip	16

	.globl	unsized
	.type	unsized, %function
unsized:
	.skip	16
label:	.skip	16

	/* the same code under four names */
	.globl	__twin, _IO_twin, twin
	.type	__twin, %function
	.type	_IO_twin, %function
	.type	twin, %function
	.type	t, %function
__twin:
_IO_twin:
twin:
t:	.skip	16
	.size	__twin, 16
	.size	_IO_twin, 16
	.size	twin, 16
	.size	t, 16

last:	.skip	16

	.data
	.globl	variable
variable:
	.skip	16
	.section .note.GNU-stack, "", %progbits
