// The heap of a task that wants one: the C functions with which C and Swift allocate.
#include "Blocks.h"
#include "CUserEntry.h"

static SwiftletHeap heap;

void swiftlet_heap_add(uint64_t address, uint64_t size) {
    swiftlet_heap_start(&heap, address, size);
}

void *malloc(size_t size) { return swiftlet_heap_allocate(&heap, size, SWIFTLET_HEAP_ALIGNMENT); }

void free(void *piece) {
    if (!piece || swiftlet_heap_release(&heap, piece)) return;
    register void *x0 __asm__("x0") = piece;
    __asm__ volatile("brk %1" : : "r"(x0), "i"(SWIFTLET_TRAP_HEAP_MISUSED));
}

// What Swift code allocates with. It cannot go on without the memory, so the task ends here
// and says so.
int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = swiftlet_heap_allocate(&heap, size, alignment);
    if (!*out) {
        register size_t x0 __asm__("x0") = size;
        __asm__ volatile("brk %1" : : "r"(x0), "i"(SWIFTLET_TRAP_HEAP_EXHAUSTED));
    }
    return 0;
}
