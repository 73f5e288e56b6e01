/* SPDX-License-Identifier: MIT */
/*
 * memtrace.h: what a program can tell memtrace about its memory. C and C++.
 *
 * Nothing has to be linked, and without memtrace's agent in the process each macro is one load and one
 * branch. With -DMEMTRACE_DISABLE, and with compilers other than gcc and clang, they are nothing at all.
 *
 * Pools and arenas. An allocator of one's own takes chunks from malloc or mmap, and all that a heap profiler
 * sees are the chunks. It can say what it gives out; each of its blocks then has its own stack, and the chunks
 * are counted as what they are, memory behind blocks:
 *
 *	MEMTRACE_BACKING_BEGIN();
 *	chunk = malloc(CHUNK);			or mmap, or several
 *	MEMTRACE_BACKING_END();
 *	…
 *	MEMTRACE_POOL_ALLOC(block, size);	a block was given out
 *	MEMTRACE_POOL_MOVE(block, to, size);	it has another address or another size now
 *	MEMTRACE_POOL_FREE(block);		it was taken back; NULL is fine
 *
 * A pool that is emptied as a whole frees block by block, or what it leaves stays in the report.
 *
 * Tags. What a thread allocates between push and pop carries the tag: the type of a request, a tenant, a phase.
 * Tags nest, the innermost counts. Names are few, not one for each request: up to 1,000 are kept.
 *
 *	MEMTRACE_TAG_PUSH("checkout");		…	MEMTRACE_TAG_POP();
 *
 * Moments. A mark stands among the events, with its time:
 *
 *	MEMTRACE_MARK("configuration read");
 *
 * How it works: each program and library that uses a macro has a table of functions, all NULL, and a note
 * that says where it is. The agent finds the note when the module is loaded or first seen, and fills the table.
 */
#ifndef MEMTRACE_H
#define MEMTRACE_H

#if defined(__GNUC__) && defined(__ELF__) && !defined(MEMTRACE_DISABLE)

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Not to be used but by the macros. */
struct memtrace_slots {
	unsigned int size; /* bytes of this struct: what the agent may fill */
	unsigned int reserved;
	void (*pool_alloc)(const void *block, size_t size);
	void (*pool_free)(const void *block);
	void (*pool_move)(const void *from, const void *to, size_t size);
	void (*backing_begin)(void);
	void (*backing_end)(void);
	void (*tag_push)(const char *name);
	void (*tag_pop)(void);
	void (*mark)(const char *name);
};

#ifdef __clang__
#define MEMTRACE_KEEP_ __attribute__((weak, used, visibility("hidden")))
#else
/* link-time optimisation does not see the note's reference */
#define MEMTRACE_KEEP_ __attribute__((weak, used, externally_visible, visibility("hidden")))
#endif

/* One in each module, whatever number of its files include this. */
struct memtrace_slots memtrace_slots_ MEMTRACE_KEEP_ = {
	sizeof(struct memtrace_slots), 0, 0, 0, 0, 0, 0, 0, 0, 0};

#ifdef __cplusplus
}
#endif

/* A note, type 1, of owner "memtrace": the distance from itself to the table. */
__asm__(".pushsection .note.memtrace,\"aG\",%note,memtrace_note,comdat\n"
	".balign 4\n"
	".long 9, 4, 1\n"
	".asciz \"memtrace\"\n"
	".balign 4\n"
	".long memtrace_slots_ - .\n"
	".popsection\n");

#define MEMTRACE_CALL_(function, arguments)                                           \
	do {                                                                          \
		__typeof__(memtrace_slots_.function) memtrace_f_ =                    \
			__atomic_load_n(&memtrace_slots_.function, __ATOMIC_ACQUIRE); \
		if (__builtin_expect(memtrace_f_ != 0, 0))                            \
			memtrace_f_ arguments;                                        \
	} while (0)

#else

#define MEMTRACE_CALL_(function, arguments) ((void)0)

#endif

#define MEMTRACE_POOL_ALLOC(block, size)    MEMTRACE_CALL_(pool_alloc, (block, size))
#define MEMTRACE_POOL_FREE(block)           MEMTRACE_CALL_(pool_free, (block))
#define MEMTRACE_POOL_MOVE(block, to, size) MEMTRACE_CALL_(pool_move, (block, to, size))
#define MEMTRACE_BACKING_BEGIN()            MEMTRACE_CALL_(backing_begin, ())
#define MEMTRACE_BACKING_END()              MEMTRACE_CALL_(backing_end, ())
#define MEMTRACE_TAG_PUSH(name)             MEMTRACE_CALL_(tag_push, (name))
#define MEMTRACE_TAG_POP()                  MEMTRACE_CALL_(tag_pop, ())
#define MEMTRACE_MARK(name)                 MEMTRACE_CALL_(mark, (name))

#ifdef __cplusplus
namespace memtrace
{
/* A tag up to the end of the scope: memtrace::tag tag("checkout"); */
class tag
{
      public:
	explicit tag(const char *name)
	{
		(void)name;
		MEMTRACE_TAG_PUSH(name);
	}
	~tag()
	{
		MEMTRACE_TAG_POP();
	}
	tag(const tag &) = delete;
	tag &operator=(const tag &) = delete;
};
} // namespace memtrace
#endif

#endif
