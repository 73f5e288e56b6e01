/* SPDX-License-Identifier: MIT */
/*
 * sizeclass.c: the table of size classes and the two tables that lead to it.
 *
 * What decides a class's span: at most 256 blocks, because their bitmap has its place in struct
 * span; at most a few per cent lost at its end; 16 KiB for small blocks, up to 128 KiB for larger
 * ones. Above 32 KiB a span is one block, which goes back as such. Spans are touched as they are
 * used, so that a large one costs no memory, but it goes back to the page heap only when the last
 * of its blocks is free. Buffers are often a power of two: such are alone in a span that is a page longer, so that
 * they can begin at different cache lines (SPAN_SHIFT).
 *
 * Spans of classes with tags are smaller: as a rule few of a program's blocks are sampled, and each class that
 * has one keeps the pages that it has touched.
 *
 * What decides a batch: 16 KiB, so that a thread's cache of a class holds 32 KiB or so at most, and no
 * more than 128 blocks, so that no thread holds the central lock for long.
 *
 * The tables are constant: they lie in the file, are shared by all processes and cost no start.
 */
#include "heap/sizeclass.h"

#include "heap/span.h"

/* clang-format off */
#define BATCH_BYTES 16384
#define BATCH_MAX 128
#define PLAIN(bytes, pages)                                                                        \
	{                                                                                          \
		.size = (bytes), .reciprocal = (uint32_t)((1ull << 32) / (bytes) + 1),             \
		.n_pages = (pages), .n_blocks = (pages) * 4096 / (bytes),                          \
		.batch = BATCH_BYTES / (bytes) > BATCH_MAX ? BATCH_MAX                             \
			: BATCH_BYTES / (bytes) > 4 ? BATCH_BYTES / (bytes)                        \
			: (bytes) <= SIZECLASS_SHARED_MAX ? 4 : 2,                                 \
	},
#define TAGGED_PAGES(bytes, pages)                                                                 \
	((bytes) <= 512 ? 1 : (bytes) > 1024 || (pages) < 2 ? (pages) : 2)
#define TAGGED(bytes, pages) PLAIN(bytes, TAGGED_PAGES(bytes, pages))

#define CLASSES(CLASS) \
	CLASS(16, 1) CLASS(32, 2) CLASS(48, 3) CLASS(64, 4) \
	CLASS(80, 4) CLASS(96, 4) CLASS(112, 4) CLASS(128, 4) \
	CLASS(144, 4) CLASS(160, 4) CLASS(176, 4) CLASS(192, 4) \
	CLASS(208, 4) CLASS(224, 4) CLASS(240, 4) CLASS(256, 4) \
	CLASS(288, 4) CLASS(320, 4) CLASS(352, 4) CLASS(384, 3) \
	CLASS(416, 4) CLASS(448, 4) CLASS(480, 4) CLASS(512, 4) \
	CLASS(576, 8) CLASS(640, 8) CLASS(704, 5) CLASS(768, 7) \
	CLASS(832, 8) CLASS(896, 7) CLASS(960, 8) CLASS(1024, 8) \
	CLASS(1152, 8) CLASS(1280, 5) CLASS(1408, 8) CLASS(1536, 6) \
	CLASS(1664, 7) CLASS(1792, 7) CLASS(1920, 8) CLASS(2048, 8) \
	CLASS(2304, 13) CLASS(2560, 15) CLASS(2816, 11) CLASS(3072, 15) \
	CLASS(3328, 13) CLASS(3584, 15) CLASS(3840, 16) CLASS(4096, 16) \
	CLASS(5120, 15) CLASS(6144, 15) CLASS(7168, 14) CLASS(8192, 16) \
	CLASS(10240, 30) CLASS(12288, 30) CLASS(14336, 28) CLASS(16384, 32) \
	CLASS(20480, 30) CLASS(24576, 30) CLASS(28672, 28) CLASS(32768, 32) \
	CLASS(40960, 10) CLASS(49152, 12) CLASS(57344, 14) CLASS(65536, 17) \
	CLASS(81920, 20) CLASS(98304, 24) CLASS(114688, 28) CLASS(131072, 33) \
	CLASS(163840, 40) CLASS(196608, 48) CLASS(229376, 56) CLASS(262144, 65)

const struct sizeclass sizeclass_table[SIZECLASS_IDS] = {
	{0},
	CLASSES(PLAIN)
	[SIZECLASS_TAGGED] = {0},
	CLASSES(TAGGED)
};

const uint8_t sizeclass_fine[SIZECLASS_FINE_MAX / 16 + 1] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	16, 17, 17, 18, 18, 19, 19, 20, 20, 21, 21, 22, 22, 23, 23, 24,
	24, 25, 25, 25, 25, 26, 26, 26, 26, 27, 27, 27, 27, 28, 28, 28,
	28, 29, 29, 29, 29, 30, 30, 30, 30, 31, 31, 31, 31, 32, 32, 32,
	32, 33, 33, 33, 33, 33, 33, 33, 33, 34, 34, 34, 34, 34, 34, 34,
	34, 35, 35, 35, 35, 35, 35, 35, 35, 36, 36, 36, 36, 36, 36, 36,
	36, 37, 37, 37, 37, 37, 37, 37, 37, 38, 38, 38, 38, 38, 38, 38,
	38, 39, 39, 39, 39, 39, 39, 39, 39, 40, 40, 40, 40, 40, 40, 40,
	40, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41,
	41, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42,
	42, 43, 43, 43, 43, 43, 43, 43, 43, 43, 43, 43, 43, 43, 43, 43,
	43, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44,
	44, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45,
	45, 46, 46, 46, 46, 46, 46, 46, 46, 46, 46, 46, 46, 46, 46, 46,
	46, 47, 47, 47, 47, 47, 47, 47, 47, 47, 47, 47, 47, 47, 47, 47,
	47, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
	48,
};

const uint8_t sizeclass_coarse[SIZECLASS_MAX / 1024] = {
	32, 40, 44, 48, 49, 50, 51, 52, 53, 53, 54, 54, 55, 55, 56, 56,
	57, 57, 57, 57, 58, 58, 58, 58, 59, 59, 59, 59, 60, 60, 60, 60,
	61, 61, 61, 61, 61, 61, 61, 61, 62, 62, 62, 62, 62, 62, 62, 62,
	63, 63, 63, 63, 63, 63, 63, 63, 64, 64, 64, 64, 64, 64, 64, 64,
	65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
	67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67,
	68, 68, 68, 68, 68, 68, 68, 68, 68, 68, 68, 68, 68, 68, 68, 68,
	69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69,
	69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69, 69,
	70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70,
	70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70,
	71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71,
	71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71, 71,
	72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72,
	72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72,
};
/* clang-format on */

unsigned sizeclass_of_aligned(size_t align, size_t size)
{
	if (size > SIZECLASS_MAX)
		return 0;
	for (unsigned class = sizeclass_of(size ? size : 1); class < SIZECLASS_N; class ++) {
		const struct sizeclass *sizeclass = sizeclass_get(class);

		/* a larger one would be a quarter too large */
		if (align > SPAN_SHIFT && span_has_shift(sizeclass))
			return 0;
		if (IS_ALIGNED(sizeclass->size, align))
			return class;
	}
	return 0;
}
