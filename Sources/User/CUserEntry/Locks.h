// The locks of the runtime itself: mutexes of the set that the task's threads share
// (UserRuntime/TaskLocks.swift). A task with one thread has no set, and takes no lock.
#ifndef CUSERENTRY_LOCKS_H
#define CUSERENTRY_LOCKS_H

#include "CUserEntry.h"
#include "TaskLocks.h"

/// Whether the task has started threads.
static inline bool has_locks(void) { return __builtin_expect(swiftlet_locks.page != 0, 0); }
static inline uint32_t *lock_word(unsigned cell) {
    return (uint32_t *)(swiftlet_locks.page + cell * SWIFTLET_LOCK_STRIDE);
}
/// The calling thread's participant, plus 1.
static inline uint32_t lock_owner(void) { return (uint32_t)swiftlet_own_place() + 1; }

bool swiftlet_lock_slowly(unsigned cell);
void swiftlet_unlock_slowly(unsigned cell);

/// Takes a lock of a task that has them. Returns whether its last holder died with it.
static inline bool take_lock(unsigned cell) {
    if (swiftlet_exchange_acquire(lock_word(cell), 0, lock_owner())) return false;
    return swiftlet_lock_slowly(cell);
}
static inline void give_lock(unsigned cell) {
    if (swiftlet_exchange_release(lock_word(cell), lock_owner(), 0)) return;
    swiftlet_unlock_slowly(cell);
}

/// A trap that tells a value in x0.
#define SWIFTLET_TRAP_VALUE(code, value)                             \
    do {                                                             \
        register uint64_t x0 __asm__("x0") = (uint64_t)(value);      \
        __asm__ volatile("brk %1" : : "r"(x0), "i"(code) : "memory"); \
        __builtin_unreachable();                                     \
    } while (0)

#endif
