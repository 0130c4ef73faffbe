// A heap whose calls take constant time: two-level segregated fit (Masmano, Ripoll, Crespo, Real:
// "TLSF: a New Dynamic Memory Allocator for Real-Time Systems", ECRTS 2004).
//
// Free blocks are in lists by size: a class for each power of two, with 16 lists of equal steps.
// Two levels of bitmaps say which lists hold a block, so the first list whose blocks are all large
// enough is found by two searches for a set bit. A block that is freed is merged with free
// neighbours at once. So no call has a loop. A block is taken from the first list that suffices, and
// the rest is split off.
#ifndef CUSERENTRY_BLOCKS_H
#define CUSERENTRY_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

enum {
    SWIFTLET_HEAP_ALIGNMENT = 16,
    SWIFTLET_HEAP_SUBCLASSES = 16,
    /// Sizes below 2^31 bytes: one class below 256, and one for each power of two from there on.
    SWIFTLET_HEAP_CLASSES = 24,
    /// Bytes of a block that are not its user's.
    SWIFTLET_HEAP_HEADER = 16,
};

/// A block. The last two words are the user's while it is in use.
typedef struct SwiftletBlock {
    /// The block that lies before it in memory; null for the first.
    struct SwiftletBlock *_Nullable before;
    /// Bytes for its user, a multiple of 16; bit 0: it is free.
    uint64_t size;
    struct SwiftletBlock *_Nullable next;
    struct SwiftletBlock *_Nullable previous;
} SwiftletBlock;

typedef struct {
    uint64_t start, end;
    /// A free block was found overwritten.
    uint32_t is_broken;
    /// Bit c: a list of class c holds a block. Bit s of element c: list s of class c holds one.
    uint32_t classes;
    uint32_t subclasses[SWIFTLET_HEAP_CLASSES];
    SwiftletBlock *_Nullable lists[SWIFTLET_HEAP_CLASSES][SWIFTLET_HEAP_SUBCLASSES];
} SwiftletHeap;

/// Gives an empty heap its memory, less than 2^31 bytes of it. Less than 64 bytes are not used.
void swiftlet_heap_start(SwiftletHeap *_Nonnull heap, uint64_t address, uint64_t bytes);
/// A block of `size` bytes at a multiple of `alignment`, a power of two; null where no list has one,
/// or where the one that it has was overwritten while it was free: `is_broken` is set then.
void *_Nullable swiftlet_heap_allocate(
    SwiftletHeap *_Nonnull heap, size_t size, size_t alignment);
/// Takes a block back. 0 where that is no block in use: nothing changed then; or where it or a
/// neighbour was overwritten: the heap is not to be used any more.
int swiftlet_heap_release(SwiftletHeap *_Nonnull heap, void *_Nonnull piece);

#endif
