/* SPDX-License-Identifier: MIT */
/*
 * Names come from the process and go into XML and into workflow commands, so each has its own escaping:
 * XML forbids most control characters even when escaped, and a line end in a command would be a command of its own.
 */
#include "render/leaks.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "base/units.h"
#include "profile/label.h"
#include "render/text.h"
#include "render/words.h"

/* More would bury the rest of a report; GitHub shows ten of a step. */
enum { JUNIT_PLACES = 100, GITHUB_PLACES = 10 };

/* ---- JUnit ---- */

static int add_xml(struct strbuf *buffer, const char *text)
{
	for (; *text; text++) {
		const char *entity = *text == '<'   ? "&lt;"
				     : *text == '>' ? "&gt;"
				     : *text == '&' ? "&amp;"
				     : *text == '"' ? "&quot;"
						    : NULL;

		if (entity)
			strbuf_adds(buffer, entity);
		else if ((unsigned char)*text < ' ' && *text != '\n' && *text != '\t')
			strbuf_addc(buffer, '?');
		else
			strbuf_addc(buffer, *text);
	}
	return buffer->error;
}

/* "1.0 MiB in 4 blocks are outstanding, 12 s to 250 ms old" */
static int add_message(struct strbuf *buffer, const struct profile_site *site)
{
	char bytes[UNITS_MAX];

	strbuf_addf(buffer, "%s in ", units_format_bytes(site->live_bytes, bytes));
	words_add_count(buffer, site->live_blocks, "block", "blocks");
	return strbuf_adds(buffer, site->live_blocks == 1 ? " is outstanding" : " are outstanding");
}

static int add_failed_case(struct strbuf *buffer, const struct leak_list *leaks, size_t i)
{
	static const struct render_options plain = {.since_s = -1, .older_s = -1};
	const struct profile_site *site = &leaks->profile->sites[leaks->sites[i]];
	_cleanup_(strbuf_deinit) struct strbuf name = {}, message = {}, stack = {};
	int r = label_site(leaks->profile, site, &name);

	if (r >= 0)
		r = add_message(&message, site);
	if (r >= 0)
		r = text_add_stack(&stack, leaks->profile, &plain, site);
	if (r < 0)
		return r;
	strbuf_adds(buffer, "    <testcase classname=\"memtrace\" name=\"");
	add_xml(buffer, strbuf_text(&name));
	strbuf_adds(buffer, "\">\n      <failure type=\"leak\" message=\"");
	add_xml(buffer, strbuf_text(&message));
	strbuf_adds(buffer, "\">");
	add_xml(buffer, strbuf_text(&stack));
	return strbuf_adds(buffer, "</failure>\n    </testcase>\n");
}

static int add_summary(struct strbuf *buffer, const struct leak_list *leaks)
{
	char bytes[UNITS_MAX], suppressed[UNITS_MAX], allowed[UNITS_MAX];

	return strbuf_addf(buffer, "%s outstanding at the end, %s suppressed, %s allowed",
			   units_format_bytes(leaks->bytes, bytes),
			   units_format_bytes(leaks->suppressed, suppressed),
			   units_format_bytes(leaks->allowed, allowed));
}

int render_junit(const struct leak_list *leaks, FILE *out)
{
	const struct profile_process *process = &leaks->profile->process;
	const size_t n = leaks->failed ? MIN(leaks->n_sites, (size_t)JUNIT_PLACES) : 0;
	_cleanup_(strbuf_deinit) struct strbuf buffer = {};
	int r = 0;

	strbuf_adds(&buffer, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
	strbuf_adds(&buffer, "  <testsuite name=\"memtrace: ");
	add_xml(&buffer, process->comm && process->comm[0] ? process->comm : "process");
	strbuf_addf(&buffer, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" time=\"%.3f\">\n",
		    MAX(n, (size_t)1), n, MAX(process->captured_at - process->started_at, 0.0));
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = add_failed_case(&buffer, leaks, i);
	if (n == 0)
		strbuf_adds(&buffer, "    <testcase classname=\"memtrace\" name=\"no leaks\"/>\n");
	strbuf_adds(&buffer, "    <system-out>");
	add_summary(&buffer, leaks);
	if (n < leaks->n_sites && leaks->failed)
		strbuf_addf(&buffer, "; %zu more places", leaks->n_sites - n);
	strbuf_adds(&buffer, "</system-out>\n  </testsuite>\n</testsuites>\n");
	if (r < 0 || buffer.error < 0)
		return r < 0 ? r : buffer.error;
	fputs(buffer.text, out);
	return words_finish(out);
}

/* ---- GitHub ---- */

/* As the runner takes it back: https://docs.github.com, "workflow commands". */
static int add_command_text(struct strbuf *buffer, const char *text, bool property)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c == '%' || c < ' ' || (property && (c == ':' || c == ',')))
			strbuf_addf(buffer, "%%%02X", c);
		else
			strbuf_addc(buffer, (char)c);
	}
	return buffer->error;
}

static const char *relative(const char *path, const char *root)
{
	const size_t length = root ? strlen(root) : 0;

	if (length > 0 && strncmp(path, root, length) == 0 && path[length] == '/')
		return path + length + 1;
	return path;
}

static int add_annotation(struct strbuf *buffer, const struct leak_list *leaks, size_t i,
			  const char *root)
{
	const struct profile_site *site = &leaks->profile->sites[leaks->sites[i]];
	const struct profile_frame *frame = label_site_frame(leaks->profile, site);
	_cleanup_(strbuf_deinit) struct strbuf name = {}, message = {};
	int r = label_site(leaks->profile, site, &name);

	if (r >= 0)
		r = add_message(&message, site);
	if (r < 0)
		return r;
	strbuf_adds(buffer, leaks->failed ? "::error " : "::warning ");
	if (frame && frame->file && frame->line > 0) {
		strbuf_adds(buffer, "file=");
		add_command_text(buffer, relative(frame->file, root), true);
		strbuf_addf(buffer, ",line=%u,", frame->line);
	}
	strbuf_adds(buffer, "title=memory leak::");
	add_command_text(buffer, strbuf_text(&name), false);
	strbuf_adds(buffer, "%0A");
	add_command_text(buffer, strbuf_text(&message), false);
	return strbuf_addc(buffer, '\n');
}

int render_github(const struct leak_list *leaks, const char *root, FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf buffer = {};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < MIN(leaks->n_sites, (size_t)GITHUB_PLACES); i++)
		r = add_annotation(&buffer, leaks, i, root);
	if (r < 0)
		return r;
	fputs(strbuf_text(&buffer), out);
	return words_finish(out);
}
