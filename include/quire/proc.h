/* SPDX-License-Identifier: MIT */
/*
 * What an instance says of itself, in the text of Linux's /proc and /sys: the
 * files that slabtop, free or numastat read.
 *
 *	char text[65536];
 *	if (quire_proc_read(q, "/proc/buddyinfo", text, sizeof(text)) > 0)
 *		fputs(text, stdout);
 *
 * Both functions may be called from any thread at once on the host port.
 */
#ifndef QUIRE_PROC_H
#define QUIRE_PROC_H

#include <stddef.h>
#include <stdint.h>

struct quire;

/*
 * Renders a file below /proc or /sys into buf (cap_bytes, at least 1) and ends
 * it with a NUL.  Returns the length in bytes without that NUL, or a negative
 * error: -ENOENT (there is no such file), -EISDIR, -EINVAL (a file that can
 * only be written), -ENOMEM (cap_bytes are too few; buf then has the text's
 * beginning).  Does not sleep.  Linux: a read of the whole file.
 */
int64_t quire_proc_read(struct quire *q, const char *path, char *buf, size_t cap_bytes);

/*
 * Writes len_bytes of text to a setting, as root does with one write(2):
 * "/proc/sys/vm/watermark_scale_factor", "/proc/sys/vm/drop_caches".  Returns
 * len_bytes, or a negative error: -ENOENT, -EISDIR, -EINVAL (a file that can only
 * be read, or not a value that it takes).  May sleep.
 */
int64_t quire_proc_write(struct quire *q, const char *path, const char *text, size_t len_bytes);

#endif
