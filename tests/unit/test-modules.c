/* SPDX-License-Identifier: MIT */
/*
 * test-modules.c: modules that come, go, and take each other's place, seen by every means that a loader
 * may offer.
 */
#include "test.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/core/modules.h"
#include "agent/core/sys.h"
#include "agent/core/unwind.h"
#include "tests/support/fake-writer.h"
#include "tests/support/oracle.h"

enum { FRAMES_MAX = 128 };
enum { WITHOUT_COUNTERS = 1, WITHOUT_FIND_OBJECT = 2 };

static struct unwind_stack stack;
static uint64_t ours[FRAMES_MAX], theirs[FRAMES_MAX];
static unsigned n_ours, n_theirs, traced_flags;

/* Takes the loader as it is, less what the mask says. */
static void use_loader(int without)
{
	struct modules_loader loader;

	oracle_find_loader(&loader);
	if (without & WITHOUT_COUNTERS)
		loader.load_counter = loader.unload_counter = NULL;
	if (without & WITHOUT_FIND_OBJECT)
		loader.find_object = NULL;
	fake_writer_init();
	modules_init(&loader);
	modules_publish_all();
}

static void trace(void)
{
	traced_flags = 0;
	n_ours = unwind_trace(&stack, NULL, 0, 0, ours, FRAMES_MAX, &traced_flags);
	n_theirs = oracle_trace(theirs, FRAMES_MAX);
}

static void assert_same_frames(void)
{
	assert_int_equal(n_ours, n_theirs + 1);
	for (unsigned i = 2; i < n_ours; i++)
		assert_int_equal(MT_FRAME_PC(ours[i]), theirs[i - 1]);
	assert_false(traced_flags & MT_STACK_TRUNCATED);
}

typedef void (*plugin_call)(void (*function)(void));

static plugin_call open_plugin(const char *path, void **ret_handle)
{
	*ret_handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!*ret_handle)
		fail_msg("%s", dlerror());
	return (plugin_call)dlsym(*ret_handle, "plugin_call");
}

/* The module of the frame in the plugin whose function is at call. */
static unsigned module_in(plugin_call call)
{
	for (unsigned i = 0; i < n_ours; i++)
		if (MT_FRAME_PC(ours[i]) - (uintptr_t)call < 64)
			return MT_FRAME_MODULE(ours[i]);
	fail_msg("no frame in the plugin");
	return 0;
}

static void check_plugin(const char *path, plugin_call *ret_call, unsigned *ret_module)
{
	void *handle;
	const struct mt_module *entry;
	plugin_call call = open_plugin(path, &handle);
	uint64_t none = 0;

	for (int i = 0; i < 3; i++) {
		call(trace);
		assert_same_frames();
	}
	*ret_call = call;
	*ret_module = module_in(call);
	assert_in_range(*ret_module, 1, FAKE_MODULES - 1);
	assert_true(*ret_module < writer.header->n_modules);
	entry = &writer.modules[*ret_module];
	assert_string_equal(writer.strings + entry->path, path);
	assert_int_equal(entry->path_length, strlen(path));
	assert_in_range((uintptr_t)call, entry->start, entry->end - 1);
	assert_int_equal(entry->build_id_size, 20);
	assert_memory_not_equal(entry->build_id, &none, 8);
	assert_int_equal(entry->unloaded_ns, 0);
	dlclose(handle);
	modules_refresh();
	assert_true(entry->unloaded_ns > 0);
}

static void test_a_change_is_told_once(void **state)
{
	void *handle;

	use_loader(0);
	modules_changed();
	assert_false(modules_changed());
	open_plugin(PLUGIN_A, &handle);
	assert_true(modules_changed());
	assert_false(modules_changed());
	dlclose(handle);
	assert_true(modules_changed());
	assert_false(modules_changed());
}

static void check_plugins_in_turn(int without)
{
	plugin_call first_call, call;
	unsigned first, second, again;

	use_loader(without);
	check_plugin(PLUGIN_A, &first_call, &first);
	check_plugin(PLUGIN_B, &call, &second);
	/* this is what the test is about: same address, same pc, another frame */
	assert_ptr_equal(call, first_call);
	assert_int_not_equal(first, second);
	check_plugin(PLUGIN_A, &call, &again);
	assert_ptr_equal(call, first_call);
	assert_int_equal(first, again);
	check_plugin(PLUGIN_B, &call, &again);
	assert_int_equal(second, again);
}

static void test_plugins_at_one_address(void **state)
{
	check_plugins_in_turn(0);
}

static void test_plugins_at_one_address_without_counters(void **state)
{
	check_plugins_in_turn(WITHOUT_COUNTERS);
}

static void test_plugins_at_one_address_without_find_object(void **state)
{
	check_plugins_in_turn(WITHOUT_FIND_OBJECT);
}

static void test_plugins_at_one_address_with_the_list_only(void **state)
{
	check_plugins_in_turn(WITHOUT_COUNTERS | WITHOUT_FIND_OBJECT);
}

static void test_events_tell_of_loads_and_unloads(void **state)
{
	plugin_call call;
	unsigned module, loads = 0, unloads = 0;

	use_loader(0);
	check_plugin(PLUGIN_A, &call, &module);
	for (unsigned i = 0; i < fake_n_events; i++) {
		if (fake_events[i].aux != module)
			continue;
		loads += fake_events[i].type == MT_EVENT_MODULE_LOAD;
		unloads += fake_events[i].type == MT_EVENT_MODULE_UNLOAD;
		assert_int_equal(fake_events[i].addr, writer.modules[module].start);
	}
	assert_int_equal(loads, 1);
	assert_int_equal(unloads, 1);
}

static void test_every_loaded_module_is_found(void **state)
{
	/* the program, libc, the loader's own image, the vdso */
	const uintptr_t pcs[] = {(uintptr_t)check_plugin, (uintptr_t)dlsym(RTLD_NEXT, "malloc"),
				 (uintptr_t)dlsym(RTLD_DEFAULT, "_dl_find_object"),
				 getauxval(AT_SYSINFO_EHDR) + 64};
	struct module with[4], without;

	use_loader(0);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(modules_find(pcs[i], &with[i]));
		assert_in_range(pcs[i], with[i].start, with[i].end - 1);
		assert_true(with[i].eh_frame_hdr >= with[i].start);
		assert_true(with[i].index > 0);
	}
	use_loader(WITHOUT_FIND_OBJECT | WITHOUT_COUNTERS);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(modules_find(pcs[i], &without));
		assert_int_equal(without.eh_frame_hdr, with[i].eh_frame_hdr);
		assert_int_equal(without.start, with[i].start);
	}
	assert_false(modules_find((uintptr_t)&without, &without));
	assert_false(modules_find(0, &without));
	assert_false(modules_find(UINTPTR_MAX, &without));
}

static void test_relative_paths_are_made_absolute(void **state)
{
	char before[4096], directory[] = PLUGIN_A;
	void *handle;
	plugin_call call;

	use_loader(0);
	assert_non_null(getcwd(before, sizeof(before)));
	*strrchr(directory, '/') = 0;
	assert_int_equal(chdir(directory), 0);
	call = open_plugin("./frame-a.so", &handle);
	call(trace);
	assert_same_frames();
	assert_string_equal(writer.strings + writer.modules[module_in(call)].path, PLUGIN_A);
	dlclose(handle);
	assert_int_equal(chdir(before), 0);
}

static void test_main_program_has_a_path(void **state)
{
	char exe[4096] = "";
	struct module module;

	use_loader(0);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_true(modules_find((uintptr_t)check_plugin, &module));
	assert_string_equal(writer.strings + writer.modules[module.index].path, exe);
}

static void test_counters_are_found_only_behind_the_locks(void **state)
{
	uint64_t data[64] = {0};
	const uint64_t *adds = NULL, *count = &data[63];

	/* two recursive locks, then the counter */
	data[0] = 0x1000;
	data[1] = 5;
	data[20 + 2] = 1;
	data[25 + 2] = 1;
	data[30] = 7;
	data[50] = 7;
	assert_true(modules_find_counters(data, sizeof(data), 7, 2, &adds, &count));
	assert_ptr_equal(adds, &data[30]);
	assert_ptr_equal(count, &data[1]);
	assert_true(modules_find_counters(data, sizeof(data), 7, 3, &adds, &count));
	assert_null(count);
	/* not there, or not behind locks */
	adds = NULL;
	assert_false(modules_find_counters(data, sizeof(data), 8, 2, &adds, &count));
	data[25 + 2] = 0;
	assert_false(modules_find_counters(data, sizeof(data), 7, 2, &adds, &count));
	/* two places */
	data[25 + 2] = 1;
	data[40 + 2] = data[45 + 2] = 1;
	assert_false(modules_find_counters(data, sizeof(data), 7, 2, &adds, &count));
	assert_null(adds);
}

static void test_an_image_that_the_loader_does_not_know(void **state)
{
	struct modules_loader loader = {0};
	struct module own, found;

	use_loader(0);
	assert_true(modules_find((uintptr_t)trace, &own));
	loader.self_start = own.start;
	loader.self_end = own.end;
	loader.self_eh_frame_hdr = own.eh_frame_hdr;
	modules_init(&loader);
	assert_true(modules_find((uintptr_t)trace, &found));
	assert_int_equal(found.eh_frame_hdr, own.eh_frame_hdr);
	assert_int_equal(found.index, MT_MODULE_NONE);
	/* its own frames by its tables; of those of others nothing is known here */
	trace();
	assert_in_range(n_ours, 3, n_theirs + 1);
	for (unsigned i = 2; i < 3; i++)
		assert_int_equal(MT_FRAME_PC(ours[i]), theirs[i - 1]);
	use_loader(0);
	trace();
	assert_same_frames();
}

static void test_a_forked_child_publishes_what_its_parent_knew(void **state)
{
	plugin_call call;
	unsigned module;
	int status;
	pid_t pid;

	use_loader(0);
	check_plugin(PLUGIN_B, &call, &module);
	pid = fork();
	if (pid == 0) {
		const struct mt_module *entry = &writer.modules[module];

		fake_writer_init();
		modules_publish_all();
		_exit(entry->end && entry->unloaded_ns && module < writer.header->n_modules &&
				      strcmp(writer.strings + entry->path, PLUGIN_B) == 0
			      ? 0
			      : 1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static bool is_over;

static void trace_quietly(void)
{
	struct unwind_stack here = {0};
	uint64_t frames[FRAMES_MAX];
	unsigned flags = 0;

	if (unwind_trace(&here, NULL, 0, 0, frames, FRAMES_MAX, &flags) < 3)
		abort();
}

static void *trace_all_the_time(void *arg)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		trace_quietly();
	return NULL;
}

static void *load_all_the_time(void *arg)
{
	const char *path = arg;

	for (int i = 0; i < 150; i++) {
		void *handle;

		open_plugin(path, &handle)(trace_quietly);
		dlclose(handle);
	}
	return NULL;
}

static void storm(int without)
{
	pthread_t tracers[2], loaders[2];

	use_loader(without);
	__atomic_store_n(&is_over, false, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_create(&tracers[i], NULL, trace_all_the_time, NULL);
	pthread_create(&loaders[0], NULL, load_all_the_time, (void *)PLUGIN_A);
	pthread_create(&loaders[1], NULL, load_all_the_time, (void *)PLUGIN_B);
	for (int i = 0; i < 2; i++)
		pthread_join(loaders[i], NULL);
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(tracers[i], NULL);
	trace();
	assert_same_frames();
}

static void test_storms_of_loads(void **state)
{
	storm(0);
}

static void test_storms_of_loads_without_counters(void **state)
{
	storm(WITHOUT_COUNTERS);
}

static _unused_ void test_storms_of_loads_without_find_object(void **state)
{
	storm(WITHOUT_FIND_OBJECT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plugins_at_one_address),
		cmocka_unit_test(test_plugins_at_one_address_without_counters),
		cmocka_unit_test(test_plugins_at_one_address_without_find_object),
		cmocka_unit_test(test_plugins_at_one_address_with_the_list_only),
		cmocka_unit_test(test_a_change_is_told_once),
		cmocka_unit_test(test_events_tell_of_loads_and_unloads),
		cmocka_unit_test(test_every_loaded_module_is_found),
		cmocka_unit_test(test_relative_paths_are_made_absolute),
		cmocka_unit_test(test_main_program_has_a_path),
		cmocka_unit_test(test_counters_are_found_only_behind_the_locks),
		cmocka_unit_test(test_an_image_that_the_loader_does_not_know),
		cmocka_unit_test(test_a_forked_child_publishes_what_its_parent_knew),
		cmocka_unit_test(test_storms_of_loads),
		cmocka_unit_test(test_storms_of_loads_without_counters),
#if !defined(__SANITIZE_THREAD__)
		/* reads the loader's list while the loader writes it; see modules.c */
		cmocka_unit_test(test_storms_of_loads_without_find_object),
#endif
	};
	pthread_attr_t attr;
	void *start;
	size_t size;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &start, &size);
	pthread_attr_destroy(&attr);
	stack.start = (uintptr_t)start;
	stack.end = (uintptr_t)start + size;
	sys_init(getauxval(AT_SYSINFO_EHDR));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
