/* SPDX-License-Identifier: MIT */
/*
 * Names, files and lines of known places in programs that were compiled in many ways (subjects/), with
 * their debug information where distributions put it, and of all places in this program, compared with
 * addr2line.
 */
#include "symbolize/symbolizer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "symbolize/elffile.h"
#include "symbolize/source-path.h"
#include "symbolize/symtab.h"
#include "test.h"

/* Where a module is said to be in memory. */
static const uint64_t BIAS = 0x7f1200000000;

static char temp[PATH_MAX]; /* a folder, emptied before each test */

/* The output of a command of the shell; the caller frees. */
static char *output_of(const char *format, ...) _printf_(1, 2);

static char *output_of(const char *format, ...)
{
	_cleanup_free_ char *command = NULL;
	char *text;
	size_t size;
	va_list args;
	FILE *pipe;

	va_start(args, format);
	assert_true(vasprintf(&command, format, args) > 0);
	va_end(args);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(file_read_fd(fileno(pipe), SIZE_MAX / 2, &text, &size), 0);
	if (pclose(pipe) != 0)
		fail_msg("failed: %s", command);
	return text;
}

#define run(...) free(output_of(__VA_ARGS__))

static int set_up(void **state)
{
	run("rm -rf '%s' && mkdir -p '%s'", temp, temp);
	return 0;
}

/* A module of a symbolizer of its own. */
struct subject {
	struct symbolizer *symbolizer;
	uint32_t module;
	const struct symbolizer_frame *frames; /* of the last address */
	size_t n_frames;
};

static void subject_deinit(struct subject *subject)
{
	symbolizer_free(subject->symbolizer);
}

static struct subject open_with(const struct symbolizer_options *options, const char *path,
				const struct build_id *build_id)
{
	struct subject subject = {};
	struct symbolizer_module module = {.path = path, .bias = BIAS};

	if (build_id) {
		module.build_id = build_id->bytes;
		module.build_id_size = build_id->size;
	}
	assert_int_equal(symbolizer_new(options, &subject.symbolizer), 0);
	assert_int_equal(symbolizer_add_module(subject.symbolizer, &module, &subject.module), 0);
	return subject;
}

static struct subject open_subject(const char *path)
{
	static const struct symbolizer_options options = {.no_debuginfod = true};

	return open_with(&options, path, NULL);
}

static void resolve(struct subject *subject, uint64_t address)
{
	assert_int_equal(symbolizer_resolve(subject->symbolizer, subject->module, BIAS + address,
					    &subject->frames, &subject->n_frames),
			 0);
	assert_true(subject->n_frames > 0);
	for (size_t i = 0; i < subject->n_frames; i++) {
		const struct symbolizer_frame *frame = &subject->frames[i];

		assert_int_equal(frame->inlined, i + 1 < subject->n_frames);
		assert_true((frame->function && frame->line) || frame->why);
	}
}

/* The value of a symbol of a file that is not stripped; 0 if it has none of that name. */
static uint64_t address_of(const char *path, const char *name)
{
	_cleanup_(elffile_freep) struct elffile *file = NULL;
	GElf_Shdr header;
	Elf_Data *data;
	GElf_Sym symbol;

	assert_int_equal(elffile_open(path, &file), 0);
	data = elf_getdata(elffile_section_by_type(file, SHT_SYMTAB, &header), NULL);
	assert_non_null(data);
	for (int i = 0; gelf_getsym(data, i, &symbol); i++)
		if (strcmp(elf_strptr(file->elf, header.sh_link, symbol.st_name), name) == 0)
			return symbol.st_value;
	return 0;
}

static struct build_id build_id_of(const char *path)
{
	_cleanup_(elffile_freep) struct elffile *file = NULL;

	assert_int_equal(elffile_open(path, &file), 0);
	assert_int_equal(file->build_id.size, 20);
	return file->build_id;
}

static const char *hex_of(const struct build_id *build_id)
{
	static char hex[2 * sizeof(build_id->bytes) + 1];

	for (size_t i = 0; i < build_id->size; i++)
		sprintf(hex + 2 * i, "%02x", build_id->bytes[i]);
	return hex;
}

/* The number of the only line of a source file that has these words. */
static uint32_t line_with(const char *file, const char *words)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	size_t size;
	uint32_t line = 1;
	const char *found;

	assert_true(asprintf(&path, "%s/%s", SUBJECT_SOURCES, file) > 0);
	assert_int_equal(file_read(path, 1 << 20, &text, &size), 0);
	found = strstr(text, words);
	assert_non_null(found);
	assert_null(strstr(found + 1, words));
	for (const char *p = text; p < found; p++)
		line += *p == '\n';
	return line;
}

static void assert_frame(const struct subject *subject, size_t i, const char *function,
			 const char *file, const char *words)
{
	_cleanup_free_ char *path = NULL;
	const struct symbolizer_frame *frame = &subject->frames[i];

	assert_true(i < subject->n_frames);
	assert_non_null(frame->function);
	assert_string_equal(frame->function, function);
	assert_true(asprintf(&path, "%s/%s", SUBJECT_SOURCES, file) > 0);
	assert_non_null(frame->file);
	assert_string_equal(frame->file, path);
	assert_int_equal(frame->line, line_with(file, words));
	assert_null(frame->why);
}

/* One function at a probe, with its line. */
static void assert_probe(struct subject *subject, const char *symbols, const char *probe,
			 const char *function, const char *file, const char *words)
{
	uint64_t address = address_of(symbols, probe);

	assert_int_not_equal(address, 0);
	resolve(subject, address);
	assert_int_equal(subject->n_frames, 1);
	assert_frame(subject, 0, function, file, words);
}

/* All that is known of subject.c, in a file whose symbols are in symbols. */
static void assert_knows_all(struct subject *subject, const char *symbols)
{
	uint64_t cold _unused_ = address_of(symbols, "with_cold_part.cold");
	uint64_t outer = address_of(symbols, "outer");

	resolve(subject, address_of(symbols, "probe_innermost"));
	assert_int_equal(subject->n_frames, 3);
	assert_frame(subject, 0, "innermost", "subject.h", "PROBE(innermost)");
	assert_frame(subject, 1, "middle", "subject.c", "calls innermost");
	assert_frame(subject, 2, "outer", "subject.c", "calls middle");
	assert_null(subject->frames[0].linkage_name);
	assert_string_equal(subject->frames[2].linkage_name, "outer");
	assert_int_equal(subject->frames[2].offset, address_of(symbols, "probe_innermost") - outer);

	assert_probe(subject, symbols, "probe_local", "local", "subject.c", "PROBE(local)");
	assert_probe(subject, symbols, "probe_alias", "subject_public", "subject.c",
		     "PROBE(alias)");
#ifndef __clang__
	assert_int_not_equal(cold, 0);
	resolve(subject, cold);
	assert_int_equal(subject->n_frames, 1);
	assert_string_equal(subject->frames[0].function, "with_cold_part");
	assert_string_equal(subject->frames[0].linkage_name, "with_cold_part.cold");
	assert_int_equal(subject->frames[0].offset, 0);
	/* that another name was right for the cold half changes nothing for the rest */
	resolve(subject, address_of(symbols, "__two_implementation.cold"));
	assert_string_equal(subject->frames[0].function, "__two_implementation");
	resolve(subject, address_of(symbols, "two_public"));
	assert_string_equal(subject->frames[0].function, "two_public");
	assert_probe(subject, symbols, "probe_nested", "nested", "subject.c", "PROBE(nested)");
#endif
}

static void every_way_to_write_debug_information_is_read(void **state)
{
	static const char *const paths[] = {SUBJECT_DWARF5,      SUBJECT_DWARF4, SUBJECT_SPLIT,
					    SUBJECT_SPLIT4,      SUBJECT_LTO,    SUBJECT_COMPRESSED,
					    SUBJECT_LIBRARY_FILE};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_(subject_deinit) struct subject subject = open_subject(paths[i]);

		print_message("%s\n", paths[i]);
		assert_knows_all(&subject, paths[i]);
	}
}

static void cxx_functions_have_scopes_and_parameters(void **state)
{
	_cleanup_(subject_deinit) struct subject subject = open_subject(SUBJECT_CXX);
	static const struct {
		const char *probe, *function;
	} probes[] = {
		{"method", "shop::Basket::total(char const*) const"},
		{"instance", "int shop::twice<int>(int)"},
		{"helper", "shop::helper(int, long)"},
		{"hidden", "shop::(anonymous namespace)::hidden(int)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		char symbol[64], words[64];

		snprintf(symbol, sizeof(symbol), "probe_%s", probes[i].probe);
		snprintf(words, sizeof(words), "PROBE(%s)", probes[i].probe);
		assert_probe(&subject, SUBJECT_CXX, symbol, probes[i].function, "subject.cc",
			     words);
		assert_true(strncmp(subject.frames[0].linkage_name, "_ZN", 3) == 0);
	}
	resolve(&subject, address_of(SUBJECT_CXX, "probe_deep"));
	assert_int_equal(subject.n_frames, 2);
	assert_non_null(strstr(subject.frames[0].function, "shop::(anonymous namespace)::deep"));
	assert_frame(&subject, 1, "shop::with_deep(int)", "subject.cc", "calls deep");
	resolve(&subject, address_of(SUBJECT_CXX, "probe_lambda"));
	assert_int_equal(subject.n_frames, 2);
	assert_non_null(strstr(subject.frames[0].function, "with_lambda("));
	assert_non_null(strstr(subject.frames[0].function, "::operator()"));
	assert_frame(&subject, 1, "shop::with_lambda(int)", "subject.cc", "calls the lambda");
}

static void assert_symbol(struct subject *subject, const char *from, uint64_t offset,
			  const char *function, uint64_t function_offset)
{
	const struct symbolizer_frame *frame;

	resolve(subject, address_of(SUBJECT_LABELS, from) + offset);
	frame = &subject->frames[0];
	assert_int_equal(subject->n_frames, 1);
	if (!function) {
		assert_null(frame->function);
		assert_string_equal(frame->why, "no symbol covers this address");
		return;
	}
	assert_string_equal(frame->function, function);
	assert_int_equal(frame->offset, function_offset);
	assert_string_equal(frame->why, "no debug information");
}

static void of_many_symbols_the_right_one_is_taken(void **state)
{
	_cleanup_(subject_deinit) struct subject subject = open_subject(SUBJECT_LABELS);

	/* a label in a function that has a size is not another function */
	assert_symbol(&subject, "sized", 0, "sized", 0);
	assert_symbol(&subject, "sized", 12, "sized", 12);
	assert_symbol(&subject, "sized", 16, NULL, 0);
	/* without a size it reaches up to the next symbol, and the last one to the section's end */
	assert_symbol(&subject, "unsized", 0, "unsized", 0);
	assert_symbol(&subject, "unsized", 15, "unsized", 15);
	assert_symbol(&subject, "label", 0, "label", 0);
	assert_symbol(&subject, "last", 15, "last", 15);
	assert_symbol(&subject, "last", 64, NULL, 0);
	/* the public name is visible outside and has no underscores */
	assert_symbol(&subject, "twin", 3, "twin", 3);
	assert_symbol(&subject, "variable", 0, NULL, 0);
}

/* temp/usr/bin/subject is stripped, temp/debug has what it had. */
static void strip_into_temp(const char *path)
{
	run("mkdir -p %s/usr/bin %s/usr/lib/debug/usr/bin", temp, temp);
	run("objcopy --only-keep-debug %s %s/debug", path, temp);
	run("strip -o %s/usr/bin/subject %s", temp, path);
}

static const char *in_temp(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", temp, name);
	return path;
}

static void a_separate_file_is_found_by_build_id(void **state)
{
	static const char *const paths[] = {SUBJECT_DWARF5, SUBJECT_DWARF4, SUBJECT_LIBRARY_FILE};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct build_id build_id = build_id_of(paths[i]);
		struct symbolizer_options options = {.root = temp, .no_debuginfod = true};
		const char *hex = hex_of(&build_id);

		strip_into_temp(paths[i]);
		run("mkdir -p %s/usr/lib/debug/.build-id/%.2s", temp, hex);
		run("mv %s/debug %s/usr/lib/debug/.build-id/%.2s/%s.debug", temp, temp, hex,
		    hex + 2);
		for (int known = 0; known < 3; known++) {
			/* without the ID, with it, and without the program itself */
			_cleanup_(subject_deinit) struct subject subject =
				open_with(&options, "/usr/bin/subject", known ? &build_id : NULL);

			if (known == 2)
				run("rm %s/usr/bin/subject", temp);
			assert_knows_all(&subject, paths[i]);
		}
	}
}

static void a_separate_file_is_found_by_link_if_the_checksum_is_right(void **state)
{
	static const char *const places[] = {"usr/bin/subject.debug",
					     "usr/bin/.debug/subject.debug",
					     "usr/lib/debug/usr/bin/subject.debug"};
	struct symbolizer_options options = {.root = temp, .no_debuginfod = true};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		for (int damaged = 0; damaged < 2; damaged++) {
			_cleanup_(subject_deinit) struct subject subject = {};

			set_up(NULL);
			strip_into_temp(SUBJECT_DWARF5);
			run("mkdir -p %s/usr/bin/.debug; mv %s/debug %s/subject.debug", temp, temp,
			    temp);
			run("objcopy --remove-section .note.gnu.build-id %s/subject.debug", temp);
			run("objcopy --add-gnu-debuglink=%s/subject.debug %s/usr/bin/subject", temp,
			    temp);
			if (damaged)
				run("printf x >>%s/subject.debug", temp);
			run("mv %s/subject.debug %s/%s", temp, temp, places[i]);
			subject = open_with(&options, "/usr/bin/subject", NULL);
			if (!damaged) {
				assert_knows_all(&subject, SUBJECT_DWARF5);
				continue;
			}
			resolve(&subject, address_of(SUBJECT_DWARF5, "probe_local"));
			assert_null(subject.frames[0].function);
			assert_string_equal(subject.frames[0].why, "stripped: no symbol table");
		}
	}
}

static void what_dwz_shares_between_files_is_found(void **state)
{
	struct symbolizer_options options = {.root = temp, .no_debuginfod = true};
	_cleanup_(subject_deinit) struct subject subject = {};

	if (system("command -v dwz >/dev/null") != 0)
		skip();
	run("mkdir -p %s/usr/lib/debug/.dwz %s/usr/bin", temp, temp);
	run("cp %s %s/usr/bin/a; cp %s %s/usr/bin/b", SUBJECT_CXX, temp, SUBJECT_CXX, temp);
	run("dwz -m %s/usr/lib/debug/.dwz/common -M /usr/lib/debug/.dwz/common %s/usr/bin/[ab]",
	    temp, temp);
	subject = open_with(&options, "/usr/bin/a", NULL);
	assert_probe(&subject, SUBJECT_CXX, "probe_method",
		     "shop::Basket::total(char const*) const", "subject.cc", "PROBE(method)");
	resolve(&subject, address_of(SUBJECT_CXX, "probe_deep"));
	assert_int_equal(subject.n_frames, 2);
	assert_non_null(strstr(subject.frames[0].function, "deep"));
	assert_frame(&subject, 1, "shop::with_deep(int)", "subject.cc", "calls deep");
	/* the names were in the common file */
	run("rm %s/usr/lib/debug/.dwz/common", temp);
	subject_deinit(&subject);
	subject = open_with(&options, "/usr/bin/a", NULL);
	resolve(&subject, address_of(SUBJECT_CXX, "probe_deep"));
	assert_int_equal(subject.n_frames, 2);
	assert_null(subject.frames[0].function);
}

static void a_server_is_asked_only_if_one_is_configured_and_allowed(void **state)
{
	struct build_id build_id = build_id_of(SUBJECT_DWARF5);
	uint64_t address = address_of(SUBJECT_DWARF5, "probe_local");

	strip_into_temp(SUBJECT_DWARF5);
	run("mkdir -p %s/server/buildid/%s %s/cache", temp, hex_of(&build_id), temp);
	run("mv %s/debug %s/server/buildid/%s/debuginfo", temp, temp, hex_of(&build_id));
	setenv("DEBUGINFOD_CACHE_PATH", in_temp("cache"), 1);
	for (int i = 0; i < 3; i++) {
		struct symbolizer_options options = {.no_debuginfod = i == 1};
		_cleanup_(subject_deinit) struct subject subject = {};

		unsetenv("DEBUGINFOD_URLS");
		if (i > 0) {
			char url[PATH_MAX + 16];

			snprintf(url, sizeof(url), "file://%s/server/", temp);
			setenv("DEBUGINFOD_URLS", url, 1);
		}
		subject = open_with(&options, in_temp("usr/bin/subject"), &build_id);
		resolve(&subject, address);
		if (i < 2)
			assert_null(subject.frames[0].function);
		else
			assert_knows_all(&subject, SUBJECT_DWARF5);
	}
	unsetenv("DEBUGINFOD_URLS");
}

static void a_stripped_file_has_the_symbols_that_are_packed_into_it(void **state)
{
	_cleanup_(subject_deinit) struct subject subject = {};

	strip_into_temp(SUBJECT_DWARF5);
	run("strip --strip-debug -o %s/mini %s && xz %s/mini", temp, SUBJECT_DWARF5, temp);
	run("objcopy --add-section .gnu_debugdata=%s/mini.xz %s/usr/bin/subject", temp, temp);
	subject = open_subject(in_temp("usr/bin/subject"));
	resolve(&subject, address_of(SUBJECT_DWARF5, "probe_local"));
	assert_string_equal(subject.frames[0].function, "local");
	assert_string_equal(subject.frames[0].why, "no debug information");
}

static void a_stripped_library_has_what_it_exports(void **state)
{
	_cleanup_(subject_deinit) struct subject subject = {};
	const char *path = SUBJECT_LIBRARY_FILE;
	uint64_t public = address_of(path, "subject_public");

	strip_into_temp(path);
	subject = open_subject(in_temp("usr/bin/subject"));
	resolve(&subject, address_of(path, "probe_alias"));
	assert_string_equal(subject.frames[0].function, "subject_public");
	assert_int_equal(subject.frames[0].offset, address_of(path, "probe_alias") - public);
	assert_string_equal(subject.frames[0].why, "no debug information");
	/* and the nearest name is not good enough for what is not exported */
	resolve(&subject, address_of(path, "local"));
	assert_null(subject.frames[0].function);
	assert_string_equal(subject.frames[0].why, "stripped: no symbol table");
}

static void without_its_split_half_a_program_still_has_functions_and_lines(void **state)
{
	_cleanup_(subject_deinit) struct subject subject = {};

	/* the half is found from where the program was built, which a copied string hides */
	run("sed 's/[.]dwo/.xyz/g' %s >%s/split", SUBJECT_SPLIT, temp);
	subject = open_subject(in_temp("split"));
	resolve(&subject, address_of(SUBJECT_SPLIT, "probe_innermost"));
	assert_int_equal(subject.n_frames, 1);
	assert_frame(&subject, 0, "outer", "subject.h", "PROBE(innermost)");
}

static void what_is_no_longer_there_says_so(void **state)
{
	struct build_id build_id = build_id_of(SUBJECT_DWARF5), other = build_id_of(SUBJECT_CXX);
	uint64_t address = address_of(SUBJECT_DWARF5, "probe_local");
	char deleted[PATH_MAX + 128];
	const struct {
		const char *path, *why;
		const struct build_id *build_id;
	} cases[] = {
		{SUBJECT_DWARF5, "file was replaced since", &other},
		{"/no/such/file", "file not found", &build_id},
		{"/no/such/file", "file not found", NULL},
		{"[heap]", "file not found", NULL},
		{"", "file not found", NULL},
		{"/dev/null", "not an ELF file", NULL},
		{SUBJECT_SOURCES "/subject.c", "not an ELF file", NULL},
		{"/no/such/file (deleted)", "file was deleted", &build_id},
		{deleted, "file was deleted", NULL},
		{deleted, "file was deleted", &other},
	};

	snprintf(deleted, sizeof(deleted), "%s (deleted)", SUBJECT_DWARF5);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct symbolizer_options options = {.no_debuginfod = true};
		_cleanup_(subject_deinit) struct subject subject =
			open_with(&options, cases[i].path, cases[i].build_id);

		resolve(&subject, address);
		assert_int_equal(subject.n_frames, 1);
		assert_null(subject.frames[0].function);
		assert_string_equal(subject.frames[0].why, cases[i].why);
	}
}

static void the_right_file_is_found_wherever_it_is(void **state)
{
	struct build_id self = build_id_of("/proc/self/exe");
	struct symbolizer_options options = {.no_debuginfod = true, .pid = getpid()};
	_cleanup_(subject_deinit) struct subject subject = {};
	char deleted[PATH_MAX + 16];

	/* the process still has it */
	subject = open_with(&options, "/no/such/file (deleted)", &self);
	resolve(&subject, address_of("/proc/self/exe", "main"));
	assert_string_equal(subject.frames[0].function, "main");
	subject_deinit(&subject);

	/* another file took its place, and that is the same */
	self = build_id_of(SUBJECT_DWARF5);
	snprintf(deleted, sizeof(deleted), "%s (deleted)", SUBJECT_DWARF5);
	subject = open_with(&options, deleted, &self);
	assert_knows_all(&subject, SUBJECT_DWARF5);
	subject_deinit(&subject);

	/* there is none in the root of the process, but here */
	options.root = temp;
	subject = open_with(&options, SUBJECT_DWARF5, &self);
	assert_knows_all(&subject, SUBJECT_DWARF5);
}

static void code_without_a_module_is_named_by_the_perf_map(void **state)
{
	struct symbolizer_options options = {
		.no_debuginfod = true, .root = temp, .pid = getpid(), .ns_pid = 77};
	const struct symbolizer_frame *frames;
	static const char text[] = "5000 100 LazyCompile:*work /srv/app.js:3:1\n";

	for (int has_map = 0; has_map < 2; has_map++) {
		_cleanup_(symbolizer_freep) struct symbolizer *symbolizer = NULL;
		size_t n;

		if (has_map) {
			run("mkdir %s/tmp", temp);
			assert_int_equal(file_write(in_temp("tmp/perf-77.map"), text, strlen(text)),
					 0);
		}
		assert_int_equal(symbolizer_new(&options, &symbolizer), 0);
		assert_int_equal(
			symbolizer_resolve(symbolizer, SYMBOLIZER_NO_MODULE, 0x5010, &frames, &n),
			0);
		assert_int_equal(n, 1);
		if (!has_map) {
			assert_null(frames[0].function);
			assert_string_equal(frames[0].why,
					    "in no module, and there is no perf map");
			continue;
		}
		assert_string_equal(frames[0].function, "work");
		assert_string_equal(frames[0].file, "/srv/app.js");
		assert_int_equal(frames[0].line, 3);
		assert_int_equal(frames[0].offset, 0x10);
		assert_int_equal(
			symbolizer_resolve(symbolizer, SYMBOLIZER_NO_MODULE, 0x6000, &frames, &n),
			0);
		assert_null(frames[0].function);
		assert_string_equal(frames[0].why, "in no module, and not in the perf map");
	}
}

static void code_without_a_module_is_what_was_told_before_the_perf_map(void **state)
{
	struct symbolizer_options options = {.no_debuginfod = true, .root = temp, .pid = getpid()};
	const struct symbolizer_frame told[] = {
		{.function = "Inner.call", .file = "Inner.java", .line = 7, .inlined = true},
		{.function = "Outer.call", .file = "Outer.java", .line = 70},
	};
	const struct symbolizer_frame later = {.function = "Another.call"}, *frames;
	_cleanup_(symbolizer_freep) struct symbolizer *symbolizer = NULL;
	size_t n;

	assert_int_equal(symbolizer_new(&options, &symbolizer), 0);
	/* an answer that was given without it is forgotten, and what was told stays */
	assert_int_equal(symbolizer_resolve(symbolizer, SYMBOLIZER_NO_MODULE, 0x5010, &frames, &n),
			 0);
	assert_null(frames[0].function);
	assert_int_equal(symbolizer_tell(symbolizer, 0x5010, told, 2), 0);
	assert_int_equal(symbolizer_tell(symbolizer, 0x5010, &later, 1), 0);
	assert_int_equal(symbolizer_resolve(symbolizer, SYMBOLIZER_NO_MODULE, 0x5010, &frames, &n),
			 0);
	assert_int_equal(n, 2);
	assert_string_equal(frames[0].function, "Inner.call");
	assert_true(frames[0].inlined);
	assert_string_equal(frames[1].file, "Outer.java");
	assert_int_equal(frames[1].line, 70);
	assert_int_equal(symbolizer_resolve(symbolizer, SYMBOLIZER_NO_MODULE, 0x5011, &frames, &n),
			 0);
	assert_null(frames[0].function);
}

static void the_vdso_is_known(void **state)
{
	uint64_t base = getauxval(AT_SYSINFO_EHDR);
	struct subject subject = {};
	bool found = false;

	if (!base)
		skip();
	subject = open_subject("linux-vdso.so.1");
	for (uint64_t address = 0; address < 8192; address += 16) {
		resolve(&subject, address);
		found |=
			subject.frames[0].function && strstr(subject.frames[0].function, "gettime");
	}
	subject_deinit(&subject);
	assert_true(found);
}

static void the_same_module_is_told_once(void **state)
{
	_cleanup_(symbolizer_freep) struct symbolizer *symbolizer = NULL;
	struct symbolizer_options options = {};
	struct symbolizer_module a = {.path = SUBJECT_DWARF5, .bias = 0x1000};
	struct symbolizer_module b = {.path = SUBJECT_DWARF5, .bias = 0x200000};
	struct symbolizer_module c = {.path = SUBJECT_CXX, .bias = 0x1000};
	const struct symbolizer_frame *frames;
	uint64_t local = address_of(SUBJECT_DWARF5, "probe_local");
	uint32_t index[4];
	const char *file;
	size_t n;

	assert_int_equal(symbolizer_new(&options, &symbolizer), 0);
	assert_int_equal(symbolizer_add_module(symbolizer, &a, &index[0]), 0);
	assert_int_equal(symbolizer_add_module(symbolizer, &b, &index[1]), 0);
	assert_int_equal(symbolizer_add_module(symbolizer, &c, &index[2]), 0);
	assert_int_equal(symbolizer_add_module(symbolizer, &a, &index[3]), 0);
	assert_int_equal(index[0], index[3]);
	assert_int_not_equal(index[0], index[1]);
	assert_int_not_equal(index[0], index[2]);
	assert_int_equal(symbolizer_resolve(symbolizer, index[0], 0x1000 + local, &frames, &n), 0);
	assert_string_equal(frames[0].function, "local");
	file = frames[0].file;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			symbolizer_resolve(symbolizer, index[1], 0x200000 + local, &frames, &n), 0);
		assert_string_equal(frames[0].function, "local");
		assert_ptr_equal(frames[0].file, file);
	}
	/* what is in no file at all */
	assert_int_equal(symbolizer_resolve(symbolizer, index[0], 0, &frames, &n), 0);
	assert_null(frames[0].function);
	assert_int_equal(symbolizer_resolve(symbolizer, 12345, 0, &frames, &n), 0);
	assert_null(frames[0].function);
}

/* The next line of text, which ends at a zero then. */
static char *next_line(char **text)
{
	return strsep(text, "\n");
}

/*
 * Not so: padding, where addr2line goes on with the function before; what a sanitizer adds, outside of
 * the ranges of its unit; and link-time optimisation, of which addr2line takes the wrong file.
 */
static bool is_comparable(const struct symbolizer_frame *frame, const char *file, uint32_t line)
{
	return frame->function && line > 0 && !strstr(file, "<artificial>") &&
	       (frame->line > 0 || strncmp(frame->function, "_sub_", 5) != 0);
}

/* Compares the frames of one address with lines of addr2line, up to the next address. */
static void compare_frames(const struct subject *subject, char **text)
{
	size_t i = 0;

	while (*text && **text && strncmp(*text, "0x", 2) != 0) {
		const char *function = next_line(text);
		char *file = next_line(text), *colon;
		uint32_t line;

		assert_non_null(file);
		colon = strrchr(file, ':');
		assert_non_null(colon);
		*colon = 0;
		line = (uint32_t)strtoul(colon + 1, NULL, 10);
		assert_true(i < subject->n_frames);
		if (is_comparable(&subject->frames[i], file, line)) {
			source_path_shorten(file);
			assert_int_equal(subject->frames[i].line, line);
			assert_string_equal(subject->frames[i].file, file);
			/* one of two names of the same function */
			if (!strstr(function, "implementation"))
				assert_string_equal(subject->frames[i].function, function);
		}
		i++;
	}
	assert_int_equal(i, subject->n_frames);
}

static void every_address_is_as_addr2line_says(void **state)
{
	static const char *const paths[] = {SUBJECT_DWARF5, SUBJECT_DWARF4, SUBJECT_LTO,
					    "/proc/self/exe"};
	enum { STEP = 3 };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_(subject_deinit) struct subject subject = open_subject(paths[i]);
		_cleanup_free_ char *answers = NULL, *path = realpath(paths[i], NULL);
		char *text;
		_cleanup_(elffile_freep) struct elffile *file = NULL;
		GElf_Shdr header;
		FILE *list = fopen(in_temp("addresses"), "w");

		assert_int_equal(elffile_open(path, &file), 0);
		assert_non_null(elffile_section(file, ".text", &header));
		assert_non_null(list);
		for (uint64_t a = 0; a < MIN(header.sh_size, (uint64_t)30000); a += STEP)
			fprintf(list, "%#lx\n", header.sh_addr + a);
		fclose(list);
		answers = output_of("addr2line -afie %s <%s/addresses | sed 's/ (discr.*//'", path,
				    temp);
		text = answers;
		while (text && *text) {
			uint64_t address = strtoul(next_line(&text), NULL, 16);

			resolve(&subject, address);
			compare_frames(&subject, &text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_way_to_write_debug_information_is_read, set_up),
		cmocka_unit_test_setup(cxx_functions_have_scopes_and_parameters, set_up),
		cmocka_unit_test_setup(of_many_symbols_the_right_one_is_taken, set_up),
		cmocka_unit_test_setup(a_separate_file_is_found_by_build_id, set_up),
		cmocka_unit_test_setup(a_separate_file_is_found_by_link_if_the_checksum_is_right,
				       set_up),
		cmocka_unit_test_setup(what_dwz_shares_between_files_is_found, set_up),
		cmocka_unit_test_setup(a_server_is_asked_only_if_one_is_configured_and_allowed,
				       set_up),
		cmocka_unit_test_setup(a_stripped_file_has_the_symbols_that_are_packed_into_it,
				       set_up),
		cmocka_unit_test_setup(a_stripped_library_has_what_it_exports, set_up),
		cmocka_unit_test_setup(
			without_its_split_half_a_program_still_has_functions_and_lines, set_up),
		cmocka_unit_test_setup(what_is_no_longer_there_says_so, set_up),
		cmocka_unit_test_setup(the_right_file_is_found_wherever_it_is, set_up),
		cmocka_unit_test_setup(code_without_a_module_is_named_by_the_perf_map, set_up),
		cmocka_unit_test_setup(code_without_a_module_is_what_was_told_before_the_perf_map,
				       set_up),
		cmocka_unit_test_setup(the_vdso_is_known, set_up),
		cmocka_unit_test_setup(the_same_module_is_told_once, set_up),
		cmocka_unit_test_setup(every_address_is_as_addr2line_says, set_up),
	};
	int r;

	snprintf(temp, sizeof(temp), "/tmp/test-symbolizer-%d", (int)getpid());
	r = cmocka_run_group_tests(tests, NULL, NULL);
	run("rm -rf '%s'", temp);
	return r;
}
