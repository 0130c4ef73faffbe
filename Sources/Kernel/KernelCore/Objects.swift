// The kernel objects' memory: each starts with a header, and holds its links to other objects itself.
//
// Sizes are stated in `Footprint` (KernelABI) and checked at boot against these types.

import HardwareInterface
import KernelABI

/// What every object starts with.
public struct ObjectHeader: ~Copyable {
    var kind: ObjectKind
    /// Set when its memory is being reclaimed: no new capability to it is made.
    var isDying = false
    /// Bytes that it takes at the low end of its untyped memory: the next object's header follows there.
    var size: UInt32
    /// The first capability to it, and head of the derivation list; nil when no capability is left.
    var firstCapability: Ref<Capability>?

    init(_ kind: ObjectKind, size: Int = 0) {
        self.kind = kind
        self.size = UInt32(truncatingIfNeeded: size)
    }
}

/// A rendezvous for messages.
///
/// Invariants: senders and receivers never wait at once. `readyServer` is in no queue, holds a free reply object and no
/// caller, and waits without deadline; nobody else waits then.
public struct Endpoint: ~Copyable {
    var header: ObjectHeader
    /// The one waiting receiver, when nothing about it needs thought: what the fast path of a call looks for.
    var readyServer: Ref<Thread>?
    /// 0 if and only if it is open and nobody waits here: what the fast path of a reply looks for. See `noteOccupation`.
    var occupation: UInt64 = 0
    /// Everybody else who waits here: senders or receivers.
    var waiters = WaitQueue()
    /// The waiters, if there are any, are senders.
    var holdsSenders = false
    /// The thread that inherits from queued callers.
    var server: Ref<Thread>?
    /// Calls are refused until a server is bound: the last one died.
    var isClosed = false
    /// The endpoints of one server form a list.
    var nextOwned: Ref<Endpoint>?
    var previousOwned: Ref<Endpoint>?
}

extension Ref where Object == Endpoint {
    /// Bring `occupation` up to date, after any change of what it stands for.
    @inline(__always) func noteOccupation() {
        let isOccupied = pointee.readyServer != nil || !pointee.waiters.isEmpty || pointee.isClosed
        pointee.occupation = isOccupied ? 1 : 0
    }
    func insert(_ waiter: Ref<Thread>) {
        pointee.waiters.insert(waiter.waitNode, key: waiter.effective)
        pointee.occupation = 1
    }
    func removeSender(_ sender: Ref<Thread>) {
        pointee.waiters.remove(sender.waitNode)
        sender.leaveSenders()
        sender.pointee.endpoint = nil
        noteOccupation()
    }
    func removeReceiver(_ receiver: Ref<Thread>) {
        if pointee.readyServer == receiver {
            pointee.readyServer = nil
        } else {
            pointee.waiters.remove(receiver.waitNode)
        }
        receiver.pointee.endpoint = nil
        noteOccupation()
    }
}

/// The right to answer one call.
public struct Reply: ~Copyable {
    var header: ObjectHeader
    /// The thread that waits for the answer.
    var caller: Ref<Thread>?
    /// The thread that received the call, or that waits in `receive` with this reply object.
    var holder: Ref<Thread>?
}

/// 64 bits that signallers set and a waiter takes.
public struct Notification: ~Copyable {
    var header: ObjectHeader
    var bits: UInt64 = 0
    var waiters = WaitQueue()
    /// The thread whose `receive` takes the bits as well.
    var boundThread: Ref<Thread>?
    /// Interrupts and timers that signal it.
    var sources: Ref<SignalSource>?
}

/// What an interrupt and a timer have in common: the notification that they signal.
public struct SignalSource: ~Copyable {
    var notification: Ref<Notification>?
    var bits: UInt64 = 0
    var next: Ref<SignalSource>?
    var previous: Ref<SignalSource>?
    init() {}
}

/// One binding of an interrupt line. Several may share a line; they form a list there.
public struct Interrupt: ~Copyable {
    var header: ObjectHeader
    var source = SignalSource()
    var line: Int
    var trigger: Trigger
    /// In the list of its line: bound and open for delivery.
    var isListed = false
    /// Delivered, and not acknowledged yet.
    var isOutstanding = false
    var nextOnLine: Ref<Interrupt>?
    var count: UInt64 = 0
}

/// Signals its notification at an instant, once or periodically.
public struct Timer: ~Copyable {
    var header: ObjectHeader
    var source = SignalSource()
    var node = DeadlineNode()
    /// It has signalled for the instant at which its deadline still stands.
    var hasSignalled = false
    var deadline = Instant.never
    var period: UInt64 = 0
}

/// Memory that user land may turn into objects.
///
/// Descriptors grow from the low end, memory that is handed out (frames, tables, smaller untyped regions) from the high
/// end. Bytes in [low, lowCleared) and [highCleared, high) are known to be zero.
public struct Untyped: ~Copyable {
    var header: ObjectHeader
    var physicalBase: UInt64
    var sizeBits: Int
    var isDevice: Bool
    var low: Int = 0
    var high: Int
    var lowCleared: Int = 0
    var highCleared: Int
    /// While its objects are being destroyed: offset of the next one.
    var reclaimCursor: Int = -1
    /// While its objects are being destroyed: the region within it whose objects are, and around that one the next larger.
    /// A region's memory stays as it is until the regions around it are empty, so both stay readable.
    var innermost: Ref<Untyped>?
    var outer: Ref<Untyped>?
}

/// Memory for user code to map.
public struct Frame: ~Copyable {
    var header: ObjectHeader
    var physical: UInt64
    var size: FrameSize
    var isDevice: Bool
}

/// A table of level 2 or 3 within an address space.
public struct PageTable: ~Copyable {
    var header: ObjectHeader
    var physical: UInt64
    var level: Int = 0
    /// First address that it covers.
    var address: UInt64 = 0
    var addressSpace: Ref<AddressSpace>?
    var next: Ref<PageTable>?
    var previous: Ref<PageTable>?
}

/// Page tables under one ASID.
public struct AddressSpace: ~Copyable {
    var header: ObjectHeader
    var rootPhysical: UInt64
    /// Its number, in the range of `pool`; 0 once the pool or the space was destroyed.
    var asid: UInt16
    var translationBase: UInt64
    /// The pool that the number belongs to; nil once one of the two was destroyed.
    var pool: Ref<ASIDPool>?
    /// The address spaces of one pool form a list.
    var nextInPool: Ref<AddressSpace>?
    var previousInPool: Ref<AddressSpace>?
    /// Capabilities whose frames are mapped here.
    var mappings: Ref<Capability>?
    var tables: Ref<PageTable>?
}

/// A range of `Limits.asidPool` ASIDs, and the address spaces that have one of them.
///
/// Invariant: a bit of `used` is set if and only if a listed address space has that number; in the
/// root task's pool also that of ASID 0, which is the kernel's.
public struct ASIDPool: ~Copyable {
    var header: ObjectHeader
    /// The first ASID of the range, a multiple of its length.
    var first: UInt16
    /// One bit for each ASID of the range.
    var used: UInt64 = 0
    var spaces: Ref<AddressSpace>?
}

/// A flat array of capabilities, directly behind this head.
public struct CapabilityTable: ~Copyable {
    var header: ObjectHeader
    var count: Int
    /// While it is being destroyed: the next slot to empty.
    var cursor: Int = 0
}

/// Registers of a device that share a page with the kernel's own: no task may map that page.
public struct RegisterWindow: ~Copyable {
    var header: ObjectHeader
    /// Where the kernel has mapped the first one.
    var address: UInt64
    var bytes: UInt64
}

/// The root task's authorities, which are objects without state.
public struct Authority: ~Copyable {
    var header: ObjectHeader
}
