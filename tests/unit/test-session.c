/* SPDX-License-Identifier: MIT */
#include "profile/session.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "profile/payload.h"
#include "sample-arenas.h"
#include "sample-profile.h"
#include "test.h"

static char directory[] = "/tmp/memtrace-session-XXXXXX";
static char path[64];

static int make_directory(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	strcpy(path, directory);
	strcat(path, "/s.memtrace");
	return 0;
}

static int remove_directory(void **state)
{
	unlink(path);
	return rmdir(directory);
}

/* Equal profiles have equal payloads: the writer looks at every field and is deterministic. */
static void assert_same(const struct profile *a, const struct profile *b)
{
	struct strbuf x = {}, y = {};

	assert_int_equal(payload_write(a, &x), 0);
	assert_int_equal(payload_write(b, &y), 0);
	assert_int_equal(x.length, y.length);
	assert_memory_equal(x.text, y.text, x.length);
	strbuf_deinit(&x);
	strbuf_deinit(&y);
}

static void what_is_written_is_read_back(void **state)
{
	struct profile *profile = sample_profile(), *read;

	profile->maps_text = strdup("00400000-00401000 r--p 00000000 08:01 1 /bin/x\n");
	assert_int_equal(session_write(profile, path), 0);
	assert_int_equal(session_is_session(path), 1);
	assert_int_equal(session_read(path, &read), 0);
	assert_same(profile, read);
	assert_int_equal(read->n_sites, 4);
	assert_int_equal(read->n_blocks, 45);
	assert_int_equal(read->process.exit_status, 0);
	assert_true(read->process.rss == PROFILE_UNKNOWN);
	assert_true(isnan(read->sites[0].growth));
	assert_true(read->sites[0].youngest_age_s == 0.25);
	assert_string_equal(read->frames[0].function, "make_node");
	assert_null(read->frames[7].function);
	assert_string_equal(read->frames[7].why, "no symbols");
	assert_string_equal(read->modules[2].path, "/srv/app/plugin.so");
	assert_true(read->modules[2].unloaded);
	assert_string_equal(read->process.cmdline[2], "with space");
	assert_null(read->process.cmdline[3]);
	assert_string_equal(read->maps_text, profile->maps_text);
	profile_free(profile);
	profile_free(read);
}

static void arenas_are_kept_with_their_lists(void **state)
{
	struct profile *profile = sample_profile(), *read;

	profile->arenas = sample_arenas(0x1000);
	assert_int_equal(session_write(profile, path), 0);
	assert_int_equal(session_read(path, &read), 0);
	assert_same(profile, read);
	assert_non_null(read->arenas);
	assert_int_equal(read->arenas->n_arenas, 3);
	assert_int_equal(read->arenas->arenas[1].n_tids, 2);
	assert_int_equal(read->arenas->arenas[1].tids[1], 4713);
	assert_int_equal(read->arenas->arenas[1].pins[0].bytes, 412);
	assert_int_equal(read->arenas->arenas[2].n_pins, 0);
	assert_int_equal(read->arenas->trim_threshold, 4 << 20);
	assert_string_equal(read->arenas->refused, "arena 3 was left out");
	assert_memory_equal(&read->arenas->sizes, &profile->arenas->sizes,
			    sizeof(profile->arenas->sizes));
	profile_free(profile);
	profile_free(read);
}

static void arenas_that_do_not_go_together_are_refused(void **state)
{
	for (int i = 0; i < 5; i++) {
		struct profile *profile = sample_profile(), *read;
		struct arena *arena;

		profile->arenas = sample_arenas(0x1000);
		arena = &profile->arenas->arenas[0];
		switch (i) {
		case 0:
			arena->kind = (enum arena_kind)77;
			break;
		case 1:
			arena->allocator = (enum arenas_allocator)77;
			break;
		case 2:
			profile->arenas->ranges[1].arena = 3;
			break;
		case 3:
			profile->arenas->ranges[1].end = profile->arenas->ranges[1].start;
			break;
		default:
			break;
		}
		assert_int_equal(session_write(profile, path), 0);
		assert_int_equal(session_read(path, &read), i < 4 ? -EBADMSG : 0);
		profile_free(profile);
		if (i == 4)
			profile_free(read);
	}
}

static void what_is_not_there_is_not_there_afterwards(void **state)
{
	struct profile *profile = profile_new(), *read;

	profile->process.exe = strdup("");
	profile->process.comm = strdup("");
	profile->threads = calloc(1, sizeof(*profile->threads));
	profile->n_threads = 1;
	assert_int_equal(session_write(profile, path), 0);
	assert_int_equal(session_read(path, &read), 0);
	assert_same(profile, read);
	assert_null(read->process.cmdline);
	assert_null(read->maps_text);
	profile_free(profile);
	profile_free(read);
}

static void a_truncated_file_is_refused_at_every_length(void **state)
{
	struct profile *profile = sample_profile(), *read = NULL;
	char *bytes;
	size_t size;

	assert_int_equal(session_write(profile, path), 0);
	assert_int_equal(file_read(path, 1 << 20, &bytes, &size), 0);
	for (size_t n = 0; n < size; n++)
		assert_int_equal(session_parse(bytes, n, &read), n < 8 ? -EPROTO : -EBADMSG);
	assert_null(read);
	free(bytes);
	profile_free(profile);
}

static void a_damaged_byte_is_noticed(void **state)
{
	struct profile *profile = sample_profile(), *read = NULL;
	char *bytes;
	size_t size;

	assert_int_equal(session_write(profile, path), 0);
	assert_int_equal(file_read(path, 1 << 20, &bytes, &size), 0);
	for (size_t i = 16; i < size; i++) {
		bytes[i] ^= 0x40;
		/* a few bits of a zstd frame mean nothing; what is read is then what was written */
		if (session_parse(bytes, size, &read) == 0) {
			assert_same(profile, read);
			read = profile_free(read);
		}
		bytes[i] ^= 0x40;
	}
	free(bytes);
	profile_free(profile);
}

static void a_newer_version_is_refused_by_name(void **state)
{
	struct profile *profile = sample_profile(), *read;
	char *bytes;
	size_t size;

	assert_int_equal(session_write(profile, path), 0);
	assert_int_equal(file_read(path, 1 << 20, &bytes, &size), 0);
	bytes[8] = 2;
	assert_int_equal(session_parse(bytes, size, &read), -EPROTONOSUPPORT);
	bytes[8] = 1;
	bytes[10] = 9; /* a newer minor version is read */
	assert_int_equal(session_parse(bytes, size, &read), 0);
	profile_free(read);
	free(bytes);
	profile_free(profile);
}

static void longer_records_and_unknown_chunks_are_passed_over(void **state)
{
	struct profile *profile = sample_profile(), *read;
	struct strbuf payload = {}, newer = {};
	const uint32_t unknown[] = {0x21212121, 3, 5, 0};
	size_t at = 0;

	assert_int_equal(payload_write(profile, &payload), 0);
	strbuf_add(&newer, unknown, sizeof(unknown));
	strbuf_add(&newer, "fifteen bytes..", 16);
	/* every record of every table two bytes longer; text as it is */
	while (at < payload.length) {
		uint32_t header[4];

		memcpy(header, payload.text + at, sizeof(header));
		const char *records = payload.text + at + sizeof(header);
		uint32_t n = header[1], stride = header[2], grow = stride == 1 ? 0 : 2;

		header[2] += grow;
		strbuf_add(&newer, header, sizeof(header));
		for (uint32_t i = 0; i < n; i++) {
			strbuf_add(&newer, records + (size_t)i * stride, stride);
			strbuf_add(&newer, "??", grow);
		}
		strbuf_add_repeated(&newer, '\0', -newer.length & 7);
		at += sizeof(header) + ALIGN_UP((size_t)n * stride, 8);
	}
	assert_int_equal(payload_read(newer.text, newer.length, &read), 0);
	assert_same(profile, read);
	strbuf_deinit(&payload);
	strbuf_deinit(&newer);
	profile_free(profile);
	profile_free(read);
}

static void an_index_out_of_range_is_damage(void **state)
{
	struct profile *read = NULL;
	struct strbuf payload = {};

	for (int what = 0; what < 9; what++) {
		struct profile *profile = sample_profile();

		switch (what) {
		case 0:
			profile->locations[0].first_frame = 100;
			break;
		case 1:
			profile->locations[0].n_frames = UINT32_MAX;
			break;
		case 2:
			profile->locations[0].module = 3;
			break;
		case 3:
			profile->location_refs[0] = 8;
			break;
		case 4:
			profile->sites[0].first_location = UINT32_MAX;
			break;
		case 5:
			profile->blocks[0].site = 4;
			break;
		case 6:
			profile->blocks[0].thread = 3;
			break;
		case 7:
			profile->thread_refs[0] = 3;
			break;
		case 8:
			profile->modules[0].build_id_size = 21;
			break;
		}
		strbuf_reset(&payload);
		assert_int_equal(payload_write(profile, &payload), 0);
		assert_int_equal(payload_read(payload.text, payload.length, &read), -EBADMSG);
		profile_free(profile);
	}
	strbuf_deinit(&payload);
}

static void other_files_are_not_sessions(void **state)
{
	struct profile *read;

	assert_int_equal(file_write(path, "hello, world, this is text", 26), 0);
	assert_int_equal(session_is_session(path), 0);
	assert_int_equal(session_read(path, &read), -EPROTO);
	assert_int_equal(file_write(path, "", 0), 0);
	assert_int_equal(session_is_session(path), 0);
	assert_int_equal(session_read("/nonexistent/file", &read), -ENOENT);
	assert_int_equal(session_is_session("/"), -EISDIR);
}

static void a_file_that_cannot_be_written_leaves_the_old_one(void **state)
{
	struct profile *profile = sample_profile();

	assert_int_equal(session_write(profile, "/nonexistent/s.memtrace"), -ENOENT);
	assert_int_equal(session_write(profile, "/proc/s.memtrace"), -ENOENT);
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(arenas_are_kept_with_their_lists),
		cmocka_unit_test(arenas_that_do_not_go_together_are_refused),
		cmocka_unit_test(what_is_not_there_is_not_there_afterwards),
		cmocka_unit_test(a_truncated_file_is_refused_at_every_length),
		cmocka_unit_test(a_damaged_byte_is_noticed),
		cmocka_unit_test(a_newer_version_is_refused_by_name),
		cmocka_unit_test(longer_records_and_unknown_chunks_are_passed_over),
		cmocka_unit_test(an_index_out_of_range_is_damage),
		cmocka_unit_test(other_files_are_not_sessions),
		cmocka_unit_test(a_file_that_cannot_be_written_leaves_the_old_one),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
