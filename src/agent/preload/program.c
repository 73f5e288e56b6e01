/* SPDX-License-Identifier: MIT */
/*
 * program.c: see program.h.
 *
 * A program can take the agent along if its loader has the same name as ours: then it is of the same C
 * library, architecture and word size. A file without PT_INTERP is static. One that needs a sanitizer's
 * runtime library has an allocator that insists on being the first: it would refuse to start, or crash.
 *
 * Context: before exec, so maybe in a child of vfork that shares our memory: everything is on the stack,
 * system calls are raw and errno is not touched.
 */
#include "agent/preload/program.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/core/sys.h"
#include "agent/preload/linkmap.h"
#include "base/macro.h"

enum {
	SCRIPT_DEPTH = 5,      /* of interpreters that are scripts, as in fs/exec.c */
	SCRIPT_LINE = 256,     /* BINPRM_BUF_SIZE */
	INTERPRETER_MAX = 256, /* longer than any loader's path */
	HEADERS_MAX = 64,
	DYNAMIC_MAX = 1024, /* entries of a dynamic section */
	DYNAMIC_BATCH = 16, /* of them read at once */
	NAME_BUFFER = 1024, /* for a folder of PATH and a name; longer ones are not judged */
};

static const char *loader_name;

void program_find(void)
{
	const struct link_map *module;

	for (module = linkmap_first(); module; module = module->l_next)
		if (linkmap_find(module, "__libc_stack_end", NULL))
			loader_name = linkmap_name(module);
}

static long read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
	return sys_call4(SYS_NR_pread64, fd, (long)buffer, (long)size, (long)offset);
}

static enum program_verdict judge_interpreter(int fd, const ElfW(Phdr) * header)
{
	char path[INTERPRETER_MAX];
	const char *name;
	long n;

	n = read_at(fd, path, sizeof(path) - 1, header->p_offset);
	if (n <= 0 || !loader_name)
		return PROGRAM_UNKNOWN;
	path[n] = 0;
	name = strrchr(path, '/');
	return strcmp(name ? name + 1 : path, loader_name) == 0 ? PROGRAM_CAN : PROGRAM_CANNOT;
}

static bool read_header(int fd, const ElfW(Ehdr) * file, unsigned i, ElfW(Phdr) * ret)
{
	return read_at(fd, ret, sizeof(*ret), file->e_phoff + i * sizeof(*ret)) == sizeof(*ret);
}

/* Where the file has what is at address once it is loaded; 0 if nowhere. */
static uint64_t file_offset(int fd, const ElfW(Ehdr) * file, uint64_t address)
{
	ElfW(Phdr) header;
	unsigned i;

	for (i = 0; i < file->e_phnum && read_header(fd, file, i, &header); i++)
		if (header.p_type == PT_LOAD && address - header.p_vaddr < header.p_filesz)
			return header.p_offset + (address - header.p_vaddr);
	return 0;
}

/* Goes through a dynamic section, a few entries at a time. */
struct dynamic {
	int fd;
	uint64_t offset, end; /* in the file, of what is not yet read */
	unsigned n, i;
	ElfW(Dyn) entries[DYNAMIC_BATCH];
};

static struct dynamic dynamic_open(int fd, const ElfW(Phdr) * header)
{
	uint64_t size = MIN(header->p_filesz, (uint64_t)DYNAMIC_MAX * sizeof(ElfW(Dyn)));

	return (struct dynamic){
		.fd = fd, .offset = header->p_offset, .end = header->p_offset + size};
}

/* The next entry with that tag, NULL behind the last one. */
static const ElfW(Dyn) * dynamic_next(struct dynamic *dynamic, ElfW(Sxword) tag)
{
	for (;; dynamic->i++) {
		if (dynamic->i == dynamic->n) {
			size_t size = MIN(sizeof(dynamic->entries), dynamic->end - dynamic->offset);
			long n = read_at(dynamic->fd, dynamic->entries, size, dynamic->offset);

			if (n < (long)sizeof(ElfW(Dyn)))
				return NULL;
			dynamic->n = (unsigned)((size_t)n / sizeof(ElfW(Dyn)));
			dynamic->offset += dynamic->n * sizeof(ElfW(Dyn));
			dynamic->i = 0;
		}
		if (dynamic->entries[dynamic->i].d_tag == tag)
			return &dynamic->entries[dynamic->i++];
		if (dynamic->entries[dynamic->i].d_tag == DT_NULL)
			return NULL;
	}
}

static bool is_sanitizer(int fd, uint64_t offset)
{
	static const char *const names[] = {"libasan.so.", "liblsan.so.", "libtsan.so.",
					    "libhwasan.so."};
	char text[16];
	size_t i;

	if (read_at(fd, text, sizeof(text), offset) != sizeof(text))
		return false;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(text, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool needs_sanitizer(int fd, const ElfW(Ehdr) * file, const ElfW(Phdr) * header)
{
	struct dynamic dynamic = dynamic_open(fd, header);
	const ElfW(Dyn) *entry = dynamic_next(&dynamic, DT_STRTAB);
	uint64_t strings = entry ? file_offset(fd, file, entry->d_un.d_ptr) : 0;

	if (!strings)
		return false;
	dynamic = dynamic_open(fd, header);
	while ((entry = dynamic_next(&dynamic, DT_NEEDED)))
		if (is_sanitizer(fd, strings + entry->d_un.d_val))
			return true;
	return false;
}

static enum program_verdict judge_elf(int fd, const unsigned char *ident)
{
	extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));
	enum program_verdict verdict = PROGRAM_CANNOT;
	ElfW(Ehdr) file;
	ElfW(Phdr) header;
	unsigned i;

	if (ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
	    ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA])
		return PROGRAM_CANNOT;
	if (read_at(fd, &file, sizeof(file), 0) != sizeof(file))
		return PROGRAM_UNKNOWN;
	if (file.e_machine != __ehdr_start.e_machine)
		return PROGRAM_CANNOT;
	if (file.e_phentsize != sizeof(header) || file.e_phnum > HEADERS_MAX)
		return PROGRAM_UNKNOWN;
	for (i = 0; i < file.e_phnum; i++) {
		if (!read_header(fd, &file, i, &header))
			return PROGRAM_UNKNOWN;
		if (header.p_type == PT_INTERP)
			verdict = judge_interpreter(fd, &header);
		if (header.p_type == PT_DYNAMIC && needs_sanitizer(fd, &file, &header))
			return PROGRAM_CANNOT;
	}
	return verdict;
}

/* Judges what is no script; for one, puts its interpreter into ret_path and returns true. */
static bool is_script(int fd, enum program_verdict *ret, char ret_path[static SCRIPT_LINE])
{
	unsigned char line[SCRIPT_LINE];
	size_t i = 2, length = 0;
	long n = read_at(fd, line, sizeof(line) - 1, 0);

	*ret = PROGRAM_UNKNOWN;
	if (n < EI_NIDENT)
		return false;
	if (memcmp(line, ELFMAG, SELFMAG) == 0) {
		*ret = judge_elf(fd, line);
		return false;
	}
	if (line[0] != '#' || line[1] != '!')
		return false;
	line[n] = 0;
	while (line[i] == ' ' || line[i] == '\t')
		i++;
	while (line[i] && line[i] != ' ' && line[i] != '\t' && line[i] != '\n')
		ret_path[length++] = (char)line[i++];
	ret_path[length] = 0;
	return length > 0;
}

static int open_at(int dirfd, const char *path)
{
	/* O_NONBLOCK: a fifo must not hold us up */
	return (int)sys_call4(SYS_NR_openat, dirfd, (long)path, O_RDONLY | O_CLOEXEC | O_NONBLOCK,
			      0);
}

static void close_fd(int fd)
{
	(void)sys_call3(SYS_NR_close, fd, 0, 0);
}

enum program_verdict program_judge_fd(int fd)
{
	enum program_verdict verdict;
	char path[SCRIPT_LINE];
	unsigned depth;

	if (!is_script(fd, &verdict, path))
		return verdict;
	for (depth = 1; depth < SCRIPT_DEPTH; depth++) {
		bool script;
		int next = open_at(AT_FDCWD, path);

		if (next < 0)
			return PROGRAM_UNKNOWN;
		script = is_script(next, &verdict, path);
		close_fd(next);
		if (!script)
			return verdict;
	}
	return PROGRAM_UNKNOWN;
}

enum program_verdict program_judge_at(int dirfd, const char *path)
{
	enum program_verdict verdict;
	int fd = open_at(dirfd, path);

	if (fd < 0)
		return PROGRAM_UNKNOWN;
	verdict = program_judge_fd(fd);
	close_fd(fd);
	return verdict;
}

static bool is_executable(const char *path)
{
	return sys_call3(SYS_faccessat, AT_FDCWD, (long)path, X_OK) == 0;
}

/* The value of PATH, or what execvp takes without it. */
static const char *search_path(void)
{
	static const char name[] = "PATH=";
	char **entry;

	for (entry = environ; entry && *entry; entry++)
		if (strncmp(*entry, name, sizeof(name) - 1) == 0)
			return *entry + sizeof(name) - 1;
	return "/bin:/usr/bin";
}

/* A folder of n_folder bytes; an empty one is the current one. Unknown if no such program is in it. */
static enum program_verdict judge_in(const char *folder, size_t n_folder, const char *name)
{
	const size_t length = strlen(name);
	char path[NAME_BUFFER];

	if (n_folder + 1 + length >= sizeof(path))
		return PROGRAM_UNKNOWN;
	memcpy(path, folder, n_folder);
	path[n_folder] = '/';
	memcpy(path + n_folder + (n_folder > 0), name, length + 1);
	return is_executable(path) ? program_judge_at(AT_FDCWD, path) : PROGRAM_UNKNOWN;
}

enum program_verdict program_judge_name(const char *name)
{
	enum program_verdict verdict;
	size_t n_folder;

	if (!*name || strlen(name) >= NAME_BUFFER)
		return PROGRAM_UNKNOWN;
	if (memchr(name, '/', strlen(name)))
		return program_judge_at(AT_FDCWD, name);
	for (const char *list = search_path();; list += n_folder + 1) {
		n_folder = strcspn(list, ":");
		verdict = judge_in(list, n_folder, name);
		if (verdict != PROGRAM_UNKNOWN || !list[n_folder])
			return verdict;
	}
}
