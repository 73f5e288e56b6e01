/* SPDX-License-Identifier: MIT */
/* plain.c: a program like most, for test-program.c. */
int main(void)
{
	return 0;
}
