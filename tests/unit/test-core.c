/* SPDX-License-Identifier: MIT */
/*
 * test-core.c: core files made of pieces, whole and damaged.
 */
#include "process/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "process/memory.h"
#include "tests/support/core-maker.h"
#include "tests/unit/test.h"

enum { PAGE = 4096 };
static const uint64_t heap = 0x555555600000, stack = 0x7ffffff00000, image = 0x555555550000;

static char page_of_ones[PAGE];

static struct core *open_made(struct core_maker *maker, const char *exe)
{
	_cleanup_close_ int fd = core_maker_finish(maker);
	struct core *core = NULL;

	core_maker_deinit(maker);
	assert_int_equal(core_open_fd(fd, exe, &core), 0);
	return core;
}

/* Three pages of heap, the second of zeros and the third not dumped. */
static void add_heap(struct core_maker *maker)
{
	char bytes[2 * PAGE] = {0};

	memset(bytes, 'x', PAGE);
	memset(page_of_ones, 1, PAGE);
	core_maker_add_process(maker, 4711, "victim", "./victim one two");
	core_maker_add_thread(maker, 4712, SIGSEGV, stack + 64);
	core_maker_add_thread(maker, 4711, 0, stack + 128);
	core_maker_add_segment(maker, heap, 3 * PAGE, PF_R | PF_W, bytes, 2 * PAGE);
}

static void says_which_process_it_was_and_why_it_ended(void **state)
{
	struct core_maker maker = {};
	struct core *core;
	const struct core_thread *threads;
	const struct procinfo *info;
	size_t n;

	add_heap(&maker);
	core = open_made(&maker, NULL);
	info = core_info(core);
	assert_int_equal(info->pid, 4711);
	assert_int_equal(info->ppid, 1);
	assert_string_equal(info->comm, "victim");
	assert_string_equal(info->cmdline[0], "./victim");
	assert_string_equal(info->cmdline[2], "two");
	assert_null(info->cmdline[3]);
	assert_int_equal(info->n_threads, 2);
	assert_int_equal(core_signal(core), SIGSEGV);
	threads = core_threads(core, &n);
	assert_int_equal(n, 2);
	assert_int_equal(threads[0].tid, 4712);
	assert_int_equal(threads[0].sp, stack + 64);
	assert_int_equal(threads[1].tid, 4711);
	core_free(core);
}

/* Seconds since the epoch, of a core whose file was written to the end so long after it was begun. */
static double taken_at(double writing_s, double *ret_begun)
{
	char path[] = "/tmp/memtrace-test-core-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	struct core_maker maker = {};
	struct timespec now, times[2];
	struct core *core;
	struct statx st;
	double taken;

	assert_true(fd >= 0);
	unlink(path);
	add_heap(&maker);
	_cleanup_close_ int made = core_maker_finish(&maker);
	core_maker_deinit(&maker);
	assert_true(sendfile(fd, made, &(off_t){0}, 1 << 20) > 0);
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	times[0] = times[1] = (struct timespec){.tv_sec = now.tv_sec + (time_t)writing_s};
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st), 0);
	*ret_begun = st.stx_mask & STATX_BTIME ? (double)st.stx_btime.tv_sec : NAN;
	assert_int_equal(core_open_fd(fd, NULL, &core), 0);
	taken = core_taken_at(core);
	core_free(core);
	return taken;
}

static void was_taken_when_it_was_begun(void **state)
{
	double begun, taken = taken_at(5, &begun);

	if (isnan(begun))
		skip();
	assert_true(taken >= begun && taken < begun + 2);
	/* the file was there before, with something else in it */
	taken = taken_at(100000, &begun);
	assert_true(taken > begun + 99000);
}

static void reads_what_was_dumped_and_nothing_else(void **state)
{
	struct core_maker maker = {};
	struct memory *memory;
	struct core *core;
	char bytes[PAGE];

	add_heap(&maker);
	core = open_made(&maker, NULL);
	assert_int_equal(memory_open_core(core, &memory), 0);
	assert_int_equal(memory_read(memory, heap + PAGE - 1, bytes, 2), 0);
	assert_int_equal(bytes[0], 'x');
	assert_int_equal(bytes[1], 0);
	assert_int_equal(memory_read(memory, heap + 2 * PAGE - 1, bytes, 2), -EFAULT);
	assert_int_equal(memory_read(memory, heap - 1, bytes, 2), -EFAULT);
	assert_int_equal(memory_read(memory, UINT64_MAX, bytes, 1), -EFAULT);
	memory_free(memory);
	core_free(core);
}

static void counts_pages_with_contents_as_resident_and_zeros_apart(void **state)
{
	struct core_maker maker = {};
	struct memory *memory;
	struct core *core;
	uint8_t pages[5];

	add_heap(&maker);
	core = open_made(&maker, NULL);
	assert_int_equal(core_measure(core), 0);
	assert_int_equal(core_maps(core)->n_mappings, 1);
	assert_int_equal(core_maps(core)->mappings[0].rss, PAGE);
	assert_int_equal(core_maps(core)->mappings[0].private_dirty, PAGE);
	assert_int_equal(core_info(core)->rss, PAGE);
	assert_int_equal(core_info(core)->vsz, 3 * PAGE);
	assert_int_equal(core_zero_bytes(core), PAGE);
	assert_int_equal(memory_open_core(core, &memory), 0);
	assert_int_equal(memory_pages(memory, heap - PAGE, 5, pages), 0);
	assert_memory_equal(pages, ((uint8_t[]){0, MEMORY_RESIDENT, 0, 0, 0}), 5);
	assert_int_equal(memory_pages(memory, heap + 1, 1, pages), -EINVAL);
	memory_free(memory);
	core_free(core);
}

/* A file of two pages, the first all 'a', the second all 'b'. */
static char *make_file(void)
{
	char *path = strdup("/tmp/test-core-XXXXXX"), bytes[2 * PAGE];
	_cleanup_close_ int fd = mkstemp(path);

	memset(bytes, 'a', PAGE);
	memset(bytes + PAGE, 'b', PAGE);
	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, bytes, sizeof(bytes)), 0);
	return path;
}

static void set_age(const char *path, time_t seconds)
{
	struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A core of a program whose file is at path: its first page is in a segment that was not dumped. */
static void add_program(struct core_maker *maker, const char *path)
{
	const uint64_t auxv[] = {AT_PHDR, image + 64, AT_NULL, 0};
	const struct core_maker_file files[] = {
		{image, image + PAGE, 0, path},
		{image + PAGE, image + 2 * PAGE, 1, path},
		{image + 0x100000, image + 0x101000, 0, "/dev/shm/shared (deleted)"},
	};

	add_heap(maker);
	core_maker_add_auxv(maker, auxv, 2);
	core_maker_add_files(maker, files, ARRAY_SIZE(files));
	core_maker_add_segment(maker, image, PAGE, PF_R | PF_X, NULL, 0);
}

static void takes_what_was_not_dumped_from_the_file_that_was_mapped(void **state)
{
	_cleanup_free_ char *path = make_file();
	struct core_maker maker = {};
	struct core *core;
	char bytes[2];

	set_age(path, 1);
	add_program(&maker, path);
	core = open_made(&maker, NULL);
	assert_string_equal(core_info(core)->exe, path);
	assert_int_equal(core_read(core, image + PAGE - 1, bytes, 2), 0);
	assert_memory_equal(bytes, "ab", 2);
	core_free(core);
	unlink(path);
}

static void does_not_take_a_file_that_was_changed_since(void **state)
{
	_cleanup_free_ char *path = make_file();
	struct core_maker maker = {};
	struct core_damage damage;
	struct core *core;
	char bytes[2];

	set_age(path, 1ll << 33);
	add_program(&maker, path);
	core = open_made(&maker, NULL);
	core_damage(core, &damage);
	assert_int_equal(damage.n_replaced_files, 0);
	assert_int_equal(core_read(core, image, bytes, 2), -EFAULT);
	core_damage(core, &damage);
	assert_int_equal(damage.n_replaced_files, 1);
	assert_string_equal(damage.file, path);
	core_free(core);
	unlink(path);
}

static void takes_the_program_from_where_it_is_now(void **state)
{
	_cleanup_free_ char *path = make_file();
	struct core_maker maker = {};
	struct core *core;
	char bytes[2];

	set_age(path, 1);
	add_program(&maker, "/nowhere/program");
	core = open_made(&maker, path);
	assert_string_equal(core_info(core)->exe, "/nowhere/program");
	assert_int_equal(core_read(core, image + PAGE - 1, bytes, 2), 0);
	assert_memory_equal(bytes, "ab", 2);
	core_free(core);
	unlink(path);
}

static void lays_segments_and_files_over_each_other(void **state)
{
	const struct mapping *mapping;
	struct core_maker maker = {};
	struct core *core;

	add_program(&maker, "/nowhere/program");
	core_maker_add_segment(&maker, image + 2 * PAGE, PAGE, PF_R | PF_W, page_of_ones, PAGE);
	/* a part of the heap that was advised to be something else */
	core_maker_add_segment(&maker, heap + 3 * PAGE, PAGE, PF_R | PF_W, page_of_ones, PAGE);
	core = open_made(&maker, NULL);
	assert_int_equal(core_maps(core)->n_mappings, 6);
	mapping = &core_maps(core)->mappings[0];
	assert_true(mapping[0].start == image && mapping[0].exec && !mapping[0].offset);
	assert_string_equal(mapping[1].path, "/nowhere/program");
	assert_true(mapping[1].offset == PAGE && mapping[1].read && !mapping[1].write);
	/* bss of the program, not the heap */
	assert_string_equal(mapping[2].path, "");
	assert_int_equal(mapping[3].start, heap);
	assert_string_equal(mapping[3].path, "[heap]");
	assert_int_equal(mapping[4].start, heap + 3 * PAGE);
	assert_string_equal(mapping[4].path, "[heap]");
	mapping = maps_find(core_maps(core), image + 0x100000);
	assert_string_equal(mapping->path, "/dev/shm/shared");
	assert_true(mapping->deleted && mapping->shared);
	core_free(core);
}

static void finds_all_arguments_on_the_stack(void **state)
{
	static const uint64_t auxv[] = {AT_PAGESZ, 4096, AT_RANDOM, 0x7ffffff00000 + 512,
					AT_NULL,   0};
	uint64_t words[PAGE / 8] = {0};
	const uint64_t begin[] = {2, stack + 520, stack + 528, 0, stack + 536, 0};
	struct core_maker maker = {};
	struct core *core;

	memcpy(words + 4, begin, sizeof(begin));
	memcpy(words + 4 + ARRAY_SIZE(begin), auxv, sizeof(auxv));
	memcpy((char *)words + 520, "./a b", 6);
	memcpy((char *)words + 528, "", 1);
	add_heap(&maker);
	core_maker_add_auxv(&maker, auxv, ARRAY_SIZE(auxv) / 2);
	core_maker_add_segment(&maker, stack, PAGE, PF_R | PF_W, words, PAGE);
	core = open_made(&maker, NULL);
	assert_string_equal(core_info(core)->cmdline[0], "./a b");
	assert_string_equal(core_info(core)->cmdline[1], "");
	assert_null(core_info(core)->cmdline[2]);
	assert_string_equal(maps_find(core_maps(core), stack)->path, "[stack]");
	core_free(core);
}

static void serves_what_is_there_of_a_core_that_was_cut_off(void **state)
{
	struct core_maker maker = {};
	struct core_damage damage;
	struct core *core;
	struct stat st;
	char byte;
	int fd;

	add_heap(&maker);
	fd = core_maker_finish(&maker);
	core_maker_deinit(&maker);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size - PAGE - 100), 0);
	assert_int_equal(core_open_fd(fd, NULL, &core), 0);
	core_damage(core, &damage);
	assert_int_equal(damage.missing_bytes, PAGE + 100);
	assert_int_equal(core_read(core, heap, &byte, 1), 0);
	assert_int_equal(core_read(core, heap + PAGE - 1, &byte, 1), -EFAULT);
	assert_int_equal(core_measure(core), 0);
	assert_int_equal(core_info(core)->rss, PAGE);
	core_free(core);
	close(fd);
}

static int open_bytes(const void *bytes, size_t size)
{
	char path[] = "/tmp/test-core-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	struct core *core;
	int r;

	unlink(path);
	assert_int_equal(file_write_fd(fd, bytes, size), 0);
	r = core_open_fd(fd, NULL, &core);
	if (r == 0)
		core_free(core);
	return r;
}

static void refuses_what_is_no_core_of_this_machine(void **state)
{
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
	};

	assert_int_equal(open_bytes("hello", 5), -EPROTO);
	assert_int_equal(open_bytes(&header, sizeof(header)), -EPROTO);
	header.e_type = ET_CORE;
	header.e_machine = EM_S390;
	assert_int_equal(open_bytes(&header, sizeof(header)), -EPROTONOSUPPORT);
	header.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(open_bytes(&header, sizeof(header)), -EPROTONOSUPPORT);
}

static void refuses_segments_that_overlap_or_share_bytes(void **state)
{
	struct core_maker maker = {};
	struct core *core;
	int fd;

	add_heap(&maker);
	core_maker_add_segment(&maker, heap + PAGE, PAGE, PF_R, NULL, 0);
	fd = core_maker_finish(&maker);
	core_maker_deinit(&maker);
	assert_int_equal(core_open_fd(fd, NULL, &core), -EBADMSG);
	close(fd);
	add_heap(&maker);
	for (int i = 1; i < 9; i++) {
		core_maker_add_segment(&maker, heap + (uint64_t)i * 0x10000, PAGE, PF_R, NULL, 0);
		maker.headers[i].p_filesz = PAGE;
		maker.headers[i].p_offset = 0;
	}
	fd = core_maker_finish(&maker);
	core_maker_deinit(&maker);
	assert_int_equal(core_open_fd(fd, NULL, &core), -EBADMSG);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_which_process_it_was_and_why_it_ended),
		cmocka_unit_test(was_taken_when_it_was_begun),
		cmocka_unit_test(reads_what_was_dumped_and_nothing_else),
		cmocka_unit_test(counts_pages_with_contents_as_resident_and_zeros_apart),
		cmocka_unit_test(takes_what_was_not_dumped_from_the_file_that_was_mapped),
		cmocka_unit_test(does_not_take_a_file_that_was_changed_since),
		cmocka_unit_test(takes_the_program_from_where_it_is_now),
		cmocka_unit_test(lays_segments_and_files_over_each_other),
		cmocka_unit_test(finds_all_arguments_on_the_stack),
		cmocka_unit_test(serves_what_is_there_of_a_core_that_was_cut_off),
		cmocka_unit_test(refuses_what_is_no_core_of_this_machine),
		cmocka_unit_test(refuses_segments_that_overlap_or_share_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
