/* SPDX-License-Identifier: MIT */
/*
 * jvm-method.c: a Method points to its ConstMethod, which does not change: bytecodes, packed lines behind
 * them, and numbers of entries in the class's pool of constants for the names.
 *
 *	Method ──→ ConstMethod | bytecodes | lines | …      ConstMethod ──→ ConstantPool ──→ class
 *
 * An interpreted frame is known by the address of a bytecode. The ConstMethod begins at most 64 KiB
 * before; each word on the way there may be its beginning, and is, if the code that it claims to have holds the
 * address and its pool of constants belongs to a class that has this pool.
 */
#include "process/jvm-method.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum {
	CODE_MAX = 65535,
	CONST_MAX = 4 << 20, /* bytes of a ConstMethod */
	LINES_MAX = 64 << 10,
	SYMBOL_MAX = 255,
	PAGE = 4096,
	SEARCH_MAX = 68 << 10,
};

bool jvm_methods_init(struct jvm_methods *methods, const struct hotspot *hotspot,
		      struct string_pool *pool)
{
	const struct {
		const char *type, *field;
		uint64_t *place;
	} fields[] = {
		{"Method", "_constMethod", &methods->const_method},
		{"ConstMethod", "_constants", &methods->constants},
		{"ConstMethod", "_code_size", &methods->code_size},
		{"ConstMethod", "_constMethod_size", &methods->const_words},
		{"ConstMethod", "_name_index", &methods->name_index},
		{"ConstantPool", "_pool_holder", &methods->holder},
		{"InstanceKlass", "_constants", &methods->class_constants},
		{"Klass", "_name", &methods->class_name},
		{"Symbol", "_length", &methods->symbol_length},
		{"Symbol", "_body", &methods->symbol_body},
	};
	uint64_t version = 0, at;

	*methods = (struct jvm_methods){.hotspot = hotspot, .pool = pool};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		*fields[i].place = hotspot_offset(hotspot, fields[i].type, fields[i].field);
		if (*fields[i].place == HOTSPOT_NONE)
			return false;
	}
	methods->const_size = hotspot_size(hotspot, "ConstMethod");
	methods->pool_size = hotspot_size(hotspot, "ConstantPool");
	methods->flags = hotspot_offset(hotspot, "ConstMethod", "_flags");
	if (methods->flags == HOTSPOT_NONE)
		methods->flags = hotspot_offset(hotspot, "ConstMethod", "_flags._flags");
	if (!hotspot_constant(hotspot, "ConstMethod::_has_linenumber_table", &methods->has_lines) &&
	    !hotspot_constant(hotspot, "ConstMethodFlags::_misc_has_linenumber_table",
			      &methods->has_lines))
		methods->flags = HOTSPOT_NONE;
	methods->pool_file = hotspot_offset(hotspot, "ConstantPool", "_source_file_name_index");
	methods->class_file = hotspot_offset(hotspot, "InstanceKlass", "_source_file_name_index");
	at = hotspot_static(hotspot, "Abstract_VM_Version", "_vm_major_version");
	(void)hotspot_read(hotspot, at, &version, 4);
	methods->zeroless = version >= 20;
	return methods->const_size && methods->pool_size && methods->const_size < PAGE;
}

/* The text of a Symbol; false if it is none. */
static bool read_symbol(const struct jvm_methods *methods, uint64_t symbol,
			char text[static SYMBOL_MAX + 1])
{
	uint16_t length;

	if (symbol % 8 || !hotspot_read(methods->hotspot, symbol + methods->symbol_length, &length,
					sizeof(length)))
		return false;
	length = (uint16_t)MIN((int)length, (int)SYMBOL_MAX);
	if (length == 0 ||
	    !hotspot_read(methods->hotspot, symbol + methods->symbol_body, text, length))
		return false;
	text[length] = 0;
	return true;
}

/* The symbol with that number in a pool of constants. */
static bool read_constant(const struct jvm_methods *methods, uint64_t constants, uint16_t index,
			  char text[static SYMBOL_MAX + 1])
{
	uint64_t symbol;

	/* the lowest bits may say what sort of entry it is */
	return index &&
	       hotspot_pointer(methods->hotspot, constants + methods->pool_size + index * 8ull,
			       &symbol) &&
	       read_symbol(methods, symbol & ~7ull, text);
}

bool jvm_read_packed(const uint8_t *bytes, size_t size, bool zeroless, size_t *at, uint32_t *ret)
{
	const unsigned excluded = zeroless ? 1 : 0, low = 192 - excluded;
	uint32_t sum = 0;

	for (unsigned i = 0; i < 5; i++) {
		unsigned byte;

		if (*at >= size || bytes[*at] < excluded)
			return false;
		byte = bytes[(*at)++] - excluded;
		sum += byte << (6 * i);
		if (byte < low)
			break;
	}
	*ret = sum;
	return true;
}

static bool read_signed(const uint8_t *bytes, size_t size, bool zeroless, size_t *at, int64_t *ret)
{
	uint32_t value;

	if (!jvm_read_packed(bytes, size, zeroless, at, &value))
		return false;
	*ret = (int32_t)((value >> 1) ^ -(value & 1));
	return true;
}

/* The line of the last entry that is not behind bci. */
static uint32_t find_line(const uint8_t *bytes, size_t size, bool zeroless, int64_t bci)
{
	int64_t at_bci = 0, line = 0, best_bci = -1, best = 0;
	size_t at = 0;

	while (at < size) {
		const uint8_t next = bytes[at++];

		if (next == 0)
			break;
		if (next == 0xff) {
			int64_t by_bci, by_line;

			if (!read_signed(bytes, size, zeroless, &at, &by_bci) ||
			    !read_signed(bytes, size, zeroless, &at, &by_line))
				break;
			at_bci += by_bci;
			line += by_line;
		} else {
			at_bci += next >> 3;
			line += next & 7;
		}
		if (at_bci <= bci && at_bci >= best_bci) {
			best_bci = at_bci;
			best = line;
		}
	}
	return best > 0 && best < CODE_MAX ? (uint32_t)best : 0;
}

static uint32_t read_line(const struct jvm_methods *methods, uint64_t const_method,
			  uint16_t code_size, int64_t bci)
{
	const uint64_t start = methods->const_size + code_size;
	_cleanup_free_ uint8_t *bytes = NULL;
	uint32_t words = 0, flags = 0;
	uint64_t size;

	if (bci < 0 || methods->flags == HOTSPOT_NONE ||
	    !hotspot_read(methods->hotspot, const_method + methods->flags, &flags, 2) ||
	    !(flags & methods->has_lines) ||
	    !hotspot_read(methods->hotspot, const_method + methods->const_words, &words, 4) ||
	    words > CONST_MAX / 8 || words * 8ull <= start)
		return 0;
	size = MIN(words * 8ull - start, (uint64_t)LINES_MAX);
	bytes = malloc(size);
	if (!bytes || !hotspot_read(methods->hotspot, const_method + start, bytes, size))
		return 0;
	return find_line(bytes, size, methods->zeroless, bci);
}

/* "java/util/Foo" to "java.util.Foo"; what makes a hidden class's name another one each time goes. */
static void tidy_class(char *name)
{
	char *suffix = strstr(name, "+0x");

	if (!suffix)
		suffix = strstr(name, "/0x");
	if (suffix)
		*suffix = 0;
	for (; *name; name++)
		if (*name == '/')
			*name = '.';
}

static const char *read_file(const struct jvm_methods *methods, uint64_t constants, uint64_t holder)
{
	char text[SYMBOL_MAX + 1];
	uint64_t at = 0;
	uint16_t index;

	if (methods->pool_file != HOTSPOT_NONE)
		at = constants + methods->pool_file;
	else if (methods->class_file != HOTSPOT_NONE)
		at = holder + methods->class_file;
	if (!at || !hotspot_read(methods->hotspot, at, &index, sizeof(index)) ||
	    !read_constant(methods, constants, index, text))
		return NULL;
	return string_pool_add(methods->pool, text);
}

/* A ConstMethod's pool of constants and the class; false if it is none. */
static bool find_holder(const struct jvm_methods *methods, uint64_t constants, uint64_t *ret)
{
	uint64_t back;

	return constants % 8 == 0 &&
	       hotspot_pointer(methods->hotspot, constants + methods->holder, ret) &&
	       *ret % 8 == 0 &&
	       hotspot_pointer(methods->hotspot, *ret + methods->class_constants, &back) &&
	       back == constants;
}

static bool describe(const struct jvm_methods *methods, uint64_t const_method, int64_t bci,
		     struct jvm_frame *ret)
{
	char name[2 * SYMBOL_MAX + 3], method[SYMBOL_MAX + 1];
	uint64_t constants, holder, symbol;
	uint16_t code_size, index;

	if (const_method % 8 ||
	    !hotspot_pointer(methods->hotspot, const_method + methods->constants, &constants) ||
	    !find_holder(methods, constants, &holder) ||
	    !hotspot_pointer(methods->hotspot, holder + methods->class_name, &symbol) ||
	    !read_symbol(methods, symbol, name) ||
	    !hotspot_read(methods->hotspot, const_method + methods->name_index, &index, 2) ||
	    !hotspot_read(methods->hotspot, const_method + methods->code_size, &code_size, 2) ||
	    !read_constant(methods, constants, index, method))
		return false;
	tidy_class(name);
	strcat(name, ".");
	strcat(name, method);
	*ret = (struct jvm_frame){
		.method = string_pool_add(methods->pool, name),
		.file = read_file(methods, constants, holder),
		.line = read_line(methods, const_method, code_size, bci),
	};
	return ret->method;
}

bool jvm_method_describe(const struct jvm_methods *methods, uint64_t method, int64_t bci,
			 struct jvm_frame *ret)
{
	uint64_t const_method;

	return method % 8 == 0 &&
	       hotspot_pointer(methods->hotspot, method + methods->const_method, &const_method) &&
	       describe(methods, const_method, bci, ret);
}

/* Whether a ConstMethod that may begin there claims to have the instruction at address. */
static bool claims(const struct jvm_methods *methods, const uint8_t *bytes, uint64_t start,
		   uint64_t address)
{
	const uint64_t code = start + methods->const_size;
	uint64_t constants;
	uint16_t code_size;
	uint32_t words;

	memcpy(&code_size, bytes + methods->code_size, sizeof(code_size));
	memcpy(&words, bytes + methods->const_words, sizeof(words));
	memcpy(&constants, bytes + methods->constants, sizeof(constants));
	return address >= code && address - code < code_size && constants && constants % 8 == 0 &&
	       constants >> 47 == 0 && words <= CONST_MAX / 8 &&
	       words * 8ull >= methods->const_size + code_size;
}

bool jvm_method_find(const struct jvm_methods *methods, uint64_t address, struct jvm_frame *ret)
{
	const uint64_t end = address + 1;
	_cleanup_free_ uint8_t *bytes = malloc(SEARCH_MAX + PAGE);
	uint64_t start = end;

	if (!bytes || address < SEARCH_MAX + PAGE)
		return false;
	/* the buffer holds [end - SEARCH_MAX - PAGE, end), filled from its upper end down */
	while (end - start < SEARCH_MAX) {
		const uint64_t next = ALIGN_DOWN(start - 1, (uint64_t)PAGE);
		uint8_t *place = bytes + SEARCH_MAX + PAGE - (end - next);

		if (!hotspot_read(methods->hotspot, next, place, start - next))
			return false;
		for (uint64_t at = ALIGN_UP(start, 8ull); at > next;) {
			at -= 8;
			if (end - at < methods->const_size + 1)
				continue;
			if (claims(methods, place + (at - next), at, address) &&
			    describe(methods, at, (int64_t)(address - at - methods->const_size),
				     ret))
				return true;
		}
		start = next;
	}
	return false;
}
