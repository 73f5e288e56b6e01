/* SPDX-License-Identifier: MIT */
/* resume-aarch64.S: as resume-x86_64.S: rt_sigreturn. */
	.text
	.globl inject_resume
	.hidden inject_resume
	.type inject_resume, %function
inject_resume:
	mov x8, #139	/* rt_sigreturn */
	svc #0
	.size inject_resume, . - inject_resume

	.section .note.GNU-stack, "", %progbits
