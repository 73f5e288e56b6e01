/* SPDX-License-Identifier: MIT */
/*
 * The report for people. Whoever reads it has a sick server: the first screen says what the process is,
 * what is wrong and what to do, then the figures that this rests on and how far they can be trusted, and
 * then the places, heaviest first. Labels stand in one column, what belongs to them in another.
 */
#include "render/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "profile/label.h"
#include "render/group.h"
#include "render/table.h"
#include "render/words.h"

enum { LABEL_COLUMNS = 11, TOP_DEFAULT = 10, BYTES_COLUMNS = 11 };

int text_add_item(struct strbuf *buffer, const struct render_options *options, const char *label,
		  const char *text)
{
	const size_t line = buffer->length;

	words_add_styled(buffer, options, WORDS_STRONG, label);
	/* a paragraph adds the space itself if the label is as long as the column */
	words_pad(buffer, line, LABEL_COLUMNS);
	return words_add_paragraph(buffer, options, line, LABEL_COLUMNS, text);
}

static const char *base_of(const struct profile_process *process)
{
	if (process->comm[0])
		return process->comm;
	return process->exe[0] ? label_base_name(process->exe) : "process";
}

int text_add_process(struct strbuf *buffer, const struct profile *profile,
		     const struct render_options *options)
{
	const struct profile_process *process = &profile->process;

	label_add_clean(buffer, base_of(process));
	strbuf_addf(buffer, " (pid %u), ", process->pid);
	switch (process->state) {
	case PROFILE_RUNNING:
		strbuf_adds(buffer, "running for ");
		break;
	case PROFILE_EXITED:
		if (process->exit_status >= 0)
			strbuf_addf(buffer, "exited with status %d after ", process->exit_status);
		else
			strbuf_adds(buffer, "exited after ");
		break;
	case PROFILE_KILLED:
		if (process->signal <= 0)
			strbuf_adds(buffer, "ended without saying so after ");
		else if (sigabbrev_np(process->signal))
			strbuf_addf(buffer, "killed by SIG%s after ",
				    sigabbrev_np(process->signal));
		else
			strbuf_addf(buffer, "killed by signal %d after ", process->signal);
		break;
	case PROFILE_REPLACED:
		strbuf_adds(buffer, "replaced by another program after ");
		break;
	case PROFILE_CORE:
		if (process->signal > 0 && sigabbrev_np(process->signal))
			strbuf_addf(buffer, "killed by SIG%s, ", sigabbrev_np(process->signal));
		strbuf_adds(buffer, "left a core file");
		strbuf_adds(buffer, process->started_at > 0 ? " after " : "");
		break;
	}
	if (process->state != PROFILE_CORE || process->started_at > 0)
		words_add_duration(buffer, options,
				   MAX(process->captured_at - process->started_at, 0.0));
	if (process->n_threads != PROFILE_UNKNOWN && process->n_threads > 1) {
		strbuf_adds(buffer, ", ");
		words_add_count(buffer, process->n_threads, "thread", "threads");
	}
	return buffer->error;
}

int text_add_verdict(struct strbuf *buffer, const struct render_options *options,
		     const struct verdict *verdict)
{
	const char *name = verdict_code_name(verdict->code);
	enum words_style style = verdict->code == VERDICT_HEALTHY ? WORDS_GOOD : WORDS_BAD;
	_cleanup_(strbuf_deinit) struct strbuf head = {};
	char bytes[UNITS_MAX];
	int r;

	words_add_styled(&head, options, name ? style : WORDS_PLAIN, name ? name : "undecided");
	if (name)
		strbuf_addf(&head, ", %.0f %% sure", verdict->confidence * 100);
	r = text_add_item(buffer, options, "Verdict", strbuf_text(&head));
	for (size_t i = 0; r >= 0 && i < verdict->n_because; i++)
		r = text_add_item(buffer, options, "", verdict->because[i]);
	for (size_t i = 0; r >= 0 && i < verdict->n_advice; i++) {
		_cleanup_(strbuf_deinit) struct strbuf line = {};

		strbuf_adds(&line, verdict->advice[i].action);
		if (verdict->advice[i].expected_bytes != PROFILE_UNKNOWN)
			strbuf_addf(&line, " (gives back %s)",
				    units_format_bytes(verdict->advice[i].expected_bytes, bytes));
		r = text_add_item(buffer, options, i == 0 ? "To do" : "", strbuf_text(&line));
	}
	return r;
}

/* "live        1.0 MiB in 44 blocks", the sizes below one another. */
static int add_figure(struct strbuf *buffer, const struct render_options *options,
		      const char *label, const char *name, const char *text)
{
	const size_t start = buffer->length;

	words_add_styled(buffer, options, WORDS_STRONG, label);
	words_pad(buffer, start, LABEL_COLUMNS);
	strbuf_adds(buffer, name);
	words_pad(buffer, start, LABEL_COLUMNS + BYTES_COLUMNS);
	strbuf_adds(buffer, text);
	return strbuf_addc(buffer, '\n');
}

static int add_heap(struct strbuf *buffer, const struct profile *profile,
		    const struct render_options *options)
{
	const struct profile_heap *heap = &profile->heap;
	_cleanup_(strbuf_deinit) struct strbuf text = {};

	words_add_bytes(&text, options, heap->live_bytes, heap->live_stderr);
	strbuf_adds(&text, " in ");
	words_add_count(&text, heap->live_blocks, "block", "blocks");
	if (heap->peak_live_bytes != PROFILE_UNKNOWN) {
		strbuf_adds(&text, ", peak ");
		words_add_bytes(&text, options, heap->peak_live_bytes, 0);
	}
	add_figure(buffer, options, "Heap", "live", strbuf_text(&text));
	strbuf_reset(&text);
	words_add_bytes(&text, options, heap->allocated_bytes, 0);
	strbuf_adds(&text, " in ");
	words_add_count(&text, heap->allocated_blocks, "block", "blocks");
	add_figure(buffer, options, "", "allocated", strbuf_text(&text));
	strbuf_reset(&text);
	words_add_bytes(&text, options, heap->freed_bytes, 0);
	strbuf_adds(&text, " in ");
	words_add_count(&text, heap->freed_blocks, "block", "blocks");
	add_figure(buffer, options, "", "freed", strbuf_text(&text));
	if (heap->before_attach_bytes != PROFILE_UNKNOWN && heap->before_attach_bytes > 0) {
		strbuf_reset(&text);
		words_add_bytes(&text, options, heap->before_attach_bytes, 0);
		strbuf_adds(&text, " live from before memtrace attached, stacks not known");
		add_figure(buffer, options, "", "before", strbuf_text(&text));
	}
	if (heap->inherited_bytes > 0) {
		strbuf_reset(&text);
		words_add_bytes(&text, options, heap->inherited_bytes, 0);
		strbuf_adds(&text, " of what is live, from the parent process");
		add_figure(buffer, options, "", "inherited", strbuf_text(&text));
	}
	if (heap->mapped_bytes > 0) {
		strbuf_reset(&text);
		words_add_bytes(&text, options, heap->mapped_bytes, 0);
		strbuf_adds(&text, " beside malloc");
		add_figure(buffer, options, "", "mapped", strbuf_text(&text));
	}
	return buffer->error < 0 ? buffer->error : text.error;
}

static int add_ledger(struct strbuf *buffer, const struct render_options *options,
		      const struct ledger *ledger)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};

	words_add_bytes(&text, options, ledger->rss, 0);
	strbuf_adds(&text, " resident");
	text_add_item(buffer, options, "Memory", strbuf_text(&text));
	for (enum ledger_owner owner = 0; owner < LEDGER_N_OWNERS; owner++) {
		const struct ledger_line *line = &ledger->lines[owner];
		const size_t start = buffer->length;

		/* unexplained is said even where there is none: that is the point of a ledger */
		if (line->resident == 0 && owner != LEDGER_UNEXPLAINED)
			continue;
		strbuf_reset(&text);
		words_add_bytes(&text, options, line->resident, 0);
		words_pad(buffer, start, LABEL_COLUMNS + 11 - words_columns(strbuf_text(&text)));
		strbuf_adds(buffer, strbuf_text(&text));
		strbuf_reset(&text);
		words_add_share(&text, line->resident, ledger->rss);
		words_pad(buffer, start, LABEL_COLUMNS + 20 - words_columns(strbuf_text(&text)));
		strbuf_addf(buffer, "%s  %s\n", strbuf_text(&text), ledger_owner_label(owner));
	}
	return buffer->error < 0 ? buffer->error : text.error;
}

static int add_first_screen(struct strbuf *buffer, const struct profile *profile,
			    const struct render_options *options)
{
	_cleanup_(verdict_deinit) struct verdict verdict = {};
	_cleanup_(ledger_deinit) struct ledger ledger = {};
	int r, has_ledger;

	has_ledger = ledger_build(profile, &ledger);
	if (has_ledger == -ENOMEM)
		return has_ledger;
	r = verdict_judge(profile, has_ledger < 0 ? NULL : &ledger, profile->arenas, &verdict);
	if (r < 0)
		return r;
	text_add_process(buffer, profile, options);
	strbuf_addc(buffer, '\n');
	if (profile->process.cmdline && profile->process.cmdline[0]) {
		strbuf_adds(buffer, "  ");
		words_add_command(buffer, profile->process.cmdline);
		strbuf_addc(buffer, '\n');
	}
	strbuf_addc(buffer, '\n');
	text_add_verdict(buffer, options, &verdict);
	strbuf_addc(buffer, '\n');
	if (profile_has_agent(profile)) {
		add_heap(buffer, profile, options);
		strbuf_addc(buffer, '\n');
	}
	r = text_add_course(buffer, profile, options);
	if (r < 0)
		return r;
	if (has_ledger >= 0) {
		add_ledger(buffer, options, &ledger);
		strbuf_addc(buffer, '\n');
	}
	r = text_add_java(buffer, profile, options, has_ledger < 0 ? NULL : &ledger);
	if (r < 0)
		return r;
	text_add_recording(buffer, profile, options);
	return strbuf_addc(buffer, '\n');
}

static int print_groups(const struct profile *profile, const struct render_options *options,
			const struct view *view, FILE *out)
{
	const struct table_column columns[] = {
		{"live_bytes", "bytes", TABLE_BYTES},
		{"stderr", "error", TABLE_ERROR},
		{"share", "share", TABLE_SHARE},
		{"live_blocks", "blocks", TABLE_COUNT},
		{"sites", "places", TABLE_COUNT},
		{"name", groups_title(options->by), TABLE_TEXT},
	};
	_cleanup_(groups_deinit) struct groups groups = {};
	_cleanup_(table_deinit) struct table table;
	int r;

	table_init(&table, columns, ARRAY_SIZE(columns));
	r = groups_make(profile, options, view, &groups);
	if (r < 0)
		return r;
	for (size_t i = 0; i < groups.n_groups; i++) {
		const struct group *group = &groups.groups[i];

		table_add_number(&table, estimate_round(group->live.bytes));
		table_add_real(&table, estimate_stderr(&group->live));
		table_add_real(&table, view->total_bytes
					       ? group->live.bytes / (double)view->total_bytes
					       : NAN);
		table_add_number(&table, estimate_round(group->live.blocks));
		table_add_number(&table, group->n_sites ? group->n_sites : PROFILE_UNKNOWN);
		table_add_text(&table, group->name);
	}
	r = table_print_text(&table, options, out);
	if (r >= 0 && groups.n_more > 0)
		fprintf(out, "  and %zu more\n", groups.n_more);
	return r;
}

static int add_title(struct strbuf *buffer, const struct render_options *options,
		     const struct view *view)
{
	_cleanup_(strbuf_deinit) struct strbuf title = {};

	strbuf_addf(&title, "Outstanding by %s", groups_title(options->by));
	words_add_styled(buffer, options, WORDS_STRONG, strbuf_text(&title));
	strbuf_adds(buffer, ", ");
	words_add_bytes(buffer, options, view->total_bytes, 0);
	strbuf_adds(buffer, " in all\n\n");
	return buffer->error < 0 ? buffer->error : title.error;
}

int render_text(const struct profile *profile, const struct render_options *options, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf buffer = {};
	_cleanup_(view_deinit) struct view view = {};
	int r = 0;

	if (!options->top_only)
		r = add_first_screen(&buffer, profile, options);
	if (r < 0)
		return r;
	if (profile->agent.mode == MT_MODE_NONE) {
		if (options->top_only)
			strbuf_adds(
				&buffer,
				"No places are known: there is no agent in the process. Start it with "
				"\"memtrace run PROGRAM\", or use \"memtrace attach PID\".\n");
		fputs(strbuf_text(&buffer), out);
		return words_finish(out);
	}
	r = view_make(profile, options, VIEW_OUTSTANDING, TOP_DEFAULT, &view);
	if (r < 0)
		return r;
	r = add_title(&buffer, options, &view);
	if (r >= 0 && options->by == RENDER_BY_SITE)
		r = text_add_sites(&buffer, profile, options, &view);
	if (r < 0)
		return r;
	fputs(strbuf_text(&buffer), out);
	if (options->by != RENDER_BY_SITE)
		r = print_groups(profile, options, &view, out);
	return r < 0 ? r : words_finish(out);
}
