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

// A free block was written to: whose it was before, nobody knows. The task ends with the lock, so
// that no other thread goes on with what is left.
static void check(const void *piece) {
    if (!piece && heap.is_broken) SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_HEAP_MISUSED, &heap);
}

static void *allocate_locked(size_t size, size_t alignment) {
    enter();
    void *piece = swiftlet_heap_allocate(&heap, size, alignment);
    check(piece);
    give_lock(SWIFTLET_LOCK_HEAP);
    return piece;
}
static inline void *allocate(size_t size, size_t alignment) {
    if (has_locks()) return allocate_locked(size, alignment);
    void *piece = swiftlet_heap_allocate(&heap, size, alignment);
    check(piece);
    return piece;
}

static void release(void *piece) {
    if (!swiftlet_heap_release(&heap, piece)) SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_HEAP_MISUSED, piece);
}
static void release_locked(void *piece) {
    enter();
    release(piece);
    give_lock(SWIFTLET_LOCK_HEAP);
}

void *malloc(size_t size) { return allocate(size, SWIFTLET_HEAP_ALIGNMENT); }

void free(void *piece) {
    if (!piece) return;
    if (has_locks()) {
        release_locked(piece);
    } else {
        release(piece);
    }
}

// What Swift code allocates with. It cannot go on without the memory, so the task ends here
// and says so.
int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = allocate(size, alignment);
    if (!*out) SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_HEAP_EXHAUSTED, size);
    return 0;
}
