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

static void take(SwiftletHeap *heap, Block *block) {
    Place at = place_of(size_of(block));
    if (block->next) block->next->previous = block->previous;
    if (block->previous) {
        block->previous->next = block->next;
    } else {
        heap->lists[at.class][at.subclass] = block->next;
        if (!block->next) {
            heap->subclasses[at.class] &= ~(1u << at.subclass);
            if (!heap->subclasses[at.class]) heap->classes &= ~(1u << at.class);
        }
    }
    block->size &= ~(uint64_t)FREE;
}

// A block of the first list whose blocks all have `size` bytes.
static Block *find(SwiftletHeap *heap, uint64_t size) {
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
    return heap->lists[at.class][__builtin_ctz(lists)];
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
    Block *block = find(heap, is_aligned ? size : size + alignment + 2 * SMALLEST);
    if (!block) return NULL;
    take(heap, block);
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

// Whether the first block may be the one before the second, whose header may be overwritten.
static int is_before(const SwiftletHeap *heap, const Block *before, const Block *block) {
    uint64_t address = (uint64_t)before;
    return address % SWIFTLET_HEAP_ALIGNMENT == 0 && address >= heap->start
        && address < (uint64_t)block && behind(before) == block;
}

int swiftlet_heap_release(SwiftletHeap *heap, void *piece) {
    uint64_t address = (uint64_t)piece;
    if (address % SWIFTLET_HEAP_ALIGNMENT || address < heap->start + SWIFTLET_HEAP_HEADER
        || address >= heap->end)
        return 0;
    Block *block = (Block *)(address - SWIFTLET_HEAP_HEADER);
    if (is_free(block) || size_of(block) == 0
        || size_of(block) > heap->end - SWIFTLET_HEAP_HEADER - address)
        return 0;
    Block *next = behind(block), *before = block->before;
    if (next->before != block) return 0;
    if (!before != ((uint64_t)block == heap->start)) return 0;
    if (before && !is_before(heap, before, block)) return 0;
    // Whatever happens to its header now, it says that the block is free.
    block->size |= FREE;
    if (is_free(next)) {
        take(heap, next);
        next->size |= FREE;
        merge(block);
    }
    if (before && is_free(before)) {
        take(heap, before);
        merge(before);
        block = before;
    }
    add(heap, block);
    return 1;
}
