/* SPDX-License-Identifier: MIT */
/*
 * A session file from anywhere. The input is taken as a whole file and as a payload, because a fuzzer
 * cannot guess its way through a checksum. What is read must be written and read again unchanged.
 */
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "profile/payload.h"
#include "profile/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct profile *profile)
{
	struct strbuf first = {}, second = {};
	struct profile *again;

	if (payload_write(profile, &first) < 0 ||
	    payload_read(first.text, first.length, &again) < 0 ||
	    payload_write(again, &second) < 0 || first.length != second.length ||
	    memcmp(first.text, second.text, first.length) != 0)
		abort();
	profile_free(again);
	profile_free(profile);
	strbuf_deinit(&first);
	strbuf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile *profile;

	if (session_parse(data, size, &profile) == 0)
		check(profile);
	if (payload_read(data, size, &profile) == 0)
		check(profile);
	return 0;
}
