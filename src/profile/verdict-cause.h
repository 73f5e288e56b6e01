/* SPDX-License-Identifier: MIT */
/*
 * verdict-cause.h: why glibc keeps memory, for the rule of retention. Each function does nothing where its
 * cause does not apply; 0 or -ENOMEM.
 */
#ifndef PROFILE_VERDICT_CAUSE_H
#define PROFILE_VERDICT_CAUSE_H

#include "profile/verdict-rule.h"

/* One freed block raised the mmap threshold. */
int cause_say_threshold(const struct evidence *evidence, struct verdict *verdict);
int cause_advise_threshold(const struct evidence *evidence, struct verdict *verdict);

/* A few blocks above what is free. */
int cause_say_pin(const struct evidence *evidence, struct verdict *verdict);
int cause_advise_pin(const struct evidence *evidence, struct verdict *verdict);

#endif
