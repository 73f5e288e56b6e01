/* SPDX-License-Identifier: MIT */
/*
 * pulse-kept.c: how much of what a site has allocated lately is still there. Of few samples it says more than the
 * slope of their sum: blocks that come and go leave nothing behind, however much their sum jumps about, and what a
 * leak has allocated is all there.
 *
 * Times are looked at on several scales, of 8 s to 64 s. Of each the last quarter is passed over, in which whatever
 * is alive for a moment still is; the three before it have to agree, so that what was filled at once is left out.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "profile/pulse-slots.h"

enum { N_SCALES = 4, N_CLASSES = 3, SCALE_S = 8, KEPT_MAX = 65536 };

struct kept_classes {
	float bytes[N_SCALES][N_CLASSES];
};

/* What it stands for within a seventh, and not more: of few samples the least is looked for. */
static double weigh(const struct pulse_slot *slot)
{
	const double size = (double)slot->size, interval = (double)slot->interval;

	return MAX(size, interval + size / 2);
}

static void add_class(struct kept_classes *classes, const struct pulse_slot *slot, double age_s)
{
	double quarter_s = SCALE_S / 4.0;

	for (unsigned scale = 0; scale < N_SCALES; scale++, quarter_s *= 2)
		if (age_s >= quarter_s && age_s < quarter_s * (N_CLASSES + 1))
			classes->bytes[scale][(unsigned)(age_s / quarter_s) - 1] +=
				(float)weigh(slot);
}

static void classify(const struct pulse_slots *slots, size_t n_sites, uint64_t now_ns,
		     struct kept_classes *classes)
{
	for (size_t i = 0; i < slots->n; i++) {
		const struct pulse_slot *slot = &slots->slots[i];

		if (slot->site != 0 && slot->site < n_sites && slot->time_ns < now_ns)
			add_class(&classes[slot->site], slot,
				  (double)(now_ns - slot->time_ns) / 1e9);
	}
}

static double kept_per_s(const struct kept_classes *classes)
{
	double quarter_s = SCALE_S / 4.0, most = 0, least;

	for (unsigned scale = 0; scale < N_SCALES; scale++, quarter_s *= 2) {
		least = classes->bytes[scale][0];
		for (unsigned i = 1; i < N_CLASSES; i++)
			least = MIN(least, (double)classes->bytes[scale][i]);
		most = MAX(most, least / quarter_s);
	}
	return most;
}

void pulse_list_kept(const struct pulse_slots *live, const struct pulse_slots *maps, size_t n_sites,
		     struct pulse *ret)
{
	_cleanup_free_ struct kept_classes *classes = NULL;

	if (n_sites > KEPT_MAX || live->n > KEPT_MAX || maps->n > KEPT_MAX)
		return;
	classes = calloc(n_sites + 1, sizeof(*classes));
	ret->kept = calloc(n_sites + 1, sizeof(*ret->kept));
	if (!classes || !ret->kept)
		return;
	classify(live, n_sites, ret->taken_ns, classes);
	classify(maps, n_sites, ret->taken_ns, classes);
	for (size_t i = 1; i < n_sites; i++) {
		const double per_s = kept_per_s(&classes[i]);

		if (per_s > 0)
			ret->kept[ret->n_kept++] = (struct pulse_kept){(uint32_t)i, per_s};
	}
	ret->has_kept = true;
}
