/* SPDX-License-Identifier: MIT */
/*
 * core-image.c: a core file as segments (elf(5)).
 *
 * The file is read with pread(2) and never mapped: it may be cut short or be on a disk that fails while
 * we read, and a mapping answers that with SIGBUS; and what was read of a mapping would count as ours.
 *
 * A core of more than 65,534 mappings keeps the number of its program headers in the first section
 * header (PN_XNUM). Where the file ends before its segments do, what is there serves, and the rest is
 * counted as missing.
 */
#include "process/core-image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "base/search.h"
#include "process/memory.h"
#if defined(__x86_64__)
#include "process/core-x86_64.h"
#elif defined(__aarch64__)
#include "process/core-aarch64.h"
#else
#error "core files of this machine are not known"
#endif

enum { CHUNK = 256 * 1024, BITS = 64 };

static int read_exactly(int fd, void *buffer, size_t size, uint64_t offset)
{
	ssize_t n = offset > INT64_MAX ? 0 : file_pread(fd, buffer, size, offset);

	return n < 0 ? (int)n : (size_t)n < size ? -EBADMSG : 0;
}

static int check_header(const Elf64_Ehdr *header)
{
	const unsigned char native =
		__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return -EPROTO;
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != native)
		return -EPROTONOSUPPORT;
	if (header->e_type != ET_CORE)
		return -EPROTO;
	return header->e_machine == CORE_MACHINE ? 0 : -EPROTONOSUPPORT;
}

static int count_headers(const struct core_image *image, const Elf64_Ehdr *header, size_t *ret)
{
	Elf64_Shdr first;
	int r;

	*ret = header->e_phnum;
	if (header->e_phnum != PN_XNUM)
		return 0;
	r = read_exactly(image->fd, &first, sizeof(first), header->e_shoff);
	if (r == 0)
		*ret = first.sh_info;
	return r;
}

static int add_segment(struct core_image *image, const Elf64_Phdr *header)
{
	struct core_segment *segment = &image->segments[image->n_segments];

	*segment = (struct core_segment){
		.start = header->p_vaddr,
		.offset = header->p_offset,
		.dumped = header->p_filesz,
		.flags = header->p_flags,
	};
	if (__builtin_add_overflow(header->p_vaddr, header->p_memsz, &segment->end) ||
	    segment->end % MEMORY_PAGE_SIZE || segment->start % MEMORY_PAGE_SIZE ||
	    header->p_filesz > header->p_memsz)
		return -EBADMSG;
	if (segment->start == segment->end)
		return 0;
	if (image->n_segments && segment->start < segment[-1].end)
		return -EBADMSG;
	if (segment->offset > image->size)
		segment->dumped = 0;
	segment->dumped = MIN(segment->dumped, image->size - MIN(image->size, segment->offset));
	image->missing += header->p_filesz - segment->dumped;
	image->n_segments++;
	return 0;
}

static int compare_headers(const void *a, const void *b)
{
	const Elf64_Phdr *x = a, *y = b;

	return x->p_vaddr < y->p_vaddr ? -1 : x->p_vaddr > y->p_vaddr;
}

static int sort_out(struct core_image *image, Elf64_Phdr *headers, size_t n)
{
	uint64_t dumped = 0;
	int r;

	image->segments = calloc(n + 1, sizeof(*image->segments));
	image->notes = calloc(n + 1, sizeof(*image->notes));
	if (!image->segments || !image->notes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (headers[i].p_type == PT_NOTE)
			image->notes[image->n_notes++] = headers[i];
	qsort(headers, n, sizeof(*headers), compare_headers);
	for (size_t i = 0; i < n; i++) {
		if (headers[i].p_type != PT_LOAD)
			continue;
		r = add_segment(image, &headers[i]);
		if (r < 0)
			return r;
	}
	/* segments that share bytes of the file are not from a kernel, and could ask for any work */
	for (size_t i = 0; i < image->n_segments; i++)
		if (__builtin_add_overflow(dumped, image->segments[i].dumped, &dumped) ||
		    dumped > image->size)
			return -EBADMSG;
	return 0;
}

int core_image_init(struct core_image *image, int fd)
{
	_cleanup_free_ Elf64_Phdr *headers = NULL;
	Elf64_Ehdr header;
	struct stat st;
	size_t n;
	int r;

	*image = (struct core_image){.fd = fd};
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EPROTO;
	image->size = (uint64_t)st.st_size;
	r = read_exactly(fd, &header, sizeof(header), 0);
	if (r < 0)
		return r == -EBADMSG ? -EPROTO : r;
	r = check_header(&header);
	if (r < 0)
		return r;
	r = count_headers(image, &header, &n);
	if (r < 0)
		return r;
	if (!n || header.e_phentsize != sizeof(*headers) || n > image->size / sizeof(*headers))
		return -EBADMSG;
	headers = calloc(n, sizeof(*headers));
	if (!headers)
		return -ENOMEM;
	r = read_exactly(fd, headers, n * sizeof(*headers), header.e_phoff);
	if (r < 0)
		return r;
	return sort_out(image, headers, n);
}

void core_image_deinit(struct core_image *image)
{
	for (size_t i = 0; i < image->n_segments; i++)
		free(image->segments[i].held);
	free(image->segments);
	free(image->notes);
	cleanup_close(&image->fd);
	*image = (struct core_image){.fd = -EBADF};
}

struct core_segment *core_image_find(const struct core_image *image, uint64_t address)
{
	const size_t low = SEARCH(image->n_segments, i, image->segments[i].end <= address);

	if (low == image->n_segments || image->segments[low].start > address)
		return NULL;
	return &image->segments[low];
}

int core_image_read(const struct core_image *image, const struct core_segment *segment,
		    uint64_t address, void *buffer, size_t size)
{
	uint64_t skip = address - segment->start;

	if (skip > segment->dumped || size > segment->dumped - skip)
		return -EIO;
	return read_exactly(image->fd, buffer, size, segment->offset + skip) < 0 ? -EIO : 0;
}

/* Where the data begins that holds or follows place, an offset in the segment; dumped if none does. */
static uint64_t skip_hole(const struct core_image *image, const struct core_segment *segment,
			  uint64_t place)
{
	off_t data = lseek(image->fd, (off_t)(segment->offset + place), SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? segment->dumped : place;
	if ((uint64_t)data <= segment->offset + place)
		return place;
	return MIN(ALIGN_DOWN((uint64_t)data - segment->offset, (uint64_t)MEMORY_PAGE_SIZE),
		   segment->dumped);
}

/* How much to read at place, which is no hole: up to the next hole, in whole pages. */
static size_t data_size(const struct core_image *image, const struct core_segment *segment,
			uint64_t place)
{
	uint64_t size = MIN(segment->dumped - place, (uint64_t)CHUNK);
	off_t hole = lseek(image->fd, (off_t)(segment->offset + place), SEEK_HOLE);

	if (hole > 0 && (uint64_t)hole > segment->offset + place)
		size = MIN(size, ALIGN_UP((uint64_t)hole - segment->offset - place,
					  (uint64_t)MEMORY_PAGE_SIZE));
	return (size_t)size;
}

static bool is_zero(const char *bytes, size_t size)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, size - 1);
}

static void look_at(struct core_image *image, struct core_segment *segment, uint64_t place,
		    const char *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += MEMORY_PAGE_SIZE) {
		size_t page = MIN(size - at, (size_t)MEMORY_PAGE_SIZE);
		uint64_t number = (place + at) / MEMORY_PAGE_SIZE;

		if (is_zero(bytes + at, page)) {
			image->zeros += page;
			continue;
		}
		segment->held[number / BITS] |= 1ull << number % BITS;
		segment->held_bytes += MEMORY_PAGE_SIZE;
	}
}

int core_image_look(struct core_image *image, struct core_segment *segment)
{
	_cleanup_free_ char *buffer = NULL;
	uint64_t place = 0;
	size_t size;
	int r;

	if (segment->held)
		return 0;
	buffer = malloc(CHUNK);
	segment->held = calloc(segment->dumped / MEMORY_PAGE_SIZE / BITS + 1, sizeof(uint64_t));
	if (!buffer || !segment->held)
		return -ENOMEM;
	while (place < segment->dumped) {
		uint64_t data = skip_hole(image, segment, place);

		if (data > place) {
			place = data;
			continue;
		}
		size = data_size(image, segment, place);
		r = core_image_read(image, segment, segment->start + place, buffer, size);
		if (r < 0)
			return r;
		look_at(image, segment, place, buffer, size);
		place += size;
	}
	return 0;
}
