// The heap of a task that wants one: the C functions with which C and Swift allocate. The threads
// of a task take turns.
#include "Blocks.h"
#include "Locks.h"

static SwiftletHeap heap;

void swiftlet_heap_add(uint64_t address, uint64_t size) {
    swiftlet_heap_start(&heap, address, size);
}

static void enter(void) {
    // What the dead thread left is not put in order.
    if (take_lock(SWIFTLET_LOCK_HEAP)) SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_HEAP_ABANDONED, &heap);
}

// A free block was written to: whose it was before, nobody knows.
static void check(const void *piece) {
    if (!piece && heap.is_broken) SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_HEAP_MISUSED, &heap);
}

static void *allocate_locked(size_t size, size_t alignment) {
    enter();
    void *piece = swiftlet_heap_allocate(&heap, size, alignment);
    give_lock(SWIFTLET_LOCK_HEAP);
    return piece;
}
static inline void *allocate(size_t size, size_t alignment) {
    if (has_locks()) return allocate_locked(size, alignment);
    return swiftlet_heap_allocate(&heap, size, alignment);
}

static int release_locked(void *piece) {
    enter();
    int is_released = swiftlet_heap_release(&heap, piece);
    give_lock(SWIFTLET_LOCK_HEAP);
    return is_released;
}

void *malloc(size_t size) {
    void *piece = allocate(size, SWIFTLET_HEAP_ALIGNMENT);
    check(piece);
    return piece;
}

void free(void *piece) {
    if (!piece) return;
    int is_released = has_locks() ? release_locked(piece) : swiftlet_heap_release(&heap, piece);
    if (!is_released) SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_HEAP_MISUSED, piece);
}

// What Swift code allocates with. It cannot go on without the memory, so the task ends here
// and says so.
int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = allocate(size, alignment);
    check(*out);
    if (!*out) SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_HEAP_EXHAUSTED, size);
    return 0;
}
