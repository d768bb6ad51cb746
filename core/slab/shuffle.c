/* SPDX-License-Identifier: MIT */
/*
 * The order of a new slab's free objects, shuffled so that nobody can foresee
 * where the next object lies (Linux's CONFIG_SLAB_FREELIST_RANDOM).
 *
 * A cache has one random order; each new slab takes it from a random place on.
 * The numbers are the machine's, counted, not drawn: no lock, and one seed
 * gives one run.
 */
#include "slab/debug.h"

unsigned long slab_random(struct quire *q)
{
	u64 state = q->cfg.seed ^ (HOT_ADD(&q->slab->nr_shuffles, 1) << 32) ^ 0x736c6162;

	(void)prng_splitmix64(&state);
	return prng_splitmix64(&state);
}

int init_cache_random_seq(struct quire *q, struct kmem_cache *s)
{
	struct prng rng;
	u16 *seq;

	if (!q->cfg.slab_freelist_random || s->objects < 2)
		return 0;
	seq = kmalloc(q, s->objects * sizeof(*seq), GFP_KERNEL);
	if (!seq)
		return -ENOMEM;
	prng_seed(&rng, slab_random(q));
	for (unsigned int i = 0; i < s->objects; i++) {
		unsigned int j = (unsigned int)prng_below(&rng, i + 1);

		seq[i] = seq[j];
		seq[j] = (u16)i;
	}
	kfree(q, s->random_seq);
	s->random_seq = seq;
	return 0;
}

void shuffle_slab(struct quire *q, struct kmem_cache *s, struct page *page)
{
	char *start = (char *)page_address(q, page) + s->red_left_pad;
	unsigned int pos = (unsigned int)(slab_random(q) % s->objects);
	void *last = NULL;

	for (unsigned int i = 0; i < s->objects; i++) {
		unsigned int at = s->random_seq[(pos + i) % s->objects];
		void *object = start + (size_t)at * s->size;

		/* A slab of the smallest order has fewer. */
		if (at >= page->objects)
			continue;
		setup_object(q, s, page, object);
		if (last)
			set_freepointer(s, last, object);
		else
			page->freelist = object;
		last = object;
	}
	set_freepointer(s, last, NULL);
}
