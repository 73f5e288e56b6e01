/* SPDX-License-Identifier: MIT */
/*
 * sampler.c: Poisson sampling over bytes and the control of its interval.
 *
 * Distances. -R·log(u), u uniform in (0, 1), cut to an integer x: a block that brings the sum of bytes to
 * s is recorded when s > x, which is s >= the real distance up to sums of measure zero, so integers bring
 * no bias. An interval that changes while a distance is counted down matters to no estimate: the sample
 * keeps the interval its distance was drawn with.
 *
 * Control, for MT_SAMPLING_AUTO. It begins with 0, everything, or the interval that it was given, and looks
 * again whenever recording has taken another SAMPLER_CHECK_NS, or time has passed by SAMPLER_LOOK_NS. Two
 * budgets:
 *
 *  time	what recording took so far may not exceed SAMPLER_CREDIT_NS plus 0.16 % of the process's CPU time and
 *		0.08 % of what it left unused of one core, but never 0.8 % of its CPU time: a server that sleeps most of
 *		the time has as few samples by its CPU time as nobody can find a leak with. While somebody looks on
 *		(the screen of `run --top`) idle time counts as CPU time does, without that last bound, so that
 *		a leak of a megabyte a second is seen soon; until SAMPLER_EXACT samples are taken,
 *		SAMPLER_PATIENCE_NS plus that, so that whether a small program is recorded exactly does not depend
 *		on how busy the machine is. As long as everything is recorded, 2 % of the time passed is added, up
 *		to SAMPLER_SLOW_NS: a program that allocates slowly stays exact for longer. With the first interval
 *		the account begins anew: what the exact beginning took is paid for. A Java machine, or an
 *		interpreter that loads its modules, uses all of it within its first second, and would otherwise pay
 *		for it with a wide interval through the first 20 s of CPU time of what people want to see. When the
 *		budget is exceeded, the interval becomes what would have cost SAMPLER_SHARE of the budget since the last look:
 *		bytes allocated · time per sample / that budget, by the time that was not ours, four times the present
 *		one at most. It is halved again when a quarter of it would
 *		do, or a half while no quarter of the budget is used, or a sixteenth while the budget is not yet
 *		regained; when less than a sixteenth would do and nothing is owed, it becomes eight times of that.
 *		What lies between these is the hysteresis. The first interval says nothing of what is to come: most
 *		programs allocate fastest while they start. It is SAMPLER_FIRST at most, since one that is too wide
 *		has no samples by which it would be found out, and each stands for megabytes; one that is too narrow
 *		is found out within a millisecond of recording, and for SAMPLER_SETTLE_NS becomes in one step what
 *		is asked for, less a factor of four. The shares are well below the 1 % that people
 *		are promised, because a sampled block costs twice as much again outside the recorder: a slow path of
 *		the allocator, and code, pages and cache lines that it finds cold and leaves cold to the program.
 *  memory	while fewer than SAMPLER_SLOTS blocks, SAMPLER_SITES sites and SAMPLER_FRAMES frames were ever
 *		used, none; beyond, the interval doubles with each further eighth of that.
 *
 * A full table, in any mode, counts the loss and doubles the interval at most once in a while: what
 * cannot be held exactly is better estimated than lost.
 *
 * Context: any thread, inside malloc, signal handlers. One thread at a time is in control (a flag, not a
 * lock: whoever finds it set leaves). Three system calls a look: CPU clocks. The kernel adds up the time of all
 * threads for it, 0.1 to 0.2 us each, so that where there are thousands looks are made less often.
 */
#include "agent/core/sampler.h"

#include "agent/core/fmath.h"
#include "agent/core/live.h"
#include "agent/core/sites.h"
#include "agent/core/sys.h"
#include "agent/core/thread.h"
#include "agent/core/writer.h"

enum {
	SAMPLER_CHECK_NS = 1000000,
	SAMPLER_CREDIT_NS = 2000000,
	SAMPLER_EXACT = 4096,
	SAMPLER_PART = 625, /* of the CPU time, what may be taken of it */
	SAMPLER_IDLE_PART = 1250,
	SAMPLER_MOST_PART = 125,
	SAMPLER_PATIENCE_NS = 40000000,
	SAMPLER_SLOW_NS = 10000000,
	SAMPLER_MIN = 4096, /* bytes; below, everything might as well be recorded */
	SAMPLER_FIRST = 1 << 18,
	SAMPLER_MAX = 1 << 27,
	SAMPLER_LOOK_NS =
		50000000, /* of time passed: looks at least so often, while there are samples */
	SAMPLER_LOOK_MAX_NS = 1000000000,
	SAMPLER_LOOK_PART = 1000,   /* of the time passed, what looks may take */
	SAMPLER_LOOK_OWN_PART = 16, /* of the time that recording takes, the same */
	SAMPLER_SETTLE_NS = 100000000,
	SAMPLER_UNSPENT_NS = 20000000,
	SAMPLER_STEP = 4,            /* of widening at most; threads tell what they did in lumps */
	SAMPLER_FAR = 16,            /* times that what there is differs from what would do */
	SAMPLER_LOOK_SAMPLES = 64,   /* fewer say nothing about cost */
	SAMPLER_FULL_NS = 10000000,  /* between two widenings for full tables */
	SAMPLER_COST_MAX_NS = 64000, /* even a slow machine, or valgrind, takes less */
	SAMPLER_COST_FACTOR = 8,
	SAMPLER_SLOTS = 16384,
	SAMPLER_SITES = 6144,
	SAMPLER_FRAMES = 196608,
};

struct sampler_state {
	uint32_t sampling;
	uint32_t interval;
	bool watched;
	uint32_t in_control;   /* 1 while a thread looks */
	uint32_t memory_level; /* doublings that memory has asked for */
	/* totals, added to by all threads */
	uint64_t samples, allocated, own_ns;
	/* at the last look */
	uint64_t seen_samples, seen_allocated, seen_own_ns, seen_cpu_ns;
	/* where the account begins: CPU time, own time, the coarse clock */
	uint64_t first_cpu_ns, first_own_ns, first_ns;
	uint64_t looked_ns, seen_ns; /* the last look, and the one before, by the coarse clock */
	uint64_t clock_ns;           /* what reading the CPU clock took at the last look */
	uint64_t look_ns;            /* the less of that and of the same at the look before */
	uint64_t cost_ns;            /* of a sample, smoothed over looks */
	uint64_t widened_ns;         /* when a full table last widened */
};

/* Of the budget, what an interval is chosen to take: what is left narrows it when it turned out too wide. */
#define SAMPLER_SHARE 0.7

static struct sampler_state sampler;

static uint64_t sampler_read(const uint64_t *total)
{
	return __atomic_load_n(total, __ATOMIC_RELAXED);
}

static void sampler_set_interval(uint64_t interval)
{
	uint32_t value = (uint32_t)MIN(interval, SAMPLER_MAX);

	if (value == sampler.interval)
		return;
	__atomic_store_n(&sampler.interval, value, __ATOMIC_RELAXED);
	__atomic_store_n(&writer.header->interval, value, __ATOMIC_RELAXED);
	if (value)
		writer_set_flag(MT_HEADER_INEXACT);
	writer_put_event(&(struct mt_event){
		.type = MT_EVENT_INTERVAL, .time_ns = sys_clock_coarse_ns(), .size = value});
}

void sampler_init(enum mt_sampling sampling, uint64_t interval, bool watched)
{
	sampler.sampling = sampling;
	sampler.watched = watched;
	sampler.first_cpu_ns = sampler.seen_cpu_ns = sys_clock_process_cpu_ns();
	sampler.first_ns = sampler.looked_ns = sampler.seen_ns = sys_clock_coarse_ns();
	if (interval == 0)
		return;
	sampler_set_interval(interval);
	sampler.first_own_ns = 1; /* there is no exact beginning to be paid for */
}

void sampler_after_fork(void)
{
	sampler.in_control = 0;
	sampler.samples = sampler.allocated = sampler.own_ns = 0;
	sampler.seen_samples = sampler.seen_allocated = sampler.seen_own_ns = 0;
	sampler.first_own_ns = 0;
	sampler.first_cpu_ns = sampler.seen_cpu_ns = sys_clock_process_cpu_ns();
	sampler.first_ns = sampler.looked_ns = sampler.seen_ns = sys_clock_coarse_ns();
	writer.header->interval = sampler.interval;
}

uint32_t sampler_interval(void)
{
	return __atomic_load_n(&sampler.interval, __ATOMIC_RELAXED);
}

int64_t sampler_draw(uint32_t interval, uint64_t *random)
{
	double u;

	if (interval == 0)
		return 0;
	u = ((double)(thread_random(random) >> 11) + 0.5) * 0x1p-53;
	return (int64_t)(-(double)interval * fmath_log(u));
}

static uint64_t sampler_round_up(uint64_t interval)
{
	uint64_t power = SAMPLER_MIN;

	while (power < interval && power < SAMPLER_MAX)
		power *= 2;
	return power;
}

/* How many doublings the fill of a table asks for: one for each further eighth of soft. */
static uint32_t sampler_table_level(uint64_t used, uint64_t soft, uint64_t capacity)
{
	soft = MIN(soft, capacity / 4);
	return used <= soft ? 0 : (uint32_t)MIN(1 + (used - soft) * 8 / soft, 20);
}

static uint32_t sampler_memory_level(void)
{
	uint32_t slots = sampler_table_level(live_n_used(), SAMPLER_SLOTS, writer.live_capacity);
	uint32_t sites = sampler_table_level(sites_n_used(), SAMPLER_SITES, writer.sites_capacity);
	uint32_t frames =
		sampler_table_level(sites_n_frames_used(), SAMPLER_FRAMES, writer.stacks_capacity);

	return MAX(slots, MAX(sites, frames));
}

/* Of the time passed, what the process left unused of one core: nobody misses a little more of that. */
static uint64_t sampler_idle_ns(uint64_t used_ns, uint64_t passed_ns)
{
	return passed_ns > used_ns ? passed_ns - used_ns : 0;
}

static unsigned sampler_idle_part(void)
{
	return sampler.watched ? SAMPLER_PART : SAMPLER_IDLE_PART;
}

/* What recording may take of that CPU time, while so much time passes; nanoseconds. */
static double sampler_budget(uint64_t used_ns, uint64_t passed_ns)
{
	const double used = (double)used_ns / SAMPLER_PART;
	const double idle = (double)sampler_idle_ns(used_ns, passed_ns) / sampler_idle_part();

	return sampler.watched ? used + idle
			       : MIN(used + idle, (double)used_ns / SAMPLER_MOST_PART);
}

/* What recording may have taken since the account began. */
static uint64_t sampler_allowance(uint64_t cpu_ns)
{
	uint64_t passed_ns = sampler.looked_ns - sampler.first_ns;
	uint64_t allowed_ns = (uint64_t)sampler_budget(cpu_ns - sampler.first_cpu_ns, passed_ns);

	if (sampler_interval() == 0)
		allowed_ns += MIN(passed_ns / 50, (uint64_t)SAMPLER_SLOW_NS);
	return allowed_ns +
	       (sampler.first_own_ns == 0 && sampler_read(&sampler.samples) < SAMPLER_EXACT
			? SAMPLER_PATIENCE_NS
			: SAMPLER_CREDIT_NS);
}

/* Whether the present interval is hardly more than a guess. */
static bool sampler_settles(void)
{
	return sampler_interval() && sampler.looked_ns - sampler.first_ns < SAMPLER_SETTLE_NS;
}

/* Something wider, since more is owed than may be, or will be at once. */
static uint64_t sampler_widen(uint64_t wanted)
{
	uint64_t interval = sampler_interval();

	if (interval == 0)
		return sampler_round_up(MIN(wanted, SAMPLER_FIRST));
	if (sampler_settles() && wanted / SAMPLER_STEP > interval)
		return sampler_round_up(wanted / SAMPLER_STEP);
	return sampler_round_up(MIN(wanted, interval * SAMPLER_STEP));
}

/* An interval that would do: what follows from it. */
static uint64_t sampler_choose(uint64_t wanted, uint64_t cpu_ns)
{
	uint64_t interval = sampler_interval(), allowed_ns = sampler_allowance(cpu_ns);
	uint64_t own_ns = sampler_read(&sampler.own_ns) - sampler.first_own_ns;
	uint64_t narrows = own_ns > allowed_ns ? 16 : own_ns > allowed_ns / 4 ? 4 : 2;

	if (wanted > interval &&
	    (own_ns > allowed_ns || (sampler_settles() && wanted / SAMPLER_FAR > interval)))
		return sampler_widen(wanted);
	if (own_ns <= allowed_ns && wanted < interval / SAMPLER_FAR)
		return sampler_round_up(wanted * (SAMPLER_FAR / 2));
	return interval > SAMPLER_MIN && wanted < interval / narrows ? interval / 2 : interval;
}

/* What the time since the last look asks for. */
static uint64_t sampler_time_interval(uint64_t cpu_ns)
{
	uint64_t samples = sampler_read(&sampler.samples) - sampler.seen_samples;
	uint64_t own_ns = sampler_read(&sampler.own_ns) - sampler.seen_own_ns;
	uint64_t allocated = sampler_read(&sampler.allocated) - sampler.seen_allocated;
	uint64_t used_ns = MAX(cpu_ns - sampler.seen_cpu_ns, 1000), wanted;
	uint64_t passed_ns = sampler.looked_ns - sampler.seen_ns;

	if (samples >= SAMPLER_LOOK_SAMPLES)
		sampler.cost_ns = sampler.cost_ns ? (3 * sampler.cost_ns + own_ns / samples) / 4
						  : own_ns / samples;
	own_ns = samples * sampler.cost_ns;
	/* while everything is recorded hardly any of the time is the program's own */
	used_ns = used_ns > own_ns ? MAX(used_ns - own_ns, used_ns / 32) : used_ns / 32;
	wanted = (uint64_t)MIN((double)allocated * (double)sampler.cost_ns /
				       (SAMPLER_SHARE * sampler_budget(used_ns, passed_ns)),
			       (double)SAMPLER_MAX);
	return sampler_choose(wanted, cpu_ns);
}

/* Of the time when it did nothing a process that is watched keeps only so much for when it works again. */
static void sampler_forget_unspent(uint64_t cpu_ns)
{
	uint64_t own_ns = sampler_read(&sampler.own_ns) - sampler.first_own_ns;
	uint64_t allowed_ns = sampler_allowance(cpu_ns);

	if (sampler.watched && allowed_ns > own_ns + SAMPLER_UNSPENT_NS)
		sampler.first_ns += MIN((allowed_ns - own_ns - SAMPLER_UNSPENT_NS) *
						(uint64_t)sampler_idle_part(),
					sampler.looked_ns - sampler.first_ns);
}

/*
 * The CPU clock, and how long that took: by the thread's own, since kernels that leave a program its processor while it
 * can go on take it away in system calls. What an interrupt took does not count twice in a row.
 */
static uint64_t sampler_read_cpu_clock(void)
{
	const uint64_t began_ns = sys_clock_thread_cpu_ns();
	const uint64_t cpu_ns = sys_clock_process_cpu_ns();
	const uint64_t took_ns =
		MIN(sys_clock_thread_cpu_ns() - began_ns, (uint64_t)SAMPLER_CHECK_NS);

	__atomic_store_n(&sampler.look_ns, MIN(took_ns, sampler.clock_ns), __ATOMIC_RELAXED);
	sampler.clock_ns = took_ns;
	return cpu_ns;
}

static void sampler_look(void)
{
	uint64_t cpu_ns = sampler_read_cpu_clock(), interval;
	uint32_t level = sampler_memory_level();

	if (cpu_ns == 0)
		cpu_ns = sys_clock_ns() / 2; /* refused: better a guess than no bound */
	sampler_forget_unspent(cpu_ns);
	interval = sampler_time_interval(cpu_ns);
	if (level > sampler.memory_level)
		interval = MAX(interval, SAMPLER_MIN) << (level - sampler.memory_level);
	sampler.memory_level = level;
	if (sampler.interval == 0 && interval > 0) {
		sampler.first_own_ns = sampler_read(&sampler.own_ns);
		sampler.first_cpu_ns = cpu_ns;
		sampler.first_ns = sampler.looked_ns;
	}
	sampler_set_interval(interval);
	sampler.seen_ns = sampler.looked_ns;
	sampler.seen_samples = sampler_read(&sampler.samples);
	sampler.seen_allocated = sampler_read(&sampler.allocated);
	sampler.seen_cpu_ns = cpu_ns;
	__atomic_store_n(&sampler.seen_own_ns, sampler_read(&sampler.own_ns), __ATOMIC_RELAXED);
}

static bool sampler_take_control(void)
{
	/* acquire pairs with the release in sampler_drop_control */
	return __atomic_exchange_n(&sampler.in_control, 1, __ATOMIC_ACQUIRE) == 0;
}

static void sampler_drop_control(void)
{
	__atomic_store_n(&sampler.in_control, 0, __ATOMIC_RELEASE);
}

uint64_t sampler_pause_ns(uint64_t look_ns)
{
	return MIN(SAMPLER_LOOK_NS + look_ns * SAMPLER_LOOK_PART, (uint64_t)SAMPLER_LOOK_MAX_NS);
}

static bool sampler_look_is_due(uint64_t own_ns)
{
	const uint64_t look_ns = sampler_read(&sampler.look_ns);

	if (own_ns - sampler_read(&sampler.seen_own_ns) >=
	    SAMPLER_CHECK_NS + look_ns * SAMPLER_LOOK_OWN_PART)
		return true;
	return sampler_interval() > 0 && sys_clock_coarse_ns() - sampler_read(&sampler.looked_ns) >=
						 sampler_pause_ns(look_ns);
}

void sampler_add(const struct sampler_account *account)
{
	uint64_t own_ns;

	__atomic_fetch_add(&sampler.samples, account->samples, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sampler.allocated, account->allocated, __ATOMIC_RELAXED);
	own_ns = __atomic_add_fetch(&sampler.own_ns, account->own_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&writer.header->own_ns, own_ns, __ATOMIC_RELAXED);
	if (sampler.sampling != MT_SAMPLING_AUTO || !sampler_look_is_due(own_ns) ||
	    !sampler_take_control())
		return;
	__atomic_store_n(&sampler.looked_ns, sys_clock_coarse_ns(), __ATOMIC_RELAXED);
	sampler_look();
	sampler_drop_control();
}

void sampler_table_full(void)
{
	uint64_t now_ns = sys_clock_coarse_ns();

	if (!sampler_take_control())
		return;
	if (now_ns - sampler.widened_ns >= SAMPLER_FULL_NS) {
		sampler.widened_ns = now_ns;
		writer_set_flag(MT_HEADER_WIDENED);
		sampler_set_interval(MAX((uint64_t)sampler.interval * 2, 65536));
	}
	sampler_drop_control();
}

uint64_t sampler_cost_limit_ns(void)
{
	uint64_t cost_ns = sampler_read(&sampler.cost_ns);

	return cost_ns ? MIN(SAMPLER_COST_FACTOR * cost_ns, (uint64_t)SAMPLER_COST_MAX_NS)
		       : SAMPLER_COST_MAX_NS;
}

uint64_t sampler_own_ns(void)
{
	return __atomic_load_n(&sampler.own_ns, __ATOMIC_RELAXED);
}
