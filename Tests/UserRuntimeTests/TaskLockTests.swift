// The constants of the locks that C takes are those of the ABI.

import CUserEntry
import KernelABI
import Testing
import UserRuntime

struct TaskLockTests {
    @Test func numbersOfC() {
        #expect(Int(SWIFTLET_LOCK_STRIDE) == MutexWord.stride)
        #expect(UInt8(SWIFTLET_ERROR_CANCELLED) == KernelError.cancelled.rawValue)
        #expect(MutexWord(holder: 3, isContended: false).raw == 4)
        #expect(MutexArgument(mutex: 1, participant: 3).raw == 1 | 3 << 16)
        #expect(!TaskLocks.isMade)
        #expect(TaskLocks.firstFreeCell > Int(SWIFTLET_LOCK_HEAP))
        #expect(TaskLocks.firstFreeCell > Int(SWIFTLET_LOCK_ONCE))
    }
}
