/* SPDX-License-Identifier: MIT */
/*
 * ledger-names.c: what the owners of memory are called. Names are part of the schema, labels are for people.
 */
#include "profile/ledger.h"

static const struct {
	const char *name, *label;
} owners[LEDGER_N_OWNERS] = {
	[LEDGER_HEAP_LIVE] = {"heap.live", "live blocks of malloc"},
	[LEDGER_HEAP_BEFORE] = {"heap.before", "live blocks from before attaching"},
	[LEDGER_HEAP_ROUNDING] = {"heap.rounding", "rounding inside blocks"},
	[LEDGER_HEAP_FREE] = {"heap.free", "malloc's free memory"},
	[LEDGER_HEAP_METADATA] = {"heap.metadata", "malloc's own records"},
	[LEDGER_HEAP_OTHER] = {"heap.other", "malloc's memory that cannot be told apart"},
	[LEDGER_MAPPED] = {"runtime.mapped", "mapped by the program"},
	[LEDGER_JVM_HEAP] = {"runtime.jvm-heap", "Java heap"},
	[LEDGER_JVM_CODE] = {"runtime.jvm-code", "Java's compiled code"},
	[LEDGER_JVM_CLASSES] = {"runtime.jvm-classes", "Java classes"},
	[LEDGER_JVM] = {"runtime.jvm", "Java's metaspace and collector"},
	[LEDGER_V8] = {"runtime.v8", "V8's heap"},
	[LEDGER_GO] = {"runtime.go", "Go's heap and runtime"},
	[LEDGER_PYTHON] = {"runtime.python", "Python's object arenas"},
	[LEDGER_PHP] = {"runtime.php", "PHP's memory manager"},
	[LEDGER_RUBY] = {"runtime.ruby", "Ruby's heap pages"},
	[LEDGER_CODE] = {"runtime.code", "code made at run time"},
	[LEDGER_STACKS] = {"stacks", "stacks of threads"},
	[LEDGER_STACKS_FREE] = {"stacks.free", "stacks of threads that have ended"},
	[LEDGER_IMAGES] = {"images", "program and libraries"},
	[LEDGER_FILES] = {"files", "mapped files"},
	[LEDGER_SHARED] = {"shared", "shared memory"},
	[LEDGER_MEMTRACE] = {"memtrace", "memtrace itself"},
	[LEDGER_KERNEL] = {"kernel", "the kernel's pages"},
	[LEDGER_UNEXPLAINED] = {"unexplained", "unexplained"},
};

const char *ledger_owner_name(enum ledger_owner owner)
{
	return owners[owner].name;
}

const char *ledger_owner_label(enum ledger_owner owner)
{
	return owners[owner].label;
}
