/* SPDX-License-Identifier: MIT */
/* vdso.h: functions that the kernel maps into each process. */
#ifndef AGENT_CORE_VDSO_H
#define AGENT_CORE_VDSO_H

#include <stdint.h>

/* The address of the function with that name in the vdso whose ELF header is at base (AT_SYSINFO_EHDR); 0: none. */
uintptr_t vdso_find(uintptr_t base, const char *name);

#endif
