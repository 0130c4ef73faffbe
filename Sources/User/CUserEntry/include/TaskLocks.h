// The mutexes that the threads of a task share, as C needs them.
#ifndef CUSERENTRY_TASK_LOCKS_H
#define CUSERENTRY_TASK_LOCKS_H

#include <stdint.h>

/// The mutex set that the task's threads share (UserRuntime/TaskLocks.swift).
typedef struct {
    /// Where its page is mapped; 0: the task has one thread, and no set.
    uint64_t page;
    /// x0 of the calls `lock` and `unlock`.
    uint64_t lock, unlock;
} SwiftletLocks;

enum {
    /// Its mutexes that the runtime takes itself.
    SWIFTLET_LOCK_HEAP = 0,
    SWIFTLET_LOCK_ONCE = 1,
    /// KernelABI's `MutexWord.stride` and `KernelError.cancelled`; a test holds them together.
    SWIFTLET_LOCK_STRIDE = 16,
    SWIFTLET_ERROR_CANCELLED = 10,
};
extern SwiftletLocks swiftlet_locks __attribute__((visibility("hidden")));
static inline uint64_t swiftlet_locks_page(void) { return swiftlet_locks.page; }
/// The task is about to have a second thread, or to forget its threads.
void swiftlet_locks_start(SwiftletLocks locks);

#endif
