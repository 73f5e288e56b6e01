/* SPDX-License-Identifier: MIT */
/*
 * recall-memo.c: where memos are kept.
 *
 * A set of places for each number that state and first caller give. A memo replaces one of the same
 * state whose frame is gone before it replaces another one: such are never valid again.
 *
 * Context: as recall.c. The note is taken away first and set last, so that a handler that leaves by longjmp
 * leaves nothing half written that is believed.
 */
#include "agent/core/recall-memo.h"

_noinline_ struct recall_memo *recall_memo_take(struct recall_memos *memos, uint64_t sp,
						uint64_t key, uint64_t ra)
{
	struct recall_memo *set = memos->memos[recall_memo_index(sp, key, ra)], *memo = NULL;

	for (unsigned way = 0; way < RECALL_MEMO_WAYS; way++)
		if (set[way].note == 0 || (set[way].sp == sp && set[way].key == key &&
					   set[way].n_words && set[way].words[0].value == ra))
			memo = &set[way];
	if (!memo)
		memo = &set[memos->next++ % RECALL_MEMO_WAYS];
	memo->note = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memo->sp = sp;
	memo->key = key;
	return memo;
}
