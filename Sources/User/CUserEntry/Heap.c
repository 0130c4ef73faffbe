// The heap of tasks that want one: power-of-two classes from 32 bytes, each with a list of free
// pieces. Memory that was freed stays in its class, so an allocation is a pop or an advance, and
// nothing is ever searched.
#include <stddef.h>
#include <stdint.h>

#include "TrapCodes.h"

static uintptr_t next, end;
static void *lists[32];

void swiftlet_heap_add(uint64_t address, uint64_t size) {
    next = address;
    end = address + size;
}

static unsigned class_of(size_t size) {
    unsigned class = 5;
    while (class < 31 && ((size_t)1 << class) < size) class++;
    return class;
}

// Each piece is preceded by 16 bytes that hold its class, and is aligned to 16.
void *malloc(size_t size) {
    if (size >= (1u << 30)) return NULL;
    unsigned class = class_of(size + 16);
    uintptr_t piece = (uintptr_t)lists[class];
    if (piece) {
        lists[class] = *(void **)piece;
    } else {
        size_t bytes = (size_t)1 << class;
        if (bytes > end - next) return NULL;
        piece = next + 16;
        next += bytes;
        *(uint64_t *)(piece - 16) = class;
    }
    return (void *)piece;
}

void free(void *piece) {
    if (!piece) return;
    uint64_t class = *(uint64_t *)((uintptr_t)piece - 16);
    *(void **)piece = lists[class & 31];
    lists[class & 31] = piece;
}

// What Swift code allocates with. It cannot go on without the memory, so the task ends here
// and says so.
int posix_memalign(void **out, size_t alignment, size_t size) {
    if (alignment > 16) return 22;  // EINVAL
    *out = malloc(size);
    if (!*out) {
        register size_t x0 __asm__("x0") = size;
        __asm__ volatile("brk %1" : : "r"(x0), "i"(SWIFTLET_TRAP_HEAP_EXHAUSTED));
    }
    return 0;
}
