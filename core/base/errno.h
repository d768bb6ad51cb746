/* SPDX-License-Identifier: MIT */
/*
 * Linux's error numbers, as far as the core returns them, and errors carried
 * in pointers.  The values are Linux's, so a file that also includes libc's
 * <errno.h> sees the same definitions.
 */
#ifndef QUIRE_BASE_ERRNO_H
#define QUIRE_BASE_ERRNO_H

#ifndef ENOMEM
#define EPERM	     1
#define ENOENT	     2
#define ESRCH	     3
#define EINTR	     4
#define EIO	     5
#define EBADF	     9
#define EAGAIN	     11
#define ENOMEM	     12
#define EACCES	     13
#define EFAULT	     14
#define ENOTBLK	     15
#define EBUSY	     16
#define EEXIST	     17
#define ENODEV	     19
#define EISDIR	     21
#define EINVAL	     22
#define EMFILE	     24
#define ENOTTY	     25
#define EFBIG	     27
#define ENOSPC	     28
#define ENOSYS	     38
#define EIDRM	     43
#define ENAMETOOLONG 36
#define ERANGE	     34
#define EOVERFLOW    75
#endif

#define MAX_ERRNO 4095

static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

static inline long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}

static inline bool IS_ERR(const void *ptr)
{
	return (unsigned long)ptr >= (unsigned long)-MAX_ERRNO;
}

static inline bool IS_ERR_OR_NULL(const void *ptr)
{
	return !ptr || IS_ERR(ptr);
}
#define EOPNOTSUPP 95

#endif
