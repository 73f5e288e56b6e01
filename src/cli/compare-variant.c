/* SPDX-License-Identifier: MIT */
/*
 * compare-variant.c: from names to libraries.
 *
 * glibc's allocator is preloaded like the others, as libc itself: a program may be linked with another
 * allocator, and then that one would be measured under its name. "system" is the program as it is.
 * memtrace's allocator is the agent with recording off.
 */
#include "cli/compare-variant.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/macro.h"
#include "cli/agent-path.h"

/* Names of an allocator's library, the first that is there serves. */
static const struct {
	const char *name;
	const char *files[3];
	const char *package;
} known[] = {
	{"glibc", {"libc.so.6"}, "libc6"},
	{"jemalloc", {"libjemalloc.so.2", "libjemalloc.so.1"}, "libjemalloc2"},
	{"tcmalloc", {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"}, "libtcmalloc-minimal4"},
	{"mimalloc",
	 {"libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so"},
	 "libmimalloc2.0"},
};

static void variant_deinit(struct variant *variant)
{
	for (size_t i = 0; i < variant->n_settings; i++)
		free(variant->settings[i]);
	free(variant->settings);
	free(variant->preload);
	free(variant->name);
	*variant = (struct variant){};
}

void variants_deinit(struct variants *variants)
{
	for (size_t i = 0; i < variants->n; i++)
		variant_deinit(&variants->list[i]);
	free(variants->list);
	*variants = (struct variants){};
}

/* text NULL: the end. */
static int add_setting(struct variant *variant, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if ((text && !copy) || GROW(variant->settings, variant->n_settings) < 0) {
		free(copy);
		return -ENOMEM;
	}
	variant->settings[variant->n_settings++] = copy;
	return 0;
}

static int find_known(const char *name, char **ret, struct strbuf *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(known[i].files) && known[i].files[k]; k++) {
			_cleanup_(strbuf_deinit) struct strbuf unsaid = {};
			int r = agent_path_find_library(known[i].files[k], ret, &unsaid);

			if (r == 0 || r == -ENOMEM)
				return r;
		}
		strbuf_addf(error, "%s: its library is not installed; on Debian: apt install %s",
			    name, known[i].package);
		return -ENOENT;
	}
	return 1;
}

/* Sets preload and the settings that belong to it. */
static int find_allocator(struct variant *variant, const char *name, struct strbuf *error)
{
	_cleanup_(strbuf_deinit) struct strbuf unsaid = {};
	int r;

	if (strcmp(name, "system") == 0)
		return 0;
	if (strcmp(name, "fast") == 0) {
		r = agent_path_find(&variant->preload, error);
		if (r >= 0)
			r = add_setting(variant, "MEMTRACE_ALLOCATOR=fast");
		return r < 0 ? r : add_setting(variant, "MEMTRACE_SAMPLE=off");
	}
	r = find_known(name, &variant->preload, error);
	if (r <= 0)
		return r;
	r = agent_path_find_library(name, &variant->preload, &unsaid);
	if (r < 0)
		strbuf_addf(
			error,
			"--with=%s: not an allocator; give glibc, jemalloc, tcmalloc, mimalloc, "
			"fast, system or the path of a library",
			name);
	return r;
}

/* VARIABLE=VALUE */
static bool is_setting(const char *text)
{
	size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789_");

	return length > 0 && text[length] == '=';
}

/* Ends the setting at text where the next one begins, which is returned, or NULL: values may have colons. */
static char *split_setting(char *text)
{
	for (char *colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
		if (!is_setting(colon + 1))
			continue;
		*colon = '\0';
		return colon + 1;
	}
	return NULL;
}

/* One of the list: NAME or NAME:VARIABLE=VALUE:… */
static int variant_init(struct variant *variant, const char *text, struct strbuf *error)
{
	_cleanup_free_ char *name = strdup(text);
	char *setting = name ? strchr(name, ':') : NULL;
	int r;

	variant->name = strdup(text);
	if (!name || !variant->name)
		return -ENOMEM;
	if (setting)
		*setting++ = '\0';
	if (!*name) {
		strbuf_adds(error,
			    "--with: an empty name; give a list such as glibc,jemalloc,fast");
		return -EINVAL;
	}
	r = find_allocator(variant, name, error);
	while (r >= 0 && setting) {
		char *next = split_setting(setting);

		if (!is_setting(setting)) {
			strbuf_addf(error, "--with=%s: %s is no setting; give it as VARIABLE=VALUE",
				    text, setting);
			return -EINVAL;
		}
		r = add_setting(variant, setting);
		setting = next;
	}
	return r < 0 ? r : add_setting(variant, NULL);
}

static int add_variant(struct variants *variants, const char *text, struct strbuf *error)
{
	struct variant variant = {};
	int r = variant_init(&variant, text, error);

	for (size_t i = 0; r >= 0 && i < variants->n; i++) {
		if (strcmp(variants->list[i].name, text) == 0) {
			strbuf_addf(error, "--with: %s stands there twice", text);
			r = -EINVAL;
		}
	}
	if (r >= 0)
		r = GROW(variants->list, variants->n);
	if (r < 0) {
		variant_deinit(&variant);
		return r;
	}
	variants->list[variants->n++] = variant;
	return 0;
}

/* What there is of the usual ones. */
static int add_usual(struct variants *variants, struct strbuf *error)
{
	int r = add_variant(variants, "glibc", error);

	if (r >= 0)
		r = add_variant(variants, "fast", error);
	for (size_t i = 1; r >= 0 && i < ARRAY_SIZE(known); i++) {
		_cleanup_(strbuf_deinit) struct strbuf unsaid = {};

		r = add_variant(variants, known[i].name, &unsaid);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/*
 * Ends the variant at text where the next one begins, which is returned, or NULL. A comma that OPTION:VALUE
 * stands behind belongs to a setting such as MALLOC_CONF=dirty_decay_ms:0,muzzy_decay_ms:0.
 */
static char *split_variant(char *text)
{
	for (char *comma = strchr(text, ','); comma; comma = strchr(comma + 1, ',')) {
		const size_t length = strcspn(comma + 1, ",:");

		if (memchr(text, '=', (size_t)(comma - text)) && comma[1 + length] == ':' &&
		    !is_setting(comma + 1 + length + 1))
			continue;
		*comma = '\0';
		return comma + 1;
	}
	return NULL;
}

int variants_init(struct variants *variants, const char *list, struct strbuf *error)
{
	_cleanup_free_ char *copy = list ? strdup(list) : NULL;
	int r = 0;

	*variants = (struct variants){};
	if (list && !copy)
		return -ENOMEM;
	if (!list)
		r = add_usual(variants, error);
	for (char *text = copy, *next; text && r >= 0; text = next) {
		next = split_variant(text);
		r = add_variant(variants, text, error);
	}
	if (r >= 0 && variants->n < 2) {
		strbuf_adds(error, "nothing to compare with; give at least two, such as "
				   "--with=glibc,jemalloc,fast");
		r = -EINVAL;
	}
	if (r < 0)
		variants_deinit(variants);
	return r;
}

static bool is_set_by(const struct variant *variant, const char *entry)
{
	size_t length = strcspn(entry, "=");

	if (variant->preload && strncmp(entry, "LD_PRELOAD=", strlen("LD_PRELOAD=")) == 0)
		return true;
	for (char **setting = variant->settings; *setting; setting++)
		if (strncmp(*setting, entry, length + 1) == 0)
			return true;
	return false;
}

int variant_environment(const struct variant *variant, char *const *environment, char ***ret)
{
	_cleanup_(strbuf_deinit) struct strbuf preload = {};
	struct variant all = {};
	const char *preloaded = NULL;
	int r = 0;

	for (char *const *entry = environment; *entry && r >= 0; entry++) {
		if (strncmp(*entry, "LD_PRELOAD=", strlen("LD_PRELOAD=")) == 0)
			preloaded = *entry + strlen("LD_PRELOAD=");
		if (!is_set_by(variant, *entry))
			r = add_setting(&all, *entry);
	}
	for (char **setting = variant->settings; *setting && r >= 0; setting++)
		r = add_setting(&all, *setting);
	if (r >= 0 && variant->preload) {
		/* in front: the first malloc wins */
		r = strbuf_addf(&preload, "LD_PRELOAD=%s%s%s", variant->preload,
				preloaded ? ":" : "", preloaded ?: "");
		if (r >= 0)
			r = add_setting(&all, preload.text);
	}
	if (r >= 0)
		r = add_setting(&all, NULL);
	if (r < 0) {
		variant_deinit(&all);
		return r;
	}
	*ret = all.settings;
	return 0;
}
