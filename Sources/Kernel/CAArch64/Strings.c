// The remaining functions of a C library that libfdt and the compiler expect. Only boot code calls
// these.

#include "CAArch64.h"

#define PLAIN_C __attribute__((no_builtin))

PLAIN_C int memcmp(const void *a, const void *b, size_t count) {
    const unsigned char *left = a, *right = b;
    for (; count > 0; count--, left++, right++) {
        if (*left != *right) return *left - *right;
    }
    return 0;
}

PLAIN_C void *memchr(const void *start, int byte, size_t count) {
    for (const unsigned char *at = start; count > 0; count--, at++) {
        if (*at == (unsigned char)byte) return (void *)at;
    }
    return NULL;
}

PLAIN_C size_t strnlen(const char *text, size_t limit) {
    size_t length = 0;
    while (length < limit && text[length] != 0) length++;
    return length;
}

PLAIN_C size_t strlen(const char *text) { return strnlen(text, SIZE_MAX); }

PLAIN_C char *strrchr(const char *text, int byte) {
    const char *found = NULL;
    for (;; text++) {
        if (*text == (char)byte) found = text;
        if (*text == 0) return (char *)found;
    }
}

/// libfdt comes compiled with stack protection.
const uintptr_t __stack_chk_guard = 0x5357494654004c45;
_Noreturn void __stack_chk_fail(void) { __builtin_trap(); }
