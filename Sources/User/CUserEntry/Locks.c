// The slow path of the runtime's locks, and the initialisers of Swift's global values, which one of
// them guards.

#include "Locks.h"

enum { CANCELLED = SWIFTLET_ERROR_CANCELLED };

static uint64_t argument(unsigned cell) { return cell | swiftlet_own_place() << 16; }

/// Waits for the lock: the holder inherits meanwhile. Ends the task where the kernel refuses: the
/// holder waits for this thread.
bool swiftlet_lock_slowly(unsigned cell) {
    while (true) {
        SwiftletResult raw = swiftlet_svc(swiftlet_locks.lock, argument(cell), 0);
        uint64_t error = raw.result & 0xff;
        if (error == 0) return raw.badge != 0;
        // The thread was stopped while it waited, and goes on.
        if (error != CANCELLED) SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_LOCK_REFUSED, error);
    }
}

void swiftlet_unlock_slowly(unsigned cell) {
    uint64_t error = swiftlet_svc(swiftlet_locks.unlock, argument(cell), 0).result & 0xff;
    if (error != 0) SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_LOCK_REFUSED, error);
}

/// Initialisers of global values that the calling thread is in.
static _Thread_local uint32_t depth;

void swiftlet_locks_start(SwiftletLocks locks) {
    swiftlet_locks = locks;
    // The first thread may be in an initialiser, which it entered without the lock.
    if (depth > 0 && has_locks()) take_lock(SWIFTLET_LOCK_ONCE);
}

/// Initialises a global value of Swift once, in place of the standard library's function of this
/// name, which waits for another thread without giving the processor back.
///
/// - Parameter token: 0 at first, -1 when the value is there, and the initialising thread's
///   participant plus 1 meanwhile.
void swift_once(intptr_t *token, void (*initialise)(void *), void *context) {
    if (__atomic_load_n(token, __ATOMIC_ACQUIRE) == -1) return;
    // A value's initialiser may need another value.
    if (depth == 0 && has_locks()) take_lock(SWIFTLET_LOCK_ONCE);
    depth += 1;
    intptr_t state = *token;
    if (state == 0) {
        *token = (intptr_t)lock_owner();
        initialise(context);
        __atomic_store_n(token, -1, __ATOMIC_RELEASE);
    } else if (state != -1) {
        if (state == (intptr_t)lock_owner() && depth > 1)
            SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_ONCE_RECURSIVE, token);
        SWIFTLET_TRAP_VALUE(SWIFTLET_TRAP_ONCE_ABANDONED, token);
    }
    depth -= 1;
    if (depth == 0 && has_locks()) give_lock(SWIFTLET_LOCK_ONCE);
}
