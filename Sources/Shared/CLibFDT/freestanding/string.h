// The memory and string functions that libfdt's header names, where no C library is installed.
#ifndef SWIFTLET_STRING_H
#define SWIFTLET_STRING_H
#include <stddef.h>
void *memchr(const void *, int, size_t);
int memcmp(const void *, const void *, size_t);
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
size_t strlen(const char *);
size_t strnlen(const char *, size_t);
char *strrchr(const char *, int);
#endif
