// The remaining functions of a C library that libfdt and compiled code call. In the kernel only
// boot code does. -fno-builtin keeps the compiler from making them call themselves.

#include "CMemory.h"

void *memchr(const void *start, int byte, size_t count) {
    for (const unsigned char *at = start; count > 0; count--, at++) {
        if (*at == (unsigned char)byte) return (void *)at;
    }
    return NULL;
}

size_t strnlen(const char *text, size_t limit) {
    size_t length = 0;
    while (length < limit && text[length] != 0) length++;
    return length;
}

size_t strlen(const char *text) { return strnlen(text, SIZE_MAX); }

char *strrchr(const char *text, int byte) {
    const char *found = NULL;
    for (;; text++) {
        if (*text == (char)byte) found = text;
        if (*text == 0) return (char *)found;
    }
}
