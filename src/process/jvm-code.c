/* SPDX-License-Identifier: MIT */
/*
 * jvm-code.c: compiled code stands in up to three heaps, each cut into segments, with a map that leads from
 * any segment to the beginning of its block (agent/core/hotspot.c has the picture). A block is a
 * CodeBlob, and that of a method an nmethod. Behind its code come the places where it may be called from
 * or stopped (PcDesc), in order of address, and for each the chain of methods that were inlined there, packed:
 * where the caller's entry is, the number of the Method in the nmethod's table, the instruction.
 *
 *	nmethod | code | metadata: Method * … | scopes: packed | PcDesc … | dependencies
 *
 * Newer versions (JDK 23) keep these elsewhere; there the method is known, and its line is not.
 */
#include "process/jvm-code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/search.h"
#include "process/jvm-method.h"

enum {
	HEAPS_MAX = 4,
	FREE_SEGMENT = 0xff,
	HOPS_MAX = 1 << 16,
	NAME_SIZE = 64,
	PCS_MAX = 1 << 20, /* bytes */
	SCOPE_MAX = 64,    /* bytes of one, more than is needed */
};

/* As in the machine's memory. */
struct pc_desc {
	int32_t pc, scope, object, flags;
};

struct heap {
	uint64_t low, high, segments, log2;
};

struct jvm_code {
	const struct hotspot *hotspot;
	struct jvm_methods methods;
	struct heap heaps[HEAPS_MAX];
	size_t n_heaps;
	uint64_t entry; /* where C++ has called Java */
	uint64_t interpreter_start, interpreter_end;
	uint64_t block_size, block_used, code_begin, name, method;
	uint64_t scopes_data, scopes_pcs, dependencies, metadata; /* HOTSPOT_NONE: elsewhere */
};

static uint64_t offset(const struct jvm_code *code, const char *type, const char *field)
{
	return hotspot_offset(code->hotspot, type, field);
}

static bool read_heap(const struct jvm_code *code, uint64_t at, struct heap *ret)
{
	const struct hotspot *hotspot = code->hotspot;
	const uint64_t memory = at + offset(code, "CodeHeap", "_memory");
	const uint64_t segments = at + offset(code, "CodeHeap", "_segmap");
	uint32_t log2;

	if (!hotspot_field(hotspot, memory, "VirtualSpace", "_low", &ret->low) ||
	    !hotspot_field(hotspot, memory, "VirtualSpace", "_high", &ret->high) ||
	    !hotspot_field(hotspot, segments, "VirtualSpace", "_low", &ret->segments) ||
	    !hotspot_read(hotspot, at + offset(code, "CodeHeap", "_log2_segment_size"), &log2, 4))
		return false;
	ret->log2 = log2;
	return log2 >= 3 && log2 < 20 && ret->high > ret->low;
}

/* What is grown since is read anew. */
static void read_heaps(struct jvm_code *code)
{
	const struct hotspot *hotspot = code->hotspot;
	uint64_t array, data, heap, length_at = offset(code, "GrowableArrayBase", "_len");
	uint32_t n = 0;

	if (length_at == HOTSPOT_NONE)
		length_at = offset(code, "GenericGrowableArray", "_len");
	code->n_heaps = 0;
	if (length_at == HOTSPOT_NONE ||
	    !hotspot_pointer(hotspot, hotspot_static(hotspot, "CodeCache", "_heaps"), &array) ||
	    !hotspot_read(hotspot, array + length_at, &n, sizeof(n)) ||
	    !hotspot_field(hotspot, array, "GrowableArray<int>", "_data", &data))
		return;
	for (uint32_t i = 0; i < MIN(n, (uint32_t)HEAPS_MAX); i++)
		if (hotspot_pointer(hotspot, data + 8ull * i, &heap) &&
		    read_heap(code, heap, &code->heaps[code->n_heaps]))
			code->n_heaps++;
}

static void read_stubs(struct jvm_code *code)
{
	const struct hotspot *hotspot = code->hotspot;
	uint64_t queue;
	uint32_t size;

	(void)hotspot_pointer(hotspot,
			      hotspot_static(hotspot, "StubRoutines", "_call_stub_return_address"),
			      &code->entry);
	if (hotspot_pointer(hotspot, hotspot_static(hotspot, "AbstractInterpreter", "_code"),
			    &queue) &&
	    hotspot_field(hotspot, queue, "StubQueue", "_stub_buffer", &code->interpreter_start) &&
	    hotspot_read(hotspot, queue + offset(code, "StubQueue", "_buffer_limit"), &size, 4))
		code->interpreter_end = code->interpreter_start + size;
}

int jvm_code_open(const struct hotspot *hotspot, struct string_pool *pool, struct jvm_code **ret)
{
	_cleanup_(jvm_code_freep) struct jvm_code *code = calloc(1, sizeof(*code));

	if (!code)
		return -ENOMEM;
	code->hotspot = hotspot;
	if (!jvm_methods_init(&code->methods, hotspot, pool))
		return -ENODATA;
	code->block_size = hotspot_size(hotspot, "HeapBlock");
	code->block_used = offset(code, "HeapBlock::Header", "_used");
	code->name = offset(code, "CodeBlob", "_name");
	code->code_begin = offset(code, "CodeBlob", "_code_begin");
	code->method = offset(code, "CompiledMethod", "_method");
	if (code->method == HOTSPOT_NONE)
		code->method = offset(code, "nmethod", "_method");
	code->scopes_data = offset(code, "CompiledMethod", "_scopes_data_begin");
	code->scopes_pcs = offset(code, "nmethod", "_scopes_pcs_offset");
	code->dependencies = offset(code, "nmethod", "_dependencies_offset");
	code->metadata = offset(code, "nmethod", "_metadata_offset");
	if (!code->block_size || code->block_used == HOTSPOT_NONE || code->name == HOTSPOT_NONE ||
	    code->method == HOTSPOT_NONE)
		return -ENODATA;
	*ret = TAKE_PTR(code);
	return 0;
}

struct jvm_code *jvm_code_free(struct jvm_code *code)
{
	free(code);
	return NULL;
}

/* The CodeBlob that holds address; 0 if there is none. */
static uint64_t find_blob(const struct jvm_code *code, uint64_t address)
{
	const struct heap *heap = NULL;
	uint64_t segment, block;
	uint8_t back = 0;

	for (size_t i = 0; i < code->n_heaps; i++)
		if (address >= code->heaps[i].low && address < code->heaps[i].high)
			heap = &code->heaps[i];
	if (!heap)
		return 0;
	segment = (address - heap->low) >> heap->log2;
	for (unsigned i = 0; i < HOPS_MAX; i++) {
		if (!hotspot_read(code->hotspot, heap->segments + segment, &back, 1) ||
		    back == FREE_SEGMENT || back > segment)
			return 0;
		if (back == 0)
			break;
		segment -= back;
	}
	block = heap->low + (segment << heap->log2);
	if (!hotspot_read(code->hotspot, block + code->block_used, &back, 1) || !back)
		return 0;
	return block + code->block_size;
}

/* The entry of the call that returns behind address, or the next one. False if there is none. */
static bool find_pc(const struct jvm_code *code, uint64_t nmethod, uint64_t address,
		    struct pc_desc *ret)
{
	_cleanup_free_ struct pc_desc *descs = NULL;
	uint32_t start = 0, end = 0;
	uint64_t begin;
	int64_t pc;
	size_t low, n;

	if (code->scopes_data == HOTSPOT_NONE || code->scopes_pcs == HOTSPOT_NONE ||
	    code->dependencies == HOTSPOT_NONE || code->code_begin == HOTSPOT_NONE ||
	    !hotspot_read(code->hotspot, nmethod + code->scopes_pcs, &start, 4) ||
	    !hotspot_read(code->hotspot, nmethod + code->dependencies, &end, 4) ||
	    !hotspot_pointer(code->hotspot, nmethod + code->code_begin, &begin) || end <= start ||
	    end - start > PCS_MAX)
		return false;
	descs = malloc(end - start);
	if (!descs || !hotspot_read(code->hotspot, nmethod + start, descs, end - start))
		return false;
	pc = (int64_t)(address + 1 - begin);
	n = (end - start) / sizeof(*descs);
	low = SEARCH(n, i, descs[i].pc < pc);
	if (low == n || descs[low].pc == INT32_MAX)
		return false;
	*ret = descs[low];
	return true;
}

/* The chain of inlined methods from the entry on. */
static size_t read_scopes(const struct jvm_code *code, uint64_t nmethod, uint32_t scope,
			  struct jvm_frame *ret)
{
	uint64_t data, method;
	uint32_t metadata;
	size_t n = 0;

	if (!hotspot_pointer(code->hotspot, nmethod + code->scopes_data, &data) ||
	    code->metadata == HOTSPOT_NONE ||
	    !hotspot_read(code->hotspot, nmethod + code->metadata, &metadata, 4))
		return 0;
	while (scope && n < JVM_FRAMES_MAX) {
		uint32_t sender, index, bci;
		uint8_t bytes[SCOPE_MAX];
		size_t at = 0;

		if (!hotspot_read(code->hotspot, data + scope, bytes, sizeof(bytes)) ||
		    !jvm_read_packed(bytes, sizeof(bytes), code->methods.zeroless, &at, &sender) ||
		    !jvm_read_packed(bytes, sizeof(bytes), code->methods.zeroless, &at, &index) ||
		    !jvm_read_packed(bytes, sizeof(bytes), code->methods.zeroless, &at, &bci) ||
		    index == 0 ||
		    !hotspot_pointer(code->hotspot, nmethod + metadata + (index - 1) * 8ull,
				     &method) ||
		    !jvm_method_describe(&code->methods, method, (int64_t)bci - 1, &ret[n]))
			break;
		n++;
		/* callers stand before */
		if (sender >= scope)
			break;
		scope = sender;
	}
	for (size_t i = 0; i + 1 < n; i++)
		ret[i].inlined = true;
	return n;
}

static size_t describe_blob(const struct jvm_code *code, uint64_t blob, uint64_t address,
			    struct jvm_frame *ret)
{
	char name[NAME_SIZE] = "";
	uint64_t at, method;
	struct pc_desc desc;
	size_t n = 0;

	if (!hotspot_pointer(code->hotspot, blob + code->name, &at) ||
	    !hotspot_read(code->hotspot, at, name, sizeof(name) - 1))
		return 0;
	if (strcmp(name, "nmethod") == 0 && find_pc(code, blob, address, &desc))
		n = read_scopes(code, blob, (uint32_t)desc.scope, ret);
	if (n > 0)
		return n;
	if ((strcmp(name, "nmethod") == 0 || strcmp(name, "native nmethod") == 0) &&
	    hotspot_pointer(code->hotspot, blob + code->method, &method) &&
	    jvm_method_describe(&code->methods, method, -1, ret))
		return 1;
	*ret = (struct jvm_frame){.method = string_pool_add(code->methods.pool, name)};
	return name[0] && ret->method;
}

size_t jvm_code_find(struct jvm_code *code, uint64_t address, struct jvm_frame *ret)
{
	uint64_t blob;

	if (!code->entry)
		read_stubs(code);
	read_heaps(code);
	if (code->entry && address + 1 == code->entry) {
		*ret = (struct jvm_frame){.method = "call_stub"};
		return 1;
	}
	if (address >= code->interpreter_start && address < code->interpreter_end) {
		*ret = (struct jvm_frame){.method = "Interpreter"};
		return 1;
	}
	blob = find_blob(code, address);
	if (blob)
		return describe_blob(code, blob, address, ret);
	return jvm_method_describe(&code->methods, address, -1, ret) ||
	       jvm_method_find(&code->methods, address, ret);
}
