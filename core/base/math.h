/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic that does not fit in 64 bits on the way.
 *
 * A compiler turns a division of 128-bit numbers into a call of its own
 * library, which a freestanding program need not have.  Products are single
 * instructions; the quotient is found here, bit by bit where it must be.
 */
#ifndef QUIRE_BASE_MATH_H
#define QUIRE_BASE_MATH_H

#include "base/types.h"

/*
 * a * b / c, rounded down, with the product in full; c != 0.  U64_MAX where the
 * quotient has no room.  Linux's mul_u64_u64_div_u64().
 */
static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 c)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	u64 high = (u64)(product >> 64), low = (u64)product;

	if (likely(!high))
		return low / c;
	if (high >= c)
		return UINT64_MAX;
	/* Long division: high is what is left, the quotient enters low. */
	for (unsigned int i = 0; i < 64; i++) {
		bool carry = high >> 63;

		high = high << 1 | low >> 63;
		low <<= 1;
		if (carry || high >= c) {
			high -= c;
			low |= 1;
		}
	}
	return low;
}

/* How many bits are set; the compiler's own may be a call of its library. */
static inline unsigned int hweight32(u32 w)
{
	unsigned int n = 0;

	for (; w; w &= w - 1)
		n++;
	return n;
}

#endif
