// ASID pools: each owns a range of ASIDs, so that no task can use up another's.
//
// An address space takes its ASID from the pool that `retype` names, and gives it back when it is
// destroyed. A pool that is destroyed first ends its address spaces, one reference a step: they
// lose every capability, and so their threads lose them. An ASID is free only after the processor
// has forgotten all translations under it, and a range only after all its ASIDs are free.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Performs `createASIDPool`. x3 to x5: see `makeGranted`. Restartable.
    ///
    /// - Throws: `exhausted` if every range has a pool, and the errors of `makeGranted`.
    mutating func createASIDPool(_ thread: Ref<Thread>) throws(KernelError) -> Outcome {
        guard let range = freeRange() else { throw .exhausted }
        guard let (object, target) = try makeGranted(thread, .asidPool) else { return .restart }
        shared.pointee.asidRanges[range &>> 6] |= 1 &<< UInt64(truncatingIfNeeded: range & 63)
        let first = UInt16(truncatingIfNeeded: range &* Limits.asidPool)
        object.rebound(to: ASIDPool.self).pointee.first = first
        target.makeFirst(of: object, kind: .asidPool)
        complete(thread, .success)
        return .done
    }

    /// Returns the number of a range that no pool owns.
    private mutating func freeRange() -> Int? {
        for word in 0..<16 {
            let free = ~shared.pointee.asidRanges[word]
            if free != 0 { return word &* 64 &+ free.trailingZeroBitCount }
        }
        return nil
    }

    /// Checks the pool that x5 of `retype` names.
    ///
    /// - Throws: `wrongState` while the pool is being destroyed.
    @inline(never) func checkPool(_ thread: Ref<Thread>) throws(KernelError) {
        let number = Slot(UInt32(truncatingIfNeeded: thread.pointee.context.x.5))
        let pool: Ref<ASIDPool> = try object(thread, number, .asidPool, .manage)
        if pool.pointee.header.isDying { throw .wrongState }
    }

    /// Returns the pool that x5 of `retype` names.
    ///
    /// - Precondition: `checkPool` passed since the kernel was entered.
    @inline(never) func checkedPool(_ thread: Ref<Thread>) -> Ref<ASIDPool> {
        fastSlot(thread, UInt(UInt32(truncatingIfNeeded: thread.pointee.context.x.5))).fastObject()
    }

    /// Gives a new address space a free ASID of the pool.
    ///
    /// - Precondition: the pool has one.
    @inline(never) func assignASID(to space: Ref<AddressSpace>, from pool: Ref<ASIDPool>) {
        let index = (~pool.pointee.used).trailingZeroBitCount
        pool.pointee.used |= 1 &<< UInt64(truncatingIfNeeded: index)
        let asid = pool.pointee.first &+ UInt16(truncatingIfNeeded: index)
        space.pointee.asid = asid
        space.pointee.translationBase = hardware.translationBase(
            rootTable: space.pointee.rootPhysical, asid: asid)
        space.pointee.pool = pool
        space.pointee.nextInPool = pool.pointee.spaces
        pool.pointee.spaces?.pointee.previousInPool = space
        pool.pointee.spaces = space
    }

    /// Gives the ASID of an address space back to its pool. Nothing happens if the space has none
    /// any more.
    ///
    /// - Precondition: no thread has the address space, and it has neither mappings nor tables.
    func releaseASID(of space: Ref<AddressSpace>) {
        guard let pool = space.pointee.pool else { return }
        hardware.invalidate(asid: space.pointee.asid)
        pool.pointee.used &= ~(1 &<< UInt64(space.pointee.asid & 63))
        if let previous = space.pointee.previousInPool {
            previous.pointee.nextInPool = space.pointee.nextInPool
        } else {
            pool.pointee.spaces = space.pointee.nextInPool
        }
        space.pointee.nextInPool?.pointee.previousInPool = space.pointee.previousInPool
        space.pointee.asid = 0
        space.pointee.pool = nil
        space.pointee.nextInPool = nil
        space.pointee.previousInPool = nil
    }

    /// Performs one step of a pool's destruction: removes one reference to one of its address
    /// spaces, or gives the range back.
    ///
    /// No task can reach the rest of such an address space. Its memory stays until it is reclaimed.
    ///
    /// - Returns: true if the pool has no address space and no range any more.
    mutating func destroyStep(_ pool: Ref<ASIDPool>) -> Bool {
        if let space = pool.pointee.spaces {
            space.pointee.header.isDying = true
            if let first = space.pointee.header.firstCapability {
                remove(first)
            } else {
                _ = destroyStep(space)
            }
            return false
        }
        let range = Int(truncatingIfNeeded: pool.pointee.first) / Limits.asidPool
        shared.pointee.asidRanges[range &>> 6] &= ~(1 &<< UInt64(truncatingIfNeeded: range & 63))
        return true
    }
}

extension ASIDPool {
    /// Returns the ranges that are taken before there is any pool: those beyond the ASIDs of this
    /// size.
    static func ranges(asidBits: Int) -> InlineArray<16, UInt64> {
        if asidBits == 16 { return InlineArray(repeating: 0) }
        var ranges = InlineArray<16, UInt64>(repeating: ~0)
        ranges[0] = ~0 &<< UInt64(256 / Limits.asidPool)
        return ranges
    }
}
