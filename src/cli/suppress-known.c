/* SPDX-License-Identifier: MIT */
/*
 * What libraries allocate once and never free, because it is needed to the end: buffers of the standard streams,
 * locales, time zones, tables of types and names, what a constructor of the library itself sets up. It does not
 * grow and nobody can free it, so it is no leak of the program. Each entry names functions of the library that only
 * do this; none of them is one that hands memory to a caller (getline, strdup, g_malloc).
 */
#include <stddef.h>

#include "cli/suppress.h"

const char *const suppress_known[] = {
	/* glibc: stdio, locales, messages, character sets, time zones, users, loader, threads, exit */
	"^_IO_file_doallocate$",
	"^_nl_find_locale$",
	"^_nl_load_locale*$",
	"^_nl_make_l10nflist$",
	"^_nl_find_domain$",
	"^_nl_intern_locale_data$",
	"^__newlocale$",
	"^setlocale$",
	"^__dcigettext$",
	"^__bindtextdomain$",
	"^__gconv_*$",
	"^tzset_internal$",
	"^__tzfile_read$",
	"^__nss_*$",
	"^nss_*load*$",
	"^_dl_map_object*$",
	"^_dl_new_object$",
	"^_dl_allocate_tls*$",
	"^_dl_init_paths$",
	"^_dlerror_run$",
	"^__new_exitfn$",
	"^__cxa_thread_atexit_impl$",
	/* libstdc++: the pool from which exceptions are thrown when there is no memory, and its locales */
	"^__gnu_cxx::__freeres$",
	"^_GLOBAL__sub_I_eh_alloc.cc$",
	"^(anonymous namespace)::pool::pool*",
	"^std::locale::_Impl::*",
	"^std::ios_base::Init::Init*",
	"^__cxa_get_globals$",
	/* GLib: names of types and signals, what is made on first use */
	"^g_quark_*",
	"^g_intern_*",
	"^g_type_register_*",
	"^g_type_add_*",
	"^type_node_*",
	"^type_data_*",
	"^g_signal_new*",
	"^g_param_spec_pool_*",
	"^g_thread_self$",
	"^g_private_*",
	"^g_main_context_default$",
	"^g_get_charset*",
	"^glib_init*$",
	"^gobject_init*$",
	/* CPython: the interpreter itself, which some versions leave to the kernel */
	"^Py_InitializeFromConfig$",
	"^Py_InitializeEx$",
	"^_PyRuntimeState_Init*$",
	"^_PyRuntime_Initialize$",
	"^arena_map_get$",
	"^_PyObject_Arena*$",
	NULL,
};

const struct suppress_constructor suppress_constructors[] = {
	{"*/libstdc++.so*"},      {"*/libc.so*"},        {"*/libglib-2.0.so*"},
	{"*/libgobject-2.0.so*"}, {"*/libselinux.so*"},  {"*/libgcc_s.so*"},
	{"*/libcrypto.so*"},      {"*/libjemalloc.so*"}, {NULL},
};
