// Loans: a server reads or writes the memory that its caller lent with the call.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Performs `loanRead` and `loanWrite`. x1: offset in the loan, x2: the server's address, x3:
    /// length.
    ///
    /// Each side is translated page by page by its own tables, so neither reaches memory that it
    /// could not access itself. The call is restartable: the registers keep the progress.
    ///
    /// - Complexity: chunks of at most `KernelLimits.loanStep` bytes, with a look at the pending
    ///   interrupts after each.
    mutating func copyLoan(_ thread: Ref<Thread>, _ number: Slot, toLoan: Bool) throws(KernelError)
        -> Outcome
    {
        let reply: Ref<Reply> = try object(thread, number, .reply, .read)
        guard let caller = reply.pointee.caller, caller.pointee.scheduling.isLending else {
            throw .noCaller
        }
        if !caller.pointee.loanRights.contains(toLoan ? .write : .read) { throw .missingRights }
        let limit = caller.pointee.loanLength
        if argument(thread, 1) > limit || argument(thread, 3) > limit &- argument(thread, 1) {
            throw .invalidArgument
        }
        // One chunk a round, within one page on either side.
        while argument(thread, 3) > 0 {
            let lent = caller.pointee.loanAddress &+ argument(thread, 1)
            guard let (far, farLeft) = unsafe translate(caller, lent, write: toLoan),
                let (near, nearLeft) = unsafe translate(thread, argument(thread, 2), write: !toLoan)
            else { throw .memoryFault }
            let left = Int(
                truncatingIfNeeded: min(
                    argument(thread, 3), UInt64(truncatingIfNeeded: KernelLimits.loanStep)))
            let bytes = min(left, min(farLeft, nearLeft))
            // Safety: `translate` found both ranges mapped to RAM for the owner, for at least
            // `bytes` bytes.
            unsafe (toLoan ? far : near).copyMemory(from: toLoan ? near : far, byteCount: bytes)
            let moved = UInt64(truncatingIfNeeded: bytes)
            thread.pointee.context.x.1 &+= moved
            thread.pointee.context.x.2 &+= moved
            thread.pointee.context.x.3 &-= moved
            if argument(thread, 3) > 0 && isInterruptedAfterStep() { return .restart }
        }
        return try done(thread, nil)
    }
}
