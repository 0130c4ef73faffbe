// Memory and text of C, without a C library: for the kernel and for tasks.
#ifndef SWIFTLET_CMEMORY_H
#define SWIFTLET_CMEMORY_H

#include <stddef.h>
#include <stdint.h>

void *_Nonnull memcpy(void *_Nonnull to, const void *_Nonnull from, size_t count);
void *_Nonnull memmove(void *_Nonnull to, const void *_Nonnull from, size_t count);
void *_Nonnull memset(void *_Nonnull to, int byte, size_t count);
int memcmp(const void *_Nonnull left, const void *_Nonnull right, size_t count);
void *_Nullable memchr(const void *_Nonnull start, int byte, size_t count);
size_t strlen(const char *_Nonnull text);
size_t strnlen(const char *_Nonnull text, size_t limit);
char *_Nullable strrchr(const char *_Nonnull text, int byte);

#endif
