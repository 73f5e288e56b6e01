/* SPDX-License-Identifier: MIT */
/*
 * test-program.c: programs that the agent can serve, and those that it cannot. Small programs are built
 * by the build; files that no compiler makes are patched or written here.
 */
#include "process/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "tests/unit/test.h"

enum { FILE_MAX = 64 << 20 };

static char folder[64];

static int enter_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/test-program-XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return chdir("/") == 0 ? system(command) : -1;
}

static void assert_fit(const char *name, enum program_fit fit, const char *detail)
{
	_cleanup_(program_deinit) struct program program = {0};

	assert_int_equal(program_examine(name, &program), 0);
	if (program.fit != fit || (detail && (!program.detail || !strstr(program.detail, detail))))
		fail_msg("%s: fit %d (%s)", name, program.fit,
			 program.detail ? program.detail : "-");
}

static void put(const char *path, const void *bytes, size_t size)
{
	assert_int_equal(file_write(path, bytes, size), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

/* A copy of the plain program, whose bytes the caller may change before it is put somewhere. */
static char *read_plain(size_t *ret_size)
{
	char *bytes = NULL;

	assert_int_equal(file_read(PROGRAM_PLAIN, FILE_MAX, &bytes, ret_size), 0);
	return bytes;
}

static void a_plain_program_fits(void **state)
{
	assert_fit(PROGRAM_PLAIN, PROGRAM_FITS, NULL);
	assert_fit("/bin/sh", PROGRAM_FITS, NULL);
}

static void a_static_program_does_not(void **state)
{
	assert_fit(PROGRAM_STATIC_EXE, PROGRAM_STATIC, NULL);
	assert_fit(PROGRAM_STATIC_PIE, PROGRAM_STATIC, NULL);
}

static void a_program_that_exports_malloc_does_not(void **state)
{
	assert_fit(PROGRAM_MALLOC, PROGRAM_OWN_MALLOC, "malloc");
	assert_fit(PROGRAM_MALLOC_SYSV, PROGRAM_OWN_MALLOC, "malloc");
	/* taking the address of libc's is not defining it */
	assert_fit(PROGRAM_ADDRESS, PROGRAM_FITS, NULL);
}

static void a_program_with_a_sanitizer_does_not(void **state)
{
	assert_fit(PROGRAM_SANITIZED, PROGRAM_SANITIZER, "libasan.so");
}

static void other_machines_are_told_apart(void **state)
{
	size_t size = 0;
	_cleanup_free_ char *bytes = read_plain(&size);
	Elf64_Ehdr *header = (Elf64_Ehdr *)bytes;

	header->e_machine = EM_RISCV;
	put("riscv", bytes, size);
	assert_fit("./riscv", PROGRAM_OTHER_CLASS, "RISC-V");
	header->e_machine = EM_386;
	header->e_ident[EI_CLASS] = ELFCLASS32;
	put("i386", bytes, size);
	assert_fit("./i386", PROGRAM_OTHER_CLASS, "32-bit x86");
	header->e_machine = __builtin_bswap16(EM_S390);
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_ident[EI_DATA] = ELFDATA2MSB;
	put("s390", bytes, size);
	assert_fit("./s390", PROGRAM_OTHER_CLASS, "s390x");
}

static void other_loaders_are_other_libcs(void **state)
{
	size_t size = 0;
	_cleanup_free_ char *bytes = read_plain(&size);
	char *loader = memmem(bytes, size, "/ld-linux", 9);

	assert_non_null(loader);
	/* the same length, so that nothing else moves */
	memcpy(loader, "/ld-musl-", 9);
	put("musl", bytes, size);
	assert_fit("./musl", PROGRAM_OTHER_LIBC, "ld-musl");
	memcpy(loader, "/ld-linuX", 9);
	put("other", bytes, size);
	assert_fit("./other", PROGRAM_OTHER_LIBC, "ld-linuX");
	/* glibc's by name, and not there */
	memcpy(loader - 1, "X/ld-linux", 10);
	put("absent", bytes, size);
	assert_fit("./absent", PROGRAM_NOT_FOUND, "ld-linux");
}

static void set_id_counts_if_it_changes_who_one_is(void **state)
{
	size_t size = 0;
	_cleanup_free_ char *bytes = read_plain(&size);

	put("own", bytes, size);
	assert_int_equal(chmod("own", 04755), 0);
	assert_fit("./own", PROGRAM_FITS, NULL);
	if (geteuid() != 0)
		return;
	put("suid", bytes, size);
	assert_int_equal(chown("suid", 65534, (gid_t)-1), 0);
	assert_int_equal(chmod("suid", 04755), 0);
	assert_fit("./suid", PROGRAM_SETUID, "set-user-ID");
	put("sgid", bytes, size);
	assert_int_equal(chown("sgid", (uid_t)-1, 65534), 0);
	assert_int_equal(chmod("sgid", 02755), 0);
	assert_fit("./sgid", PROGRAM_SETUID, "set-group-ID");
	/* without the execute bit it once meant mandatory locks */
	assert_int_equal(chmod("sgid", 02745), 0);
	assert_fit("./sgid", PROGRAM_FITS, NULL);
}

static void scripts_are_followed_to_a_program(void **state)
{
	_cleanup_(program_deinit) struct program program = {0};
	char text[256];
	int i;

	put_text("script", "#! \t/bin/sh -e\necho\n");
	assert_int_equal(program_examine("./script", &program), 0);
	assert_int_equal(program.fit, PROGRAM_FITS);
	assert_string_equal(program.path, "./script");
	assert_string_equal(program.interpreter, "/bin/sh");

	snprintf(text, sizeof(text), "#!%s\n", PROGRAM_STATIC_EXE);
	put_text("static", text);
	assert_fit("./static", PROGRAM_STATIC, NULL);

	put_text("lost", "#!/no/such/program\n");
	assert_fit("./lost", PROGRAM_NOT_FOUND, "/no/such/program");
	put_text("folder", "#!/tmp\n");
	assert_fit("./folder", PROGRAM_NOT_EXECUTABLE, "/tmp");
	put_text("self", "#!./self\n");
	assert_fit("./self", PROGRAM_NOT_EXECUTABLE, "too many");
	for (i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "level%d", i);
		snprintf(text, sizeof(text), i ? "#!./level%d\n" : "#!/bin/sh\n", i - 1);
		put_text(name, text);
		snprintf(text, sizeof(text), "./%s", name);
		assert_fit(text, PROGRAM_FITS, NULL);
	}
}

static void text_without_a_first_line_is_the_shells(void **state)
{
	_cleanup_(program_deinit) struct program program = {0};

	put_text("plain-text", "echo hello\n");
	assert_int_equal(program_examine("./plain-text", &program), 0);
	assert_int_equal(program.fit, PROGRAM_FITS);
	assert_string_equal(program.interpreter, "/bin/sh");
	put("binary", "\x00\x01\x02", 3);
	assert_fit("./binary", PROGRAM_NOT_EXECUTABLE, "not a program");
	put_text("hashbang-only", "#!");
	assert_fit("./hashbang-only", PROGRAM_NOT_EXECUTABLE, "not a program");
}

static void folders_and_permissions_are_told_apart(void **state)
{
	struct program program;

	assert_fit("/tmp", PROGRAM_NOT_EXECUTABLE, "directory");
	put_text("locked", "#!/bin/sh\n");
	assert_int_equal(chmod("locked", 0644), 0);
	assert_fit("./locked", PROGRAM_NOT_EXECUTABLE, "permission");
	assert_fit("./absent-file", PROGRAM_NOT_FOUND, NULL);
	assert_fit("./locked/below", PROGRAM_NOT_FOUND, NULL);
	assert_fit("", PROGRAM_NOT_FOUND, NULL);
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_int_equal(program_examine("./loop", &program), -ELOOP);
}

static void path_is_searched_as_execvp_does(void **state)
{
	_cleanup_free_ char *old = strdup(getenv("PATH"));
	_cleanup_(program_deinit) struct program program = {0};
	char path[256];

	mkdir("one", 0755);
	mkdir("two", 0755);
	put_text("one/tool", "#!/bin/sh\n");
	assert_int_equal(chmod("one/tool", 0644), 0);
	snprintf(path, sizeof(path), "/nowhere:%s/one:%s/two", folder, folder);
	setenv("PATH", path, 1);
	assert_fit("tool", PROGRAM_NOT_EXECUTABLE, "permission");
	assert_fit("other-tool", PROGRAM_NOT_FOUND, NULL);
	put_text("two/tool", "#!/bin/sh\n");
	assert_int_equal(program_examine("tool", &program), 0);
	assert_int_equal(program.fit, PROGRAM_FITS);
	snprintf(path, sizeof(path), "%s/two/tool", folder);
	assert_string_equal(program.path, path);
	/* an empty part is the current folder */
	put_text("here", "#!/bin/sh\n");
	setenv("PATH", "/nowhere:", 1);
	assert_fit("here", PROGRAM_FITS, NULL);
	unsetenv("PATH");
	assert_fit("sh", PROGRAM_FITS, NULL);
	setenv("PATH", old, 1);
}

/* Whatever the bytes say, there is an answer. */
static void damaged_files_are_answered(void **state)
{
	size_t size = 0, i;
	_cleanup_free_ char *bytes = read_plain(&size);
	struct program program;

	for (i = 0; i < 4096; i += 7) {
		char kept = bytes[i];
		int r;

		bytes[i] = (char)~kept;
		put("damaged", bytes, size);
		r = program_examine("./damaged", &program);
		assert_true(r <= 0);
		if (r == 0)
			program_deinit(&program);
		bytes[i] = kept;
	}
	for (i = 0; i < 1024; i += 31) {
		put("damaged", bytes, i);
		assert_int_equal(program_examine("./damaged", &program), 0);
		program_deinit(&program);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_program_fits),
		cmocka_unit_test(a_static_program_does_not),
		cmocka_unit_test(a_program_that_exports_malloc_does_not),
		cmocka_unit_test(a_program_with_a_sanitizer_does_not),
		cmocka_unit_test(other_machines_are_told_apart),
		cmocka_unit_test(other_loaders_are_other_libcs),
		cmocka_unit_test(set_id_counts_if_it_changes_who_one_is),
		cmocka_unit_test(scripts_are_followed_to_a_program),
		cmocka_unit_test(text_without_a_first_line_is_the_shells),
		cmocka_unit_test(folders_and_permissions_are_told_apart),
		cmocka_unit_test(path_is_searched_as_execvp_does),
		cmocka_unit_test(damaged_files_are_answered),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
