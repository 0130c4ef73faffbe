// The memory functions that compiled code calls. -fno-builtin keeps the compiler from making them
// call themselves.
#include <stddef.h>
#include <stdint.h>
#include "CUserEntry.h"

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if (((uintptr_t)t & 7) == ((uintptr_t)f & 7)) {
        while (count > 0 && ((uintptr_t)t & 7)) {
            *t++ = *f++;
            count--;
        }
        for (; count >= 8; count -= 8, t += 8, f += 8) *(uint64_t *)t = *(const uint64_t *)f;
    }
    while (count-- > 0) *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t - (uintptr_t)f >= count) return memcpy(to, from, count);
    while (count-- > 0) t[count] = f[count];
    return to;
}

void *memset(void *to, int value, size_t count) {
    uint8_t *t = to;
    uint64_t word = 0x0101010101010101ull * (uint8_t)value;
    while (count > 0 && ((uintptr_t)t & 7)) {
        *t++ = (uint8_t)value;
        count--;
    }
    for (; count >= 8; count -= 8, t += 8) *(uint64_t *)t = word;
    while (count-- > 0) *t++ = (uint8_t)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t count) {
    const uint8_t *x = a, *y = b;
    for (; count > 0; count--, x++, y++)
        if (*x != *y) return *x - *y;
    return 0;
}

void *memchr(const void *in, int value, size_t count) {
    const uint8_t *p = in;
    for (; count > 0; count--, p++)
        if (*p == (uint8_t)value) return (void *)p;
    return NULL;
}

size_t strlen(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}

size_t strnlen(const char *text, size_t limit) {
    size_t count = 0;
    while (count < limit && text[count]) count++;
    return count;
}

char *strrchr(const char *text, int value) {
    const char *last = NULL;
    for (;; text++) {
        if (*text == (char)value) last = text;
        if (!*text) return (char *)last;
    }
}

uintptr_t __stack_chk_guard = 0x595354524d4c46;
_Noreturn void __stack_chk_fail(void) {
    SWIFTLET_TRAP(SWIFTLET_TRAP_STACK_SMASHED);
    __builtin_unreachable();
}
