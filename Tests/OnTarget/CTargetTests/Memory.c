// The memory functions of tasks against loops that copy, fill and compare byte by byte.

#include "CTargetTests.h"

#include "CMemory.h"

enum { MARGIN = 16, LARGEST = 200, SHIFTS = 9, SPAN = 2 * MARGIN + LARGEST + SHIFTS };

typedef volatile unsigned char Byte;

static void fill(Byte *area, unsigned seed) {
    for (unsigned at = 0; at < SPAN; at++) area[at] = (unsigned char)(seed + 37 * at);
}
static int differ(Byte *left, Byte *right) {
    for (unsigned at = 0; at < SPAN; at++)
        if (left[at] != right[at]) return 1;
    return 0;
}
static int sign(int value) { return (value > 0) - (value < 0); }

/// Copies that overlap, and those that do not: from `from` to `to` of the same area.
static int checkMove(Byte *area, Byte *expected, Byte *source, unsigned to, unsigned from,
                     unsigned size) {
    fill(area, size);
    fill(expected, size);
    fill(source, size);
    for (unsigned at = 0; at < size; at++) expected[to + at] = source[from + at];
    if (memmove((void *)(area + to), (void *)(area + from), size) != (void *)(area + to)) return 1;
    return differ(area, expected);
}

uint64_t failedMemoryCase(unsigned char *memory) {
    Byte *area = memory, *expected = memory + 512, *source = memory + 1024;
    for (unsigned size = 0; size <= LARGEST; size++) {
        for (unsigned shift = 0; shift < SHIFTS; shift++) {
            uint64_t place = 1000 * size + 10 * shift;
            // memcpy
            fill(area, 1);
            fill(expected, 1);
            fill(source, 200);
            for (unsigned at = 0; at < size; at++)
                expected[MARGIN + shift + at] = source[MARGIN + at];
            if (memcpy((void *)(area + MARGIN + shift), (void *)(source + MARGIN), size)
                    != (void *)(area + MARGIN + shift)
                || differ(area, expected))
                return place + 1;
            // memset
            for (unsigned at = 0; at < size; at++) expected[MARGIN + shift + at] = 0xa5;
            if (memset((void *)(area + MARGIN + shift), 0x12a5, size)
                    != (void *)(area + MARGIN + shift)
                || differ(area, expected))
                return place + 2;
            // memmove
            if (checkMove(area, expected, source, MARGIN + shift, MARGIN, size)) return place + 3;
            if (checkMove(area, expected, source, MARGIN, MARGIN + shift, size)) return place + 4;
            // memcmp: equal, and each byte larger or smaller
            for (unsigned at = 0; at < size; at++)
                expected[MARGIN + shift + at] = source[MARGIN + at];
            void *left = (void *)(expected + MARGIN + shift), *right = (void *)(source + MARGIN);
            if (memcmp(left, right, size) != 0) return place + 5;
            for (unsigned at = 0; at < size; at += 1 + size / 16) {
                unsigned char kept = source[MARGIN + at];
                source[MARGIN + at] = kept ^ 0x80;
                // A later byte says the opposite.
                unsigned char last = source[MARGIN + size - 1];
                if (at + 1 < size) source[MARGIN + size - 1] = kept & 0x80 ? 255 : 0;
                int order = kept & 0x80 ? 1 : -1;
                if (sign(memcmp(left, right, size)) != order) return place + 6;
                if (sign(memcmp(right, left, size)) != -order) return place + 7;
                source[MARGIN + size - 1] = last;
                source[MARGIN + at] = kept;
            }
        }
    }
    return 0;
}

void repeatMemory(unsigned which, unsigned char *memory, uint64_t count) {
    for (; count > 0; count--) {
        switch (which) {
        case 0: memcpy(memory, memory + 4096, 4096); break;
        case 1: memmove(memory + 64, memory, 4096); break;
        case 2: memset(memory, 0, 4096); break;
        default:
            if (memcmp(memory, memory + 4096, 4096) != 0) __builtin_trap();
        }
    }
}
