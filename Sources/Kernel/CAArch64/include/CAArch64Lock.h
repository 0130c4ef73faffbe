// The memory of the kernel lock, and the atomic operations on it: for KernelLock.
//
// `Lock.inc` has the same operations for the entries and exits of Vectors.S. Cortex-A53 and A72
// have no single instruction for them (FEAT_LSE), so each is a loop of an exclusive load and store.
// The store fails if another core wrote to the cache line in between. The stated bound is one
// failure for each other core.
//
// The local monitor needs no `clrex`: each exclusive store follows an exclusive load of the same
// loop, and `eret` clears the monitor for user code (Arm ARM B2.12.2).
#ifndef SWIFTLET_CAARCH64_LOCK_H
#define SWIFTLET_CAARCH64_LOCK_H

#include "CAArch64.h"

#define SWIFTLET_LOCK_CORES 8

typedef struct {
    uint64_t flag;
    uint64_t rest[7];
} SwiftletGrant;

/// Aligned to 64 bytes, and zero at first.
typedef struct {
    /// The requests of all cores: `LockWord`.
    uint64_t word;
    /// 8 * the core that had the last turn: below the band, and in it.
    uint64_t turns[2];
    uint64_t rest[5];
    SwiftletGrant grants[SWIFTLET_LOCK_CORES];
} SwiftletLock;
_Static_assert(offsetof(SwiftletLock, word) == SWIFTLET_LOCK_WORD, "Lock.inc relies on it");
_Static_assert(offsetof(SwiftletLock, turns) == SWIFTLET_LOCK_TURNS, "Lock.inc relies on it");
_Static_assert(offsetof(SwiftletLock, grants) == SWIFTLET_LOCK_GRANTS, "Lock.inc relies on it");
_Static_assert(sizeof(SwiftletGrant) == SWIFTLET_LOCK_GRANT_BYTES, "Lock.inc relies on it");

/// The kernel's lock; the top of each core's stack holds its address.
extern SwiftletLock swiftlet_kernel_lock;
SWIFTLET_INLINE SwiftletLock *_Nonnull swiftlet_lock_address(void) { return &swiftlet_kernel_lock; }

#ifdef SWIFTLET_MODEL

SWIFTLET_INLINE void swiftlet_order_loads(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
SWIFTLET_INLINE void swiftlet_order_stores(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
/// Turns a free word into `mask`. Acquire. Returns whether the word was free.
SWIFTLET_INLINE uint64_t swiftlet_lock_take(SwiftletLock *_Nonnull lock, uint64_t mask) {
    uint64_t free = 0;
    return __atomic_compare_exchange_n(
        &lock->word, &free, mask, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
/// Raises the byte of `mask` to `request`. Acquire. Returns the word before.
SWIFTLET_INLINE uint64_t swiftlet_lock_raise(
    SwiftletLock *_Nonnull lock, uint64_t mask, uint64_t request) {
    uint64_t word = __atomic_load_n(&lock->word, __ATOMIC_ACQUIRE);
    while ((word & mask) < request)
        if (__atomic_compare_exchange_n(
                &lock->word, &word, (word & ~mask) | request, 1, __ATOMIC_ACQUIRE,
                __ATOMIC_ACQUIRE))
            break;
    return word;
}
/// Raises the byte of `mask`, which is less than `request` and not 0. Relaxed. Returns whether it is
/// done; else another core wrote in between.
SWIFTLET_INLINE uint64_t swiftlet_lock_try_raise(
    SwiftletLock *_Nonnull lock, uint64_t mask, uint64_t request) {
    uint64_t word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
    return __atomic_compare_exchange_n(
        &lock->word, &word, (word & ~mask) | request, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
/// Clears the byte of `mask`. Release. Returns the word after.
SWIFTLET_INLINE uint64_t swiftlet_lock_clear(SwiftletLock *_Nonnull lock, uint64_t mask) {
    return __atomic_and_fetch(&lock->word, ~mask, __ATOMIC_RELEASE);
}
/// Returns the word. Relaxed.
SWIFTLET_INLINE uint64_t swiftlet_lock_look(const SwiftletLock *_Nonnull lock) {
    return __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
}
/// Sets a core's grant. Release.
SWIFTLET_INLINE void swiftlet_lock_grant(SwiftletLock *_Nonnull lock, uint64_t core) {
    __atomic_store_n(&lock->grants[core].flag, 1, __ATOMIC_RELEASE);
}
/// Takes a core's grant. Acquire. Returns whether there was one.
SWIFTLET_INLINE uint64_t swiftlet_lock_accept(SwiftletLock *_Nonnull lock, uint64_t core) {
    uint64_t flag = __atomic_load_n(&lock->grants[core].flag, __ATOMIC_ACQUIRE);
    if (flag) __atomic_store_n(&lock->grants[core].flag, 0, __ATOMIC_RELAXED);
    return flag;
}

#else

/// Orders the loads before it before all loads and stores behind it.
SWIFTLET_INLINE void swiftlet_order_loads(void) { __asm__ volatile("dmb ishld" ::: "memory"); }
/// Orders the stores before it before those behind it.
SWIFTLET_INLINE void swiftlet_order_stores(void) { __asm__ volatile("dmb ishst" ::: "memory"); }

SWIFTLET_INLINE uint64_t swiftlet_lock_take(SwiftletLock *_Nonnull lock, uint64_t mask) {
    uint64_t word;
    uint32_t failed = 1;
    __asm__ volatile("1: ldaxr %0, [%2]\n"  // bound: 7
                     "   cbnz %0, 2f\n"
                     "   stxr %w1, %3, [%2]\n"
                     "   cbnz %w1, 1b\n"
                     "2:"
                     : "=&r"(word), "+&r"(failed)
                     : "r"(&lock->word), "r"(mask)
                     : "memory");
    return !failed;
}
SWIFTLET_INLINE uint64_t swiftlet_lock_raise(
    SwiftletLock *_Nonnull lock, uint64_t mask, uint64_t request) {
    uint64_t word, other, failed;
    __asm__ volatile("1: ldaxr %0, [%3]\n"  // bound: 7
                     "   and %1, %0, %4\n"
                     "   cmp %1, %5\n"
                     "   b.hs 2f\n"
                     "   bic %1, %0, %4\n"
                     "   orr %1, %1, %5\n"
                     "   stxr %w2, %1, [%3]\n"
                     "   cbnz %w2, 1b\n"
                     "2:"
                     : "=&r"(word), "=&r"(other), "=&r"(failed)
                     : "r"(&lock->word), "r"(mask), "r"(request)
                     : "memory", "cc");
    return word;
}
SWIFTLET_INLINE uint64_t swiftlet_lock_try_raise(
    SwiftletLock *_Nonnull lock, uint64_t mask, uint64_t request) {
    uint64_t word;
    uint32_t failed;
    __asm__ volatile("ldxr %0, [%2]\n"
                     "bic %0, %0, %3\n"
                     "orr %0, %0, %4\n"
                     "stxr %w1, %0, [%2]"
                     : "=&r"(word), "=&r"(failed)
                     : "r"(&lock->word), "r"(mask), "r"(request)
                     : "memory");
    return !failed;
}
SWIFTLET_INLINE uint64_t swiftlet_lock_clear(SwiftletLock *_Nonnull lock, uint64_t mask) {
    uint64_t word, failed;
    __asm__ volatile("1: ldxr %0, [%2]\n"  // bound: 7
                     "   bic %0, %0, %3\n"
                     "   stlxr %w1, %0, [%2]\n"
                     "   cbnz %w1, 1b"
                     : "=&r"(word), "=&r"(failed)
                     : "r"(&lock->word), "r"(mask)
                     : "memory");
    return word;
}
SWIFTLET_INLINE uint64_t swiftlet_lock_look(const SwiftletLock *_Nonnull lock) {
    return *(const volatile uint64_t *)&lock->word;
}
SWIFTLET_INLINE void swiftlet_lock_grant(SwiftletLock *_Nonnull lock, uint64_t core) {
    __asm__ volatile("stlr %0, [%1]" ::"r"(1ul), "r"(&lock->grants[core].flag) : "memory");
}
SWIFTLET_INLINE uint64_t swiftlet_lock_accept(SwiftletLock *_Nonnull lock, uint64_t core) {
    uint64_t flag;
    __asm__ volatile("ldar %0, [%1]" : "=r"(flag) : "r"(&lock->grants[core].flag) : "memory");
    if (flag) *(volatile uint64_t *)&lock->grants[core].flag = 0;
    return flag;
}

#endif

/// The turns are data that the lock protects.
SWIFTLET_INLINE uint64_t swiftlet_lock_turn(
    const SwiftletLock *_Nonnull lock, uint64_t in_band) {
    return lock->turns[in_band];
}
SWIFTLET_INLINE void swiftlet_lock_set_turn(
    SwiftletLock *_Nonnull lock, uint64_t in_band, uint64_t place) {
    lock->turns[in_band] = place;
}

#endif
