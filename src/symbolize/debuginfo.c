/* SPDX-License-Identifier: MIT */
/*
 * debuginfo.c: finding files, and believing only what can be checked.
 *
 * A path says little: the process may live in another mount namespace, the file may have been replaced
 * by an upgrade while the process runs on with the old one, the report may be made on another day. The
 * build ID says it all. So every candidate is opened and compared, and the places to look may be
 * generous: a wrong file cannot be taken. Where there are no build IDs, the module's path is trusted,
 * and a debug file has to have the checksum that the link to it tells.
 *
 * What is not found is no error: the caller goes on with less. Errors are only of memory.
 */
#include "symbolize/debuginfo.h"

#include <elfutils/libdwelf.h>
#include <link.h>
#include <lzma.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/macro.h"

static const char debug_dir[] = "/usr/lib/debug";
static const char deleted_suffix[] = " (deleted)";

/* Unpacked .gnu_debugdata: a symbol table; and the memory that unpacking may take. */
enum { MINI_MAX_SIZE = 256 << 20, MINI_MAX_MEMORY = 128 << 20 };

/* Opens the file if it is of that build ID, or if that is not known. -ESTALE: it is of another. */
static int open_verified(const struct build_id *build_id, struct elffile **ret, const char *format,
			 ...) _printf_(3, 4);

static int open_verified(const struct build_id *build_id, struct elffile **ret, const char *format,
			 ...)
{
	_cleanup_(elffile_freep) struct elffile *file = NULL;
	_cleanup_free_ char *path = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&path, format, args);
	va_end(args);
	if (r < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = elffile_open(path, &file);
	if (r < 0)
		return r;
	if (build_id->size > 0 && !build_id_equals(build_id, &file->build_id))
		return -ESTALE;
	*ret = TAKE_PTR(file);
	return 0;
}

/* The vdso has no file, but this process has one too, and mostly the same. */
static int open_vdso(const struct build_id *build_id, struct elffile **ret, const char **ret_why)
{
	_cleanup_(elffile_freep) struct elffile *file = NULL;
	const ElfW(Ehdr) *header = (const void *)getauxval(AT_SYSINFO_EHDR);
	size_t size;
	void *image;
	int r;

	*ret_why = "not the vdso of this kernel";
	if (!header)
		return 0;
	size = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
	image = malloc(size);
	if (!image)
		return -ENOMEM;
	memcpy(image, header, size);
	r = elffile_open_image(image, size, "[vdso]", &file);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (build_id->size > 0 && !build_id_equals(build_id, &file->build_id))
		return 0;
	*ret = TAKE_PTR(file);
	return 0;
}

static const char *why_not(int error, bool deleted)
{
	if (deleted)
		return "file was deleted";
	switch (error) {
	case -ESTALE:
		return "file was replaced since";
	case -EACCES:
	case -EPERM:
		return "no permission to read the file";
	case -ENOEXEC:
		return "not an ELF file";
	default:
		return "file not found";
	}
}

int debuginfo_open_module(const struct debuginfo_places *places, const char *path,
			  const struct build_id *build_id, struct elffile **ret,
			  const char **ret_why)
{
	_cleanup_free_ char *name = strdup(path);
	size_t length = strlen(path), suffix = strlen(deleted_suffix);
	bool is_proc = strncmp(path, "/proc/", strlen("/proc/")) == 0;
	bool deleted;
	int r;

	*ret = NULL;
	*ret_why = NULL;
	if (!name)
		return -ENOMEM;
	if (strstr(path, "[vdso]") || strstr(path, "linux-vdso") || strstr(path, "linux-gate"))
		return open_vdso(build_id, ret, ret_why);
	deleted = length > suffix && strcmp(path + length - suffix, deleted_suffix) == 0;
	if (deleted)
		name[length - suffix] = 0;

	/* of a deleted file only another that can be checked will do; the path in /proc is of our root */
	r = -ENOENT;
	if (name[0] == '/' && (!deleted || build_id->size > 0))
		r = open_verified(build_id, ret, "%s%s", is_proc ? "" : places->root, name);
	if (r == 0 || r == -ENOMEM)
		return r;
	*ret_why = why_not(r, deleted);
	if (build_id->size == 0)
		return 0;
	r = -ENOENT;
	if (places->pid > 0)
		r = open_verified(build_id, ret, "/proc/%d/exe", (int)places->pid);
	if (r < 0 && r != -ENOMEM && places->root[0] && name[0] == '/')
		r = open_verified(build_id, ret, "%s", name);
	return r == -ENOMEM ? r : 0;
}

/* DIR/ab/cdef… below root. */
static int open_by_build_id(const char *root, const struct build_id *build_id, struct elffile **ret)
{
	char hex[2 * sizeof(build_id->bytes) + 1];

	if (build_id->size < 2)
		return -ENOENT;
	for (size_t i = 0; i < build_id->size; i++)
		snprintf(hex + 2 * i, 3, "%02x", build_id->bytes[i]);
	return open_verified(build_id, ret, "%s%s/.build-id/%.2s/%s.debug", root, debug_dir, hex,
			     hex + 2);
}

static int open_by_build_id_anywhere(const struct debuginfo_places *places,
				     const struct build_id *build_id, struct elffile **ret)
{
	int r = open_by_build_id(places->root, build_id, ret);

	if (r < 0 && r != -ENOMEM && places->root[0])
		r = open_by_build_id("", build_id, ret);
	return r;
}

static bool link_fits(const struct elffile *file, const struct elffile *debug, uint32_t crc)
{
	uint32_t found;

	if (build_id_equals(&file->build_id, &debug->build_id))
		return true;
	/* with two build IDs that differ no checksum is needed to see that it is the wrong one */
	if (file->build_id.size > 0 && debug->build_id.size > 0)
		return false;
	return elffile_crc(debug, &found) == 0 && found == crc;
}

/* gdb's order: beside the file, in .debug beside it, below the global folder. */
static int open_by_link(const struct debuginfo_places *places, const struct elffile *file,
			struct elffile **ret)
{
	static const struct build_id any = {};
	const struct {
		const char *root, *above, *below;
	} places_to_look[] = {
		{places->root, "", "/"},
		{places->root, "", "/.debug/"},
		{places->root, debug_dir, "/"},
		{"", debug_dir, "/"},
	};
	GElf_Word crc;
	const char *name = dwelf_elf_gnu_debuglink(file->elf, &crc), *slash;
	size_t root = strlen(places->root);
	const char *path = file->path;

	if (!name || !name[0] || strchr(name, '/'))
		return -ENOENT;
	if (strncmp(path, places->root, root) == 0)
		path += root;
	slash = strrchr(path, '/');
	if (!slash)
		return -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(places_to_look); i++) {
		_cleanup_(elffile_freep) struct elffile *debug = NULL;
		int r = open_verified(&any, &debug, "%s%s%.*s%s%s", places_to_look[i].root,
				      places_to_look[i].above, (int)(slash - path), path,
				      places_to_look[i].below, name);

		if (r == -ENOMEM)
			return r;
		if (r == 0 && link_fits(file, debug, crc)) {
			*ret = TAKE_PTR(debug);
			return 0;
		}
	}
	return -ENOENT;
}

int debuginfo_open_separate(const struct debuginfo_places *places, const struct elffile *file,
			    const struct build_id *build_id, struct elffile **ret)
{
	int r;

	*ret = NULL;
	if (build_id->size == 0 && file)
		build_id = &file->build_id;
	r = open_by_build_id_anywhere(places, build_id, ret);
	if (r < 0 && r != -ENOMEM && file && file->path[0] == '/')
		r = open_by_link(places, file, ret);
	if (r < 0 && r != -ENOMEM && build_id->size > 0 && places->server)
		r = debugserver_fetch(places->server, build_id, ret);
	return r == -ENOMEM ? r : 0;
}

int debuginfo_open_alternate(const struct debuginfo_places *places, const struct elffile *file,
			     Dwarf *dwarf, struct elffile **ret)
{
	struct build_id build_id;
	const char *name, *slash = strrchr(file->path, '/');
	const void *bytes;
	ssize_t size = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &bytes);
	int r;

	*ret = NULL;
	if (size <= 0 || (size_t)size > sizeof(build_id.bytes))
		return 0;
	memcpy(build_id.bytes, bytes, (size_t)size);
	build_id.size = (size_t)size;

	r = open_by_build_id_anywhere(places, &build_id, ret);
	if (r < 0 && r != -ENOMEM && name[0] == '/')
		r = open_verified(&build_id, ret, "%s%s", places->root, name);
	else if (r < 0 && r != -ENOMEM && slash)
		r = open_verified(&build_id, ret, "%.*s/%s", (int)(slash - file->path), file->path,
				  name);
	if (r < 0 && r != -ENOMEM && places->server)
		r = debugserver_fetch(places->server, &build_id, ret);
	return r == -ENOMEM ? r : 0;
}

/* Unpacks xz. *ret is the caller's; 0 with NULL if it is damaged or too big. */
static int unpack(const void *bytes, size_t n_bytes, uint8_t **ret, size_t *ret_size)
{
	_cleanup_(lzma_end) lzma_stream stream = LZMA_STREAM_INIT;
	_cleanup_free_ uint8_t *text = NULL;
	size_t capacity = 0;
	lzma_ret status = LZMA_OK;

	*ret = NULL;
	if (lzma_stream_decoder(&stream, MINI_MAX_MEMORY, 0) != LZMA_OK)
		return -ENOMEM;
	stream.next_in = bytes;
	stream.avail_in = n_bytes;
	while (status == LZMA_OK && capacity < MINI_MAX_SIZE) {
		size_t done = stream.total_out;
		uint8_t *bigger;

		capacity = capacity ? 2 * capacity : MAX((size_t)4096, 4 * n_bytes);
		bigger = realloc(text, capacity);
		if (!bigger)
			return -ENOMEM;
		text = bigger;
		stream.next_out = text + done;
		stream.avail_out = capacity - done;
		status = lzma_code(&stream, LZMA_FINISH);
	}
	if (status != LZMA_STREAM_END)
		return 0;
	*ret_size = stream.total_out;
	*ret = TAKE_PTR(text);
	return 0;
}

int debuginfo_open_mini(const struct elffile *file, struct elffile **ret)
{
	GElf_Shdr header;
	Elf_Scn *section = elffile_section(file, ".gnu_debugdata", &header);
	Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;
	uint8_t *text;
	size_t size;
	int r;

	*ret = NULL;
	if (!data || !data->d_buf || header.sh_type == SHT_NOBITS)
		return 0;
	r = unpack(data->d_buf, data->d_size, &text, &size);
	if (r < 0 || !text)
		return r;
	r = elffile_open_image(text, size, file->path, ret);
	return r == -ENOMEM ? r : 0;
}
