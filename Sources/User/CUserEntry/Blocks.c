// Two-level segregated fit: see Blocks.h.

#include "Blocks.h"

typedef SwiftletBlock Block;

enum { FREE = 1, SMALLEST = 16, SMALL = 256, SUBCLASS_BITS = 4, SMALL_BITS = 8 };
static const uint64_t LIMIT = (uint64_t)1 << 31;

// The list of blocks of a size.
typedef struct {
    unsigned class, subclass;
} Place;

static uint64_t size_of(const Block *block) { return block->size & ~(uint64_t)FREE; }
static int is_free(const Block *block) { return block->size & FREE; }
static uint64_t payload(const Block *block) { return (uint64_t)block + SWIFTLET_HEAP_HEADER; }
static Block *behind(const Block *block) { return (Block *)(payload(block) + size_of(block)); }
static unsigned highest(uint64_t value) { return 63 - (unsigned)__builtin_clzll(value); }

static Place place_of(uint64_t size) {
    if (size < SMALL) return (Place){0, (unsigned)(size / SMALLEST)};
    unsigned top = highest(size);
    return (Place){top - SMALL_BITS + 1, (unsigned)(size >> (top - SUBCLASS_BITS)) & 15};
}

static void add(SwiftletHeap *heap, Block *block) {
    Place at = place_of(size_of(block));
    Block **list = &heap->lists[at.class][at.subclass];
    block->size |= FREE;
    block->previous = NULL;
    block->next = *list;
    if (*list) (*list)->previous = block;
    *list = block;
    heap->subclasses[at.class] |= 1u << at.subclass;
    heap->classes |= 1u << at.class;
}

// Whether an address, which may be anything, is one where a free block may begin.
static int is_place(const SwiftletHeap *heap, const Block *block) {
    uint64_t offset = (uint64_t)block - heap->start;
    return offset % SWIFTLET_HEAP_ALIGNMENT == 0
        && offset < heap->end - SWIFTLET_HEAP_HEADER - SMALLEST - heap->start;
}

// Whether a block knows the one that lies before it, and that one it.
static int knows_before(const SwiftletHeap *heap, const Block *block) {
    const Block *before = block->before;
    if (!before) return (uint64_t)block == heap->start;
    return is_place(heap, before) && before < block && behind(before) == block;
}

// Whether a block knows the one that lies behind it, and that one it.
static int knows_behind(const SwiftletHeap *heap, const Block *block) {
    uint64_t size = size_of(block);
    return size != 0 && size % SMALLEST == 0
        && size <= heap->end - SWIFTLET_HEAP_HEADER - payload(block)
        && behind(block)->before == block;
}

// Whether the link to the next block of a list is as it was left.
static inline int knows_next(const SwiftletHeap *heap, const Block *block) {
    return !block->next || (is_place(heap, block->next) && block->next->previous == block);
}

// Takes the first block of a list out of it.
static inline __attribute__((always_inline)) void take_first(SwiftletHeap *heap, Place at, Block *block) {
    Block *next = block->next;
    heap->lists[at.class][at.subclass] = next;
    block->size &= ~(uint64_t)FREE;
    if (next) {
        next->previous = NULL;
    } else {
        heap->subclasses[at.class] &= ~(1u << at.subclass);
        if (!heap->subclasses[at.class]) heap->classes &= ~(1u << at.class);
    }
}

// Takes a free block out of its list. 0 where the list does not go through it: it was written to
// while it was free.
static int take(SwiftletHeap *heap, Block *block) {
    Block *previous = block->previous;
    if (!knows_next(heap, block)) return 0;
    if (!previous) {
        Place at = place_of(size_of(block));
        if (heap->lists[at.class][at.subclass] != block) return 0;
        take_first(heap, at, block);
        return 1;
    }
    if (!is_place(heap, previous) || previous->next != block) return 0;
    previous->next = block->next;
    if (block->next) block->next->previous = previous;
    block->size &= ~(uint64_t)FREE;
    return 1;
}

// The first block of the first list whose blocks all have `size` bytes; `found` is that list.
static inline Block *find(SwiftletHeap *heap, uint64_t size, Place *found) {
    if (size >= SMALL) size += ((uint64_t)1 << (highest(size) - SUBCLASS_BITS)) - 1;
    if (size >= LIMIT) return NULL;
    Place at = place_of(size);
    uint32_t lists = heap->subclasses[at.class] & (~0u << at.subclass);
    if (!lists) {
        uint32_t classes = heap->classes & (~0u << at.class << 1);
        if (!classes) return NULL;
        at.class = (unsigned)__builtin_ctz(classes);
        lists = heap->subclasses[at.class];
    }
    at.subclass = (unsigned)__builtin_ctz(lists);
    *found = at;
    return heap->lists[at.class][at.subclass];
}

// Cuts a block in use behind `size` bytes, if a block fits there, and returns that block.
static Block *split(Block *block, uint64_t size) {
    if (size_of(block) - size < SWIFTLET_HEAP_HEADER + SMALLEST) return NULL;
    Block *rest = (Block *)(payload(block) + size);
    rest->before = block;
    rest->size = size_of(block) - size - SWIFTLET_HEAP_HEADER;
    block->size = size;
    behind(rest)->before = rest;
    return rest;
}

// The block behind becomes a part of this one. Its header stays as it is, so that to free it again
// is noticed.
static void merge(Block *block) {
    Block *next = behind(block);
    block->size += SWIFTLET_HEAP_HEADER + size_of(next);
    behind(block)->before = block;
}

void swiftlet_heap_start(SwiftletHeap *heap, uint64_t address, uint64_t bytes) {
    *heap = (SwiftletHeap){0};
    if (bytes >= LIMIT) bytes = LIMIT - 1;
    heap->start = (address + 15) & ~(uint64_t)15;
    heap->end = (address + bytes) & ~(uint64_t)15;
    if (heap->end < heap->start + 64) {
        heap->end = heap->start;
        return;
    }
    // The last header ends the memory: a block in use, without bytes.
    Block *first = (Block *)heap->start;
    Block *last = (Block *)(heap->end - SWIFTLET_HEAP_HEADER);
    first->before = NULL;
    first->size = (uint64_t)last - payload(first);
    last->before = first;
    last->size = 0;
    add(heap, first);
}

void *swiftlet_heap_allocate(SwiftletHeap *heap, size_t size, size_t alignment) {
    if (size >= LIMIT || alignment >= LIMIT) return NULL;
    size = size <= SMALLEST ? SMALLEST : (size + 15) & ~(size_t)15;
    int is_aligned = alignment <= SWIFTLET_HEAP_ALIGNMENT;
    // Before an aligned block lies a free one, unless it is aligned by chance.
    Place list;
    Block *block = find(heap, is_aligned ? size : size + alignment + 2 * SMALLEST, &list);
    if (!block) return NULL;
    if (!is_free(block) || !knows_before(heap, block) || !knows_behind(heap, block)
        || !knows_next(heap, block) || block->previous) {
        heap->is_broken = 1;
        return NULL;
    }
    take_first(heap, list, block);
    if (!is_aligned && payload(block) % alignment) {
        uint64_t start = payload(block) + SWIFTLET_HEAP_HEADER + SMALLEST;
        start = (start + alignment - 1) & ~(uint64_t)(alignment - 1);
        Block *gap = block;
        block = split(gap, start - SWIFTLET_HEAP_HEADER - payload(gap));
        add(heap, gap);
    }
    Block *rest = split(block, size);
    if (rest) add(heap, rest);
    return (void *)payload(block);
}

int swiftlet_heap_release(SwiftletHeap *heap, void *piece) {
    uint64_t address = (uint64_t)piece;
    if (address % SWIFTLET_HEAP_ALIGNMENT || address < heap->start + SWIFTLET_HEAP_HEADER
        || address >= heap->end)
        return 0;
    Block *block = (Block *)(address - SWIFTLET_HEAP_HEADER);
    if (is_free(block) || !knows_behind(heap, block) || !knows_before(heap, block)) return 0;
    Block *next = behind(block), *before = block->before;
    int is_last = (uint64_t)next == heap->end - SWIFTLET_HEAP_HEADER;
    if (is_last ? is_free(next) : !knows_behind(heap, next)) return 0;
    // Whatever happens to its header now, it says that the block is free.
    block->size |= FREE;
    // From a block on that was written to while it was free, the lists are not whole any more.
    if (is_free(next)) {
        if (!take(heap, next)) return !(heap->is_broken = 1);
        next->size |= FREE;
        merge(block);
    }
    if (before && is_free(before)) {
        if (!knows_before(heap, before) || !take(heap, before)) return !(heap->is_broken = 1);
        merge(before);
        block = before;
    }
    add(heap, block);
    return 1;
}
