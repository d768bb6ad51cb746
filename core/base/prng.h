/* SPDX-License-Identifier: MIT */
/*
 * The pseudo-random numbers that a model run is a function of.
 *
 * xoshiro256** by Blackman and Vigna (2018), its state filled from one 64-bit
 * seed by splitmix64, as its authors advise.  The sequence belongs to the
 * format of a scenario: the same seed gives the same bytes in each release.
 *
 * Invariant: the state is not all zero (splitmix64 cannot yield that).
 * Not for secrets.  Locks: the caller's.
 */
#ifndef QUIRE_BASE_PRNG_H
#define QUIRE_BASE_PRNG_H

#include "base/types.h"

struct prng {
	u64 s[4];
};

/* One step of splitmix64: also a good way to derive a seed from a seed. */
static inline u64 prng_splitmix64(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Any seed will do, 0 too. */
static inline void prng_seed(struct prng *prng, u64 seed)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(prng->s); i++)
		prng->s[i] = prng_splitmix64(&seed);
}

static inline u64 __prng_rotl(u64 v, unsigned by)
{
	return v << by | v >> (64 - by);
}

/* 64 evenly distributed bits. */
static inline u64 prng_u64(struct prng *prng)
{
	u64 *s = prng->s;
	u64 result = __prng_rotl(s[1] * 5, 7) * 9;
	u64 t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = __prng_rotl(s[3], 45);
	return result;
}

/*
 * Evenly from 0 to n - 1; 0 for n == 0.  The high word of a 128-bit product
 * (Lemire 2019); the 2^64 % n products that would favour some are drawn again.
 */
static inline u64 prng_below(struct prng *prng, u64 n)
{
	unsigned __int128 product = (unsigned __int128)prng_u64(prng) * n;

	if (unlikely((u64)product < n)) {
		u64 unfair = -n % n;

		while ((u64)product < unfair)
			product = (unsigned __int128)prng_u64(prng) * n;
	}
	return (u64)(product >> 64);
}

/* Evenly from lo to hi, both included; lo <= hi. */
static inline u64 prng_range(struct prng *prng, u64 lo, u64 hi)
{
	u64 span = hi - lo + 1;

	return span ? lo + prng_below(prng, span) : prng_u64(prng);
}

#endif
