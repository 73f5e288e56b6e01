// SPDX-License-Identifier: MIT
// Stacks that change in every way that compiled code knows: exceptions and longjmp that drop frames, coroutines in
// the middle of the thread's own stack, handlers on alternate stacks, tail calls, frames of any size, recursion.
// Prints how many blocks it took.
#include <alloca.h>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <ucontext.h>

#define KEEP __attribute__((noinline))

enum { COROUTINE_SIZE = 256 * 1024, TURNS = 20000, DEEPEST = 40 };

struct error {
	int levels;
};

struct guard {
	void *block = malloc(24);
	KEEP ~guard() { free(block); }
};

static thread_local uint64_t random_state = 88172645463325252ull;
static thread_local jmp_buf way_back;
static thread_local unsigned long n_blocks;
static thread_local volatile bool is_jumping;

static unsigned draw(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return static_cast<unsigned>(random_state >> 33) % below;
}

KEEP static void take()
{
	void *volatile block = malloc(draw(200));

	free(block);
	n_blocks++;
}

static void go_on(unsigned depth);

KEEP static void in_one_place(unsigned depth)
{
	take();
	go_on(depth);
	take();
}

KEEP static void tail_call(unsigned depth)
{
	if (draw(2))
		return go_on(depth);
	return in_one_place(depth);
}

KEEP static void any_size(unsigned depth)
{
	char *room = static_cast<char *>(alloca(draw(3000) + 1));

	room[0] = 1;
	asm volatile("" : : "r"(room) : "memory");
	go_on(depth);
	take();
}

KEEP static void aligned(unsigned depth)
{
	alignas(64) char room[64];

	asm volatile("" : : "r"(room) : "memory");
	go_on(depth);
	take();
}

KEEP static void many_registers(unsigned depth)
{
	unsigned kept[6];

	for (unsigned &word : kept)
		word = draw(100);
	asm volatile("" : "+r"(kept[0]), "+r"(kept[1]), "+r"(kept[2]), "+r"(kept[3]));
	go_on(depth);
	take();
	asm volatile("" : : "r"(kept[0]), "r"(kept[1]), "r"(kept[2]), "r"(kept[3]), "r"(kept[4]), "r"(kept[5]));
}

KEEP static void throwing(unsigned depth)
{
	guard held;

	if (draw(3) == 0)
		throw error{static_cast<int>(draw(4))};
	go_on(depth);
}

KEEP static void catching(unsigned depth)
{
	guard held;

	try {
		throwing(depth);
	} catch (const error &caught) {
		take();
		if (caught.levels > 0 && depth < DEEPEST - 8)
			throw error{caught.levels - 1};
	}
	take();
}

// where to jump to is put back however the function ends
struct way {
	jmp_buf outer;

	way() { __builtin_memcpy(outer, way_back, sizeof(outer)); }
	KEEP ~way() { __builtin_memcpy(way_back, outer, sizeof(outer)); }
};

KEEP static void jumping(unsigned depth)
{
	way outer;

	if (setjmp(way_back) == 0)
		go_on(depth);
	take();
}

KEEP static void jump_back(unsigned)
{
	take();
	if (is_jumping)
		longjmp(way_back, 1);
}

struct coroutine {
	ucontext_t here, outside;
	unsigned depth;
};

static void run_coroutine(unsigned low, unsigned high)
{
	coroutine *self = reinterpret_cast<coroutine *>(static_cast<uintptr_t>(high) << 32 | low);

	for (;;) {
		is_jumping = false;
		try {
			go_on(self->depth);
		} catch (const error &) {
			take();
		}
		take();
		swapcontext(&self->here, &self->outside);
	}
}

// its stack is in a frame of the thread's own
KEEP static void within_frame(unsigned depth)
{
	alignas(16) char room[COROUTINE_SIZE];
	coroutine one;
	const bool was_jumping = is_jumping;

	one.depth = depth + 20;
	getcontext(&one.here);
	one.here.uc_stack.ss_sp = room;
	one.here.uc_stack.ss_size = sizeof(room);
	one.here.uc_link = nullptr;
	makecontext(&one.here, reinterpret_cast<void (*)()>(run_coroutine), 2,
		    static_cast<unsigned>(reinterpret_cast<uintptr_t>(&one)),
		    static_cast<unsigned>(reinterpret_cast<uintptr_t>(&one) >> 32));
	for (unsigned i = 0; i < 3; i++) {
		swapcontext(&one.outside, &one.here);
		take();
	}
	is_jumping = was_jumping;
}

KEEP static void coroutines(unsigned depth)
{
	if (depth > 6)
		in_one_place(depth);
	else
		within_frame(depth);
}

static void on_signal(int)
{
	in_one_place(DEEPEST - 2);
}

KEEP static void signalled(unsigned depth)
{
	const bool was_jumping = is_jumping;

	is_jumping = false;
	try {
		raise(SIGUSR1);
		go_on(depth + 10);
	} catch (const error &) {
		take();
	}
	is_jumping = was_jumping;
}

static void go_on(unsigned depth)
{
	static void (*const functions[])(unsigned) = {in_one_place, tail_call, any_size,   aligned,   many_registers,
						      catching,	    jumping,   coroutines, signalled, jump_back};

	if (depth >= DEEPEST || n_blocks >= TURNS * 8)
		return take();
	functions[draw(sizeof(functions) / sizeof(*functions))](depth + 1 + draw(4));
	asm volatile("");
}

static void *work(void *arg)
{
	char *room = static_cast<char *>(malloc(COROUTINE_SIZE));
	stack_t alternate = {};

	alternate.ss_sp = room;
	alternate.ss_size = COROUTINE_SIZE;
	sigaltstack(&alternate, nullptr);
	for (uint64_t turn = 0; n_blocks < TURNS; turn++) {
		// each way is gone several times
		random_state = (turn / 4 * 2 + reinterpret_cast<uintptr_t>(arg) + 1) * 0x9e3779b97f4a7c15ull;
		try {
			is_jumping = true;
			if (setjmp(way_back) == 0)
				go_on(0);
		} catch (const error &) {
			take();
		}
	}
	alternate.ss_flags = SS_DISABLE;
	sigaltstack(&alternate, nullptr);
	free(room);
	return reinterpret_cast<void *>(n_blocks);
}

int main()
{
	struct sigaction action = {};
	pthread_t thread;
	void *of_thread = nullptr, *own;

	action.sa_handler = on_signal;
	action.sa_flags = SA_ONSTACK | SA_NODEFER;
	sigaction(SIGUSR1, &action, nullptr);
	pthread_create(&thread, nullptr, work, reinterpret_cast<void *>(1));
	own = work(nullptr);
	pthread_join(thread, &of_thread);
	printf("%lu\n", reinterpret_cast<unsigned long>(own) + reinterpret_cast<unsigned long>(of_thread));
	return 0;
}
