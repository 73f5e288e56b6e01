/* SPDX-License-Identifier: MIT */
/*
 * explain-core.c: see the header.
 */
#include "cli/explain-core.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macro.h"
#include "base/units.h"

enum { HEAD = 18 };

static bool read_head(const char *path, unsigned char head[HEAD])
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	return file && fread(head, HEAD, 1, file) == 1;
}

bool core_is_one(const char *path)
{
	unsigned char head[HEAD];

	/* the type has two bytes in the file's own order */
	return read_head(path, head) && memcmp(head, ELFMAG, SELFMAG) == 0 &&
	       head[16] + head[17] == ET_CORE;
}

bool core_explain_compressed(const char *path, struct strbuf *error)
{
	static const struct {
		const char *magic, *program;
	} formats[] = {
		{"\x28\xb5\x2f\xfd", "zstd -d"},
		{"\x1f\x8b", "gunzip"},
		{"\xfd"
		 "7zXZ",
		 "unxz"},
		{"\x04\x22\x4d\x18", "lz4 -d"},
		{"BZh", "bunzip2"},
	};
	unsigned char head[HEAD];

	if (!read_head(path, head))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (memcmp(head, formats[i].magic, strlen(formats[i].magic)) != 0)
			continue;
		strbuf_addf(error,
			    "%s: is compressed; unpack it first (%s, or \"coredumpctl dump -o "
			    "FILE\" if systemd keeps it), and give what comes out",
			    path, formats[i].program);
		return true;
	}
	return false;
}

void core_explain(const char *path, int error_number, struct strbuf *error)
{
	switch (error_number) {
	case -EPROTO:
		strbuf_addf(error, "%s: is not a core file; give one, a PID or a session file",
			    path);
		break;
	case -EPROTONOSUPPORT:
		strbuf_addf(error,
			    "%s: is a core file of another machine or of a 32-bit program; read "
			    "it with a memtrace of that kind",
			    path);
		break;
	case -EBADMSG:
		strbuf_addf(error,
			    "%s: is a damaged core file: its headers contradict each other, or "
			    "it was cut off before them; write it again",
			    path);
		break;
	case -ENOENT:
		strbuf_addf(error, "%s: there is no such file; give a core file or a PID", path);
		break;
	case -EACCES:
		strbuf_addf(error, "%s: may not be read by this user; ask its owner", path);
		break;
	default:
		strbuf_addf(error, "%s: cannot be read: %s; try another copy", path,
			    strerror(-error_number));
	}
}

void core_warn(const char *path, const struct core *core)
{
	struct core_damage damage;
	char bytes[UNITS_MAX];

	core_damage(core, &damage);
	if (damage.missing_bytes)
		log_warning("%s: was cut off: %s are missing at its end; going on with what is "
			    "there",
			    path, units_format_bytes(damage.missing_bytes, bytes));
	if (damage.n_replaced_files)
		log_warning("%s: %s: is not the file that was mapped%s; going on without its "
			    "contents (give the program that it was with --exe FILE)",
			    path, damage.file, damage.n_replaced_files > 1 ? ", nor others" : "");
	else if (damage.n_absent_files)
		log_warning("%s: %s: is not there%s; going on without its contents (give the "
			    "program with --exe FILE)",
			    path, damage.file, damage.n_absent_files > 1 ? ", nor others" : "");
}
