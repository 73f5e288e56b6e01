/* SPDX-License-Identifier: MIT */
/*
 * census.c: see the header.
 */
#include "profile/census.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

void census_deinit(struct census *census)
{
	for (size_t i = 0; i < census->n_rows; i++) {
		free(census->rows[i].name);
		free(census->rows[i].note);
	}
	free(census->rows);
	free(census->comm);
	free(census->exe);
	free(census->where);
	*census = (struct census){};
}

struct census_row *census_add(struct census *census, const char *name)
{
	char *copy = strdup(name);

	if (!copy || GROW(census->rows, census->n_rows) < 0) {
		free(copy);
		return NULL;
	}
	census->rows[census->n_rows] = (struct census_row){.name = copy};
	return &census->rows[census->n_rows++];
}
