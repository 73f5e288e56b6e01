/* SPDX-License-Identifier: MIT */
/*
 * How far the figures can be trusted, and what they cost: who recorded, whether all or a sample, what was lost.
 */
#include <inttypes.h>

#include "base/macro.h"
#include "render/text.h"
#include "render/words.h"

enum { PAGE_BYTES = 4096 };

static int add_lost(struct strbuf *buffer, const struct profile *profile,
		    const struct render_options *options)
{
	const struct profile_agent *agent = &profile->agent;
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	const struct {
		uint64_t n;
		const char *one, *many;
	} losses[] = {
		{agent->lost_allocations, "sample", "samples"},
		{agent->lost_frees, "free", "frees"},
		{agent->lost_maps, "mapping", "mappings"},
		{profile->n_damaged, "damaged record", "damaged records"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
		if (losses[i].n == 0)
			continue;
		strbuf_adds(&text, text.length > 0 ? ", " : "lost: ");
		words_add_count(&text, losses[i].n, losses[i].one, losses[i].many);
	}
	if (text.length > 0)
		text_add_item(buffer, options, "", strbuf_text(&text));
	strbuf_reset(&text);
	if (agent->truncated_stacks > 0) {
		words_add_count(&text, agent->truncated_stacks, "stack", "stacks");
		strbuf_adds(&text, " could not be followed to the outer end");
		text_add_item(buffer, options, "", strbuf_text(&text));
	}
	if (agent->flags & MT_HEADER_DEEPBIND)
		text_add_item(
			buffer, options, "",
			"plugins that were loaded with RTLD_DEEPBIND may have allocated unseen");
	return buffer->error < 0 ? buffer->error : text.error;
}

/* What recording costs the process. A sample's part has that of its block's end in it. */
static int add_cost(struct strbuf *buffer, const struct profile_agent *agent,
		    const struct render_options *options)
{
	const double own_s = (double)agent->own_ns / 1e9;
	_cleanup_(strbuf_deinit) struct strbuf text = {};

	strbuf_adds(&text, "memtrace itself holds ");
	words_add_bytes(&text, options, agent->own_bytes, 0);
	if (agent->own_ns > 0 && agent->samples > 0) {
		strbuf_adds(&text, " and took ");
		words_add_duration(&text, options, own_s);
		strbuf_adds(&text, " of CPU time");
		/* the beginning, which is recorded whole, is most of what a run of milliseconds takes */
		if (agent->overhead_ratio > 0 && own_s / agent->overhead_ratio >= 1)
			strbuf_addf(&text, " (%.2g %%)", agent->overhead_ratio * 100);
		strbuf_addf(&text, ", %.1f %ss a sample",
			    (double)agent->own_ns / (double)agent->samples / 1e3,
			    options->utf8 ? "µ" : "u");
	}
	text_add_item(buffer, options, "", strbuf_text(&text));
	return buffer->error < 0 ? buffer->error : text.error;
}

static int add_sampling(struct strbuf *buffer, const struct profile *profile,
			const struct render_options *options)
{
	const struct profile_agent *agent = &profile->agent;
	_cleanup_(strbuf_deinit) struct strbuf text = {};

	if (agent->exact) {
		strbuf_adds(&text, "exact: every allocation was recorded");
	} else if (agent->sampling == MT_SAMPLING_OFF) {
		strbuf_adds(&text, "recording was off");
	} else if (agent->interval == 0) {
		strbuf_adds(&text, "every allocation is recorded, but not all could be kept");
	} else {
		strbuf_adds(&text, "estimated from one sample in ");
		words_add_bytes(&text, options, agent->interval, 0);
		strbuf_addf(&text, "; %s is one standard error", options->utf8 ? "±" : "+-");
	}
	text_add_item(buffer, options, "Figures", strbuf_text(&text));
	if (!agent->exact && agent->interval > 0) {
		/* e^-3 = 0.05 of such places have no sample, and then no standard error tells of them */
		strbuf_reset(&text);
		strbuf_adds(&text, "a place that holds less than ");
		words_add_bytes(&text, options, agent->interval * 3, 0);
		strbuf_adds(&text, " can be missing");
		text_add_item(buffer, options, "", strbuf_text(&text));
	}
	add_lost(buffer, profile, options);
	text_add_hints(buffer, profile, options);
	return add_cost(buffer, agent, options);
}

/* How page faults are to be read. */
static int add_faults(struct strbuf *buffer, const struct profile *profile,
		      const struct render_options *options)
{
	const struct profile_agent *agent = &profile->agent;
	const uint64_t pages = agent->interval / PAGE_BYTES;
	_cleanup_(strbuf_deinit) struct strbuf text = {};

	if (pages <= 1 && agent->lost_allocations == 0)
		strbuf_adds(&text, "every page fault was seen");
	else
		strbuf_addf(&text, "estimated from one page fault in up to %" PRIu64, pages);
	text_add_item(buffer, options, "Figures", strbuf_text(&text));
	text_add_item(buffer, options, "",
		      "a page counts for whom touched it first while it was watched, whoever holds "
		      "what is in it now; pages that went back are left out");
	strbuf_reset(&text);
	if (agent->lost_allocations > 0) {
		words_add_count(&text, agent->lost_allocations, "fault", "faults");
		strbuf_adds(&text, " came too quickly to be seen");
		text_add_item(buffer, options, "", strbuf_text(&text));
	}
	return buffer->error < 0 ? buffer->error : text.error;
}

int text_add_recording(struct strbuf *buffer, const struct profile *profile,
		       const struct render_options *options)
{
	if (profile_has_agent(profile))
		return add_sampling(buffer, profile, options);
	if (profile->agent.mode == MT_MODE_FAULTS)
		return add_faults(buffer, profile, options);
	return text_add_item(
		buffer, options, "Agent",
		profile_is_static(profile)
			? "there is none in the process, and a static program can have "
			  "none: who allocates what is live is not recorded"
			: "there is none in the process, so nobody recorded who allocates "
			  "what is live; \"memtrace attach PID\" records from now on, "
			  "\"memtrace run PROGRAM\" from the start");
}
