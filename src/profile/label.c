/* SPDX-License-Identifier: MIT */
/*
 * A report is read on a terminal, and the names in it come from a process that may be anybody's: an
 * escape sequence in the name of a function or a file must not reach the terminal. Everything that is
 * printed of a name passes through label_add_clean.
 */
#include "profile/label.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "profile/cxx-name.h"
#include "profile/java.h"

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

int label_add_clean(struct strbuf *buffer, const char *text)
{
	int r = 0;

	while (*text && r >= 0) {
		size_t n = 0;

		while (text[n] && !is_control(text[n]))
			n++;
		r = strbuf_add(buffer, text, n);
		text += n;
		if (*text && r >= 0) {
			r = strbuf_addc(buffer, '?');
			text++;
		}
	}
	return r;
}

const char *label_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *label_path_tail(const char *path)
{
	const char *tail = label_base_name(path);

	if (path[0] != '/' || tail - path < 2)
		return path;
	for (tail -= 2; tail > path; tail--)
		if (*tail == '/')
			return tail + 1;
	/* "/file.c" and "/src/file.c" are short enough */
	return path;
}

int label_function(const struct profile *profile, const struct profile_location *location,
		   const struct profile_frame *frame, struct strbuf *buffer)
{
	const uint64_t call = location->address > 0 ? location->address - 1 : 0;

	if (frame->function)
		return label_add_clean(buffer, frame->function);
	if (location->module == PROFILE_NO_MODULE)
		return strbuf_addf(buffer, "0x%" PRIx64, call);
	const struct profile_module *module = &profile->modules[location->module];

	label_add_clean(buffer, label_base_name(module->path));
	return strbuf_addf(buffer, "+0x%" PRIx64, call - module->bias);
}

int label_place(const struct profile *profile, const struct profile_location *location,
		const struct profile_frame *frame, struct strbuf *buffer)
{
	if (frame->file) {
		int r = label_add_clean(buffer, label_path_tail(frame->file));

		return r < 0 || frame->line == 0 ? r : strbuf_addf(buffer, ":%u", frame->line);
	}
	if (location->module == PROFILE_NO_MODULE)
		return label_add_clean(buffer, frame->why ? frame->why : "no module");
	const struct profile_module *module = &profile->modules[location->module];
	const char *why = frame->function ? NULL : frame->why;

	/* a name that is module+offset has said the module */
	if (frame->function)
		label_add_clean(buffer, label_base_name(module->path));
	if (why)
		label_add_clean(buffer, why);
	if (module->unloaded)
		strbuf_adds(buffer, frame->function || why ? ", unloaded" : "unloaded");
	return buffer->error;
}

bool label_is_start(const char *function)
{
	static const char *const names[] = {
		"_start",
		"__libc_start_main",
		"__libc_start_main_impl",
		"__libc_start_call_main",
		"start_thread",
		"clone",
		"clone3",
		"__clone3",
		"__clone",
		"_dl_start_user",
		"_dl_start",
	};

	for (size_t i = 0; function && i < ARRAY_SIZE(names); i++)
		if (strcmp(function, names[i]) == 0)
			return true;
	return false;
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool begins_with_any(const char *path, const char *const *directories, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (begins_with(path, directories[i]))
			return true;
	return false;
}

static bool is_one_of(const char *path, const char *const *names, size_t n)
{
	const char *base = label_base_name(path);

	for (size_t i = 0; i < n; i++)
		if (begins_with(base, names[i]))
			return true;
	return false;
}

/* Whether the program is one that the system brought: an interpreter, a server. Then no code is its user's own. */
static bool is_system_program(const struct profile *profile)
{
	static const char *const directories[] = {"/usr/bin/", "/usr/sbin/",    "/bin/",
						  "/sbin/",    "/usr/libexec/", "/usr/lib/"};

	return begins_with_any(profile->process.exe, directories, ARRAY_SIZE(directories));
}

/*
 * Whether a source file is of a library that is compiled into those who use it: a header of the system's or of a
 * compiler, the standard libraries of Rust and Go, a crate from a registry.
 */
static bool is_library_source(const char *file)
{
	static const char *const directories[] = {
		"/usr/include/", "/usr/local/include/", "/usr/lib/gcc/",  "/usr/lib/llvm-",
		"/rustc/",       "/usr/lib/go-",        "/usr/share/go-", "/usr/local/go/src/"};
	static const char *const parts[] = {"/include/c++/", "/lib/rustlib/src/",
					    "/.cargo/registry/", "/go/pkg/mod/"};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(file, parts[i]))
			return true;
	return begins_with_any(file, directories, ARRAY_SIZE(directories));
}

/*
 * Whether the call stands in code that says nothing about who wanted the memory: in a library of the
 * system or, inlined, in a header. Of a program that is the system's as well, its libraries are what is
 * known of it, and only the C and C++ libraries say nothing.
 */
static bool is_of_system(const struct profile *profile, const struct profile_location *location,
			 const struct profile_frame *frame)
{
	static const char *const directories[] = {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"};
	static const char *const languages[] = {"libc.",    "libstdc++.",  "libgcc_s.",
						"ld-linux", "libpthread.", "libc++"};
	/* a JDK may stand anywhere */
	static const char *const jdk[] = {"libjvm.so", "libjli.so", "libjava.so",  "libzip.so",
					  "libnio.so", "libnet.so", "libjimage.so"};
	const char *path;

	if (java_is_own(location, frame))
		return true;
	if (frame->file && is_library_source(frame->file))
		return true;
	if (location->module == PROFILE_NO_MODULE)
		return false;
	path = profile->modules[location->module].path;
	if (is_one_of(path, jdk, ARRAY_SIZE(jdk)))
		return true;
	if (!begins_with_any(path, directories, ARRAY_SIZE(directories)))
		return false;
	return !is_system_program(profile) || is_one_of(path, languages, ARRAY_SIZE(languages));
}

/*
 * Whether a function does nothing but allocate for others, by its name: xmalloc, zcalloc, mem_strdup,
 * g_malloc0, zmalloc_usable. There is hardly a program without one, and where it allocates says nothing.
 */
static bool is_wrapper(const char *function)
{
	static const char *const ends[] = {"malloc",        "calloc",        "realloc",
					   "strdup",        "strndup",       "memdup",
					   "malloc_usable", "calloc_usable", "realloc_usable"};
	size_t length = function ? strlen(function) : 0;

	while (length > 0 && strchr("0123456789_", function[length - 1]))
		length--;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const size_t n = strlen(ends[i]);

		if (length >= n && strncmp(function + length - n, ends[i], n) == 0)
			return true;
	}
	return false;
}

/* One call of a stack. */
struct call {
	const struct profile_location *location;
	const struct profile_frame *frame;
};

/* How well a call would do as the place that is named. */
enum { PLACE_NONE, PLACE_NAMELESS, PLACE_WRAPPER, PLACE_NAMED, PLACE_WRAPPER_LINE, PLACE_LINE };

static int rate_place(const struct profile *profile, const struct call *call, bool lines_count)
{
	const bool has_line = call->frame->file && lines_count;

	if (is_of_system(profile, call->location, call->frame) ||
	    label_is_start(call->frame->function) ||
	    (!call->frame->function && call->location->module == PROFILE_NO_MODULE))
		return PLACE_NONE;
	if (is_wrapper(call->frame->function))
		return has_line ? PLACE_WRAPPER_LINE : PLACE_WRAPPER;
	return has_line ? PLACE_LINE : call->frame->function ? PLACE_NAMED : PLACE_NAMELESS;
}

/*
 * Whether lines tell own code from other code in the stack's calls of a module. Where most of them have none, it
 * is the other way about: a library that was linked in with its lines, in a program without.
 */
static bool do_lines_count(const struct profile *profile, const struct profile_site *site,
			   uint32_t module)
{
	uint32_t with = 0, without = 0;

	for (uint32_t i = 0; i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);
		const struct profile_frame *frame = &profile->frames[location->first_frame];

		if (location->module != module || label_is_start(frame->function))
			continue;
		with += frame->file != NULL;
		without += frame->file == NULL;
	}
	return with >= without;
}

/* A name is better than none, but not that of another module, which may be anything further out. */
static bool is_better(int best, const struct call *found, int rate, const struct call *call)
{
	if (best == PLACE_NAMELESS && rate <= PLACE_NAMED &&
	    call->location->module != found->location->module)
		return false;
	return rate > best;
}

/*
 * The call that is named as the place: the first, from the inside, in the program's own code that has a
 * line and is no wrapper of malloc; else the first that comes near to it; else the innermost. ret_inner
 * is what that called, and itself if it is the innermost.
 */
static struct call find_place(const struct profile *profile, const struct profile_site *site,
			      struct call *ret_inner)
{
	struct call found, before = {};
	uint32_t module = PROFILE_NO_MODULE;
	bool lines_count = true;
	int best = PLACE_NONE;

	found.location = profile_location_get(profile, site, 0);
	found.frame = &profile->frames[found.location->first_frame];
	*ret_inner = found;

	for (uint32_t i = 0; i < site->n_locations && best < PLACE_LINE; i++) {
		struct call call = {.location = profile_location_get(profile, site, i)};

		if (call.location->module != module)
			lines_count = do_lines_count(profile, site, call.location->module);
		module = call.location->module;
		for (uint32_t f = 0; f < call.location->n_frames && best < PLACE_LINE; f++) {
			call.frame = &profile->frames[call.location->first_frame + f];
			const int rate = rate_place(profile, &call, lines_count);

			if (is_better(best, &found, rate, &call)) {
				best = rate;
				found = call;
				*ret_inner = before.frame ? before : call;
			}
			/* what has no name at all says less than what it called */
			if (call.frame->function || call.location->module != PROFILE_NO_MODULE)
				before = call;
		}
	}
	return found;
}

int label_short_function(const struct profile *profile, const struct profile_location *location,
			 const struct profile_frame *frame, struct strbuf *buffer)
{
	const size_t start = buffer->length;
	int r = label_function(profile, location, frame, buffer);

	if (r < 0 || !frame->function || buffer->length == start)
		return r;
	cxx_name_shorten(buffer->text + start);
	cxx_name_bare(buffer->text + start);
	buffer->length = start + strlen(buffer->text + start);
	return 0;
}

const struct profile_frame *label_site_frame(const struct profile *profile,
					     const struct profile_site *site)
{
	struct call inner;

	return site->n_locations > 0 ? find_place(profile, site, &inner).frame : NULL;
}

int label_site(const struct profile *profile, const struct profile_site *site,
	       struct strbuf *buffer)
{
	struct call inner = {}, place;

	if (site->n_locations == 0)
		return strbuf_adds(buffer, "an unknown place");
	place = find_place(profile, site, &inner);
	if (place.frame != inner.frame) {
		label_short_function(profile, inner.location, inner.frame, buffer);
		strbuf_adds(buffer, " for ");
	}
	label_short_function(profile, place.location, place.frame, buffer);
	/* module+offset is a place already */
	if (!place.frame->function && !place.frame->file)
		return buffer->error;
	strbuf_adds(buffer, " (");
	label_place(profile, place.location, place.frame, buffer);
	return strbuf_adds(buffer, ")");
}
