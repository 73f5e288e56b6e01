/* SPDX-License-Identifier: MIT */
/*
 * program.c: can the preloaded agent work in that program?
 *
 * Goes the way of execvp(3) and of the kernel: along PATH to a file, through "#!" lines to the program
 * that will run, and asks of that what the dynamic loader will do with LD_PRELOAD. A program that the
 * loader treats as privileged (AT_SECURE) ignores preloads; whether it does depends on who asks, not on
 * the file alone: a set-id file that belongs to the user who starts it raises nothing.
 */
#include "process/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "process/elf-file.h"

enum {
	HEAD = 256,      /* bytes that the kernel looks at for "#!" */
	SCRIPTS_MAX = 4, /* interpreters of interpreters that it follows */
};

static int decide(struct program *program, enum program_fit fit, const char *detail)
{
	program->fit = fit;
	free(program->detail);
	program->detail = detail ? strdup(detail) : NULL;
	return detail && !program->detail ? -ENOMEM : 0;
}

/* 0 if path can be executed, -EACCES and others as execve would give, -EISDIR. */
static int check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/*
 * As execvp does: a name with a slash is a path; others are tried in each folder of PATH, where one that
 * is there and cannot be executed counts only if none can.
 */
static int find_program(const char *name, char **ret)
{
	const char *path = getenv("PATH"), *end;
	int r, failure = -ENOENT;

	if (strchr(name, '/') || !*name) {
		*ret = strdup(name);
		return *ret ? check_executable(name) : -ENOMEM;
	}
	if (!path)
		path = "/bin:/usr/bin";
	for (;; path = end + 1) {
		_cleanup_free_ char *candidate = NULL;

		end = strchrnul(path, ':');
		if (asprintf(&candidate, "%.*s%s%s", (int)(end - path), path,
			     end > path ? "/" : "./", name) < 0) {
			candidate = NULL;
			return -ENOMEM;
		}
		r = check_executable(candidate);
		if (r == 0 || (r != -ENOENT && r != -ENOTDIR && failure == -ENOENT)) {
			free(*ret);
			*ret = TAKE_PTR(candidate);
			failure = r;
		}
		if (r == 0 || !*end)
			break;
	}
	if (!*ret)
		*ret = strdup(name);
	return *ret ? failure : -ENOMEM;
}

static bool is_privileged(int fd, const char **ret_why)
{
	struct statvfs vfs;
	struct stat st;

	/* neither is honoured for a process that has renounced it, or there */
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return false;
	if (fstatvfs(fd, &vfs) == 0 && vfs.f_flag & ST_NOSUID)
		return false;
	if (fstat(fd, &st) < 0)
		return false;
	*ret_why = "set-user-ID";
	if (st.st_mode & S_ISUID && st.st_uid != getuid())
		return true;
	*ret_why = "set-group-ID";
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid())
		return true;
	/* root has all capabilities already; see cap_bprm_creds_from_file in the kernel */
	*ret_why = "file capabilities";
	return getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static const char *machine_name(const struct elf_file *elf)
{
	static const struct {
		uint16_t machine;
		unsigned char class;
		const char *name;
	} names[] = {
		{EM_386, ELFCLASS32, "32-bit x86"},     {EM_X86_64, ELFCLASS64, "64-bit x86"},
		{EM_X86_64, ELFCLASS32, "x32"},         {EM_AARCH64, ELFCLASS64, "64-bit ARM"},
		{EM_ARM, ELFCLASS32, "32-bit ARM"},     {EM_RISCV, ELFCLASS64, "64-bit RISC-V"},
		{EM_PPC64, ELFCLASS64, "64-bit POWER"}, {EM_S390, ELFCLASS64, "s390x"},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].machine == elf->machine && names[i].class == elf->class)
			return names[i].name;
	return elf->class == ELFCLASS32 ? "another machine, 32-bit" : "another machine";
}

/* glibc's loader is called ld-linux-x86-64.so.2, ld-linux-aarch64.so.1, ld64.so.2… */
static bool is_glibc_loader(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	return !strncmp(name, "ld-linux", 8) || !strncmp(name, "ld64.so", 7) ||
	       !strncmp(name, "ld.so", 5);
}

/* A file without an interpreter is static, unless it is the loader itself, called by hand. */
static int examine_loaderless(const struct elf_file *elf, struct program *program)
{
	_cleanup_free_ char *soname = NULL;
	int r;

	r = elf_file_read_soname(elf, &soname);
	if (r < 0 && r != -ENOEXEC)
		return r;
	if (soname && is_glibc_loader(soname))
		return decide(program, PROGRAM_FITS, NULL);
	return decide(program, PROGRAM_STATIC, NULL);
}

/* The sanitizer's library that the program needs, NULL if none: they refuse to be behind another. */
static int find_sanitizer(const struct elf_file *elf, char **ret)
{
	static const char *const names[] = {"libasan.so", "liblsan.so", "libtsan.so",
					    "libhwasan.so"};
	size_t nth, i;
	int r;

	for (nth = 0;; nth++) {
		_cleanup_free_ char *name = NULL;

		*ret = NULL;
		r = elf_file_read_needed(elf, nth, &name);
		if (r < 0 || !name)
			return r;
		for (i = 0; i < ARRAY_SIZE(names); i++)
			if (!strncmp(name, names[i], strlen(names[i]))) {
				*ret = TAKE_PTR(name);
				return 0;
			}
	}
}

static int examine_elf(const struct elf_file *elf, struct program *program)
{
	_cleanup_free_ char *loader = NULL, *sanitizer = NULL;
	const char *why;
	int r;

	if (!elf->native)
		return decide(program, PROGRAM_OTHER_CLASS, machine_name(elf));
	if (elf->type != ET_EXEC && elf->type != ET_DYN)
		return decide(program, PROGRAM_NOT_EXECUTABLE, "an ELF file, but not a program");
	r = elf_file_read_interpreter(elf, &loader);
	if (r < 0)
		return r;
	if (!loader)
		return examine_loaderless(elf, program);
	if (!is_glibc_loader(loader))
		return decide(program, PROGRAM_OTHER_LIBC, loader);
	if (access(loader, F_OK) < 0)
		return decide(program, PROGRAM_NOT_FOUND, loader);
	if (is_privileged(elf->fd, &why))
		return decide(program, PROGRAM_SETUID, why);
	r = find_sanitizer(elf, &sanitizer);
	if (r < 0)
		return r;
	if (sanitizer)
		return decide(program, PROGRAM_SANITIZER, sanitizer);
	r = elf_file_exports(elf, "malloc");
	if (r < 0)
		return r;
	return r ? decide(program, PROGRAM_OWN_MALLOC, "malloc")
		 : decide(program, PROGRAM_FITS, NULL);
}

/* The program that a "#!" line names; NULL in *ret if head is not one. */
static int parse_script(const char *head, size_t size, char **ret)
{
	const char *start = head + 2, *end = head + size, *stop;

	*ret = NULL;
	if (size < 2 || memcmp(head, "#!", 2) != 0)
		return 0;
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	for (stop = start; stop < end; stop++)
		if (!*stop || strchr(" \t\n", *stop))
			break;
	/* the kernel refuses a name that goes on behind what it looks at */
	if (stop == start || stop == end)
		return -ENOEXEC;
	*ret = strndup(start, (size_t)(stop - start));
	return *ret ? 0 : -ENOMEM;
}

/* A file that the kernel does not know: execvp hands text to the shell, and so does every shell. */
static int unknown_format(const char *head, size_t size, char **ret)
{
	if (memchr(head, '\0', size))
		return -ENOEXEC;
	*ret = strdup("/bin/sh");
	return *ret ? 0 : -ENOMEM;
}

/* One file: the answer if it is a program, the interpreter in *ret_script if it is a script. */
static int examine_file(const char *path, struct program *program, char **ret_script)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct elf_file elf;
	char head[HEAD];
	ssize_t n;
	int r;

	*ret_script = NULL;
	if (fd < 0)
		return -errno;
	n = file_pread(fd, head, sizeof(head), 0);
	if (n < 0)
		return (int)n;
	if (n >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG)) {
		r = elf_file_init(&elf, fd);
		if (r < 0)
			return r;
		r = examine_elf(&elf, program);
		elf_file_deinit(&elf);
		return r;
	}
	r = parse_script(head, (size_t)n, ret_script);
	if (r == 0 && !*ret_script)
		r = unknown_format(head, (size_t)n, ret_script);
	return r;
}

static int follow(struct program *program)
{
	const char *path = program->path;
	char *script;
	int i, r;

	for (i = 0; i <= SCRIPTS_MAX; i++) {
		r = i ? check_executable(path) : 0;
		if (r == -ENOENT || r == -ENOTDIR)
			return decide(program, PROGRAM_NOT_FOUND, path);
		if (r < 0)
			return decide(program, PROGRAM_NOT_EXECUTABLE, path);
		r = examine_file(path, program, &script);
		if (r == -ENOEXEC)
			return decide(program, PROGRAM_NOT_EXECUTABLE,
				      "not a program, or a damaged one");
		if (r < 0 || !script)
			return r;
		free(program->interpreter);
		program->interpreter = script;
		path = script;
	}
	return decide(program, PROGRAM_NOT_EXECUTABLE, "too many interpreters of interpreters");
}

int program_examine(const char *name, struct program *ret)
{
	_cleanup_(program_deinit) struct program program = {0};
	int r;

	r = find_program(name, &program.path);
	switch (r) {
	case 0:
		r = follow(&program);
		break;
	case -ENOENT:
	case -ENOTDIR:
		r = decide(&program, PROGRAM_NOT_FOUND, NULL);
		break;
	case -EISDIR:
		r = decide(&program, PROGRAM_NOT_EXECUTABLE, "a directory");
		break;
	case -EACCES:
		r = decide(&program, PROGRAM_NOT_EXECUTABLE, "permission denied");
		break;
	}
	if (r < 0)
		return r;
	*ret = program;
	program = (struct program){0};
	return 0;
}

void program_deinit(struct program *program)
{
	free(program->path);
	free(program->interpreter);
	free(program->detail);
	*program = (struct program){0};
}
