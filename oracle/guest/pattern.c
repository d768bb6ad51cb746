/* SPDX-License-Identifier: MIT */
/* pattern MIB: so many MiB of defined bytes that no compressor makes smaller. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	static uint64_t b[131072];
	uint64_t x = 88172645463325252ULL;
	long mib = argc > 1 ? atol(argv[1]) : 1;

	for (long i = 0; i < mib; i++) {
		for (int j = 0; j < 131072; j++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			b[j] = x;
		}
		if (fwrite(b, sizeof(b), 1, stdout) != 1)
			return 1;
	}
	return 0;
}
