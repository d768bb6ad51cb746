/* SPDX-License-Identifier: MIT */
/* Sizes, times and parts as people write them. */
#ifndef QUIRE_MACHINE_UNITS_H
#define QUIRE_MACHINE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define TEN_THOUSAND 10000u

/* "32G", "4096", "1.5M": bytes; K, M, G, T are powers of 1,024. */
bool parse_size(const char *text, uint64_t *bytes);
/* "70ns", "80us", "5ms", "30s", "10m", "8h", "1h30m": ns. */
bool parse_duration(const char *text, uint64_t *ns);
/* "02:58" or "02:58:30": ns since midnight. */
bool parse_clock(const char *text, uint64_t *ns);
/* "30%", "0.5%": parts of 10,000, at most the whole. */
bool parse_part(const char *text, uint64_t *parts);
/* "2026-03-14" at 00:00 UTC: seconds since 1970. */
bool parse_date(const char *text, int64_t *seconds);

#endif
