/* SPDX-License-Identifier: MIT */
/* Any bytes as a kernel log: every report in them is read, explained and
 * printed both ways. */
#include <stdint.h>

#include "explain/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *null;
	struct report_reader *reader;
	const struct report *r;
	FILE *f;

	if (!size)
		return 0;
	if (!null)
		null = fopen("/dev/null", "w");
	f = fmemopen((void *)(uintptr_t)data, size, "r");
	reader = report_reader_new(f);
	while ((r = report_next(reader))) {
		struct explanation e;

		if (!explain(&e, r))
			break;
		explain_say(&e, null);
		explain_json(&e, null);
		explain_free(&e);
	}
	report_reader_free(reader);
	fclose(f);
	return 0;
}
