/* SPDX-License-Identifier: MIT */
/*
 * A session file is a header of 24 bytes and one zstd frame with a checksum:
 *
 *	0   8  magic: no text, so that it is not taken for one, and broken by a change of line ends
 *	8   2  major version: another one cannot be read
 *	10  2  minor version: a newer one has more in it, which is passed over
 *	12  4  zero
 *	16  8  bytes of the payload, decompressed
 *	24     the payload (payload.h), compressed
 *
 * Numbers are little-endian. The size of the payload is claimed by the file, so it is believed only
 * within what compression can do to real data; the frame must then give exactly that many bytes.
 */
#include "profile/session.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/file.h"
#include "profile/payload.h"

static const uint8_t session_magic[8] = {0x89, 'M', 'T', 'S', 'E', 'S', '\r', '\n'};

enum {
	SESSION_MAJOR = 1,
	SESSION_MINOR = 0,
	SESSION_LEVEL = 3,        /* of compression: a program that ended is waited for */
	SESSION_MAX_RATIO = 4096, /* real sessions stay below 100 */
};
static const uint64_t SESSION_SLACK = 1 << 20;  /* bytes that are allowed at any ratio */
static const uint64_t SESSION_MAX = 4ull << 30; /* bytes of a file or a payload */

struct session_header {
	uint8_t magic[8];
	uint16_t major, minor;
	uint32_t zero;
	uint64_t payload_size;
};
assert_size(struct session_header, 24);

static int compress(const struct strbuf *payload, char **ret, size_t *ret_size)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t bound = ZSTD_compressBound(payload->length);
	char *bytes = malloc(sizeof(struct session_header) + bound);
	size_t size = 0;
	int r = -ENOMEM;

	if (context && bytes && !ZSTD_isError(bound)) {
		ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, SESSION_LEVEL);
		ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
		size = ZSTD_compress2(context, bytes + sizeof(struct session_header), bound,
				      payload->text, payload->length);
		r = ZSTD_isError(size) ? -ENOMEM : 0;
	}
	ZSTD_freeCCtx(context);
	if (r < 0) {
		free(bytes);
		return r;
	}
	*ret = bytes;
	*ret_size = sizeof(struct session_header) + size;
	return 0;
}

int session_write(const struct profile *profile, const char *path)
{
	_cleanup_(strbuf_deinit) struct strbuf payload = {};
	_cleanup_free_ char *bytes = NULL;
	struct session_header header = {
		.major = htole16(SESSION_MAJOR),
		.minor = htole16(SESSION_MINOR),
	};
	size_t size;
	int r;

	r = payload_write(profile, &payload);
	if (r < 0)
		return r;
	if (payload.length > SESSION_MAX)
		return -E2BIG;
	r = compress(&payload, &bytes, &size);
	if (r < 0)
		return r;
	memcpy(header.magic, session_magic, sizeof(session_magic));
	header.payload_size = htole64(payload.length);
	memcpy(bytes, &header, sizeof(header));
	return file_write(path, bytes, size);
}

int session_parse(const void *bytes, size_t size, struct profile **ret)
{
	_cleanup_free_ void *payload = NULL;
	struct session_header header;

	if (size < sizeof(session_magic) ||
	    memcmp(bytes, session_magic, sizeof(session_magic)) != 0)
		return -EPROTO;
	if (size < sizeof(header))
		return -EBADMSG;
	memcpy(&header, bytes, sizeof(header));
	if (le16toh(header.major) > SESSION_MAJOR)
		return -EPROTONOSUPPORT;
	if (le16toh(header.major) != SESSION_MAJOR)
		return -EBADMSG;
	uint64_t payload_size = le64toh(header.payload_size);
	uint64_t frame_size = size - sizeof(header);

	if (payload_size > SESSION_MAX ||
	    payload_size > frame_size * SESSION_MAX_RATIO + SESSION_SLACK)
		return -EBADMSG;
	payload = malloc(payload_size + 1);
	if (!payload)
		return -ENOMEM;
	size_t got = ZSTD_decompress(payload, payload_size, (const char *)bytes + sizeof(header),
				     frame_size);
	if (ZSTD_isError(got) || got != payload_size)
		return -EBADMSG;
	return payload_read(payload, payload_size, ret);
}

int session_read(const char *path, struct profile **ret)
{
	_cleanup_free_ char *bytes = NULL;
	size_t size;
	int r;

	/* a core file of many GB given by mistake is not read to be refused */
	r = session_is_session(path);
	if (r <= 0)
		return r < 0 ? r : -EPROTO;
	r = file_read(path, SESSION_MAX, &bytes, &size);
	if (r < 0)
		return r == -EFBIG ? -EBADMSG : r;
	return session_parse(bytes, size, ret);
}

int session_is_session(const char *path)
{
	uint8_t magic[sizeof(session_magic)];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	ssize_t n = file_pread(fd, magic, sizeof(magic), 0);

	/* what has no offsets (a pipe, a terminal) is no file of ours */
	if (n == -ESPIPE)
		return 0;
	if (n < 0)
		return (int)n;
	return n == sizeof(magic) && memcmp(magic, session_magic, sizeof(magic)) == 0;
}
