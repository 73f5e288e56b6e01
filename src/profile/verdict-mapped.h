/* SPDX-License-Identifier: MIT */
/*
 * verdict-mapped.h: what rules about memory beside malloc share.
 */
#ifndef PROFILE_VERDICT_MAPPED_H
#define PROFILE_VERDICT_MAPPED_H

#include "profile/evidence.h"
#include "profile/verdict.h"

/* A rule's stake in an owner's resident bytes: 0 where they are a part of the picture and not the picture. */
uint64_t mapped_stake(const struct evidence *evidence, uint64_t bytes);

/* Begins a verdict of not-malloc: "10.7 MiB of 20.6 MiB resident are WHAT, not malloc's". 0 or -ENOMEM. */
int mapped_begin(const struct evidence *evidence, uint64_t owned, const char *what,
		 struct verdict *verdict);

/* Which file most of what the owner has is of, where one is worth a word. 0 or -ENOMEM. */
int mapped_say_heaviest(const struct evidence *evidence, enum ledger_owner owner,
			struct verdict *verdict);

#endif
