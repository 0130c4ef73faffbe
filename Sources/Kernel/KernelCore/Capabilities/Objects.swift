// The kernel objects. Each starts with a header, and embeds its links to other objects.
//
// `Footprint` (KernelABI) states their sizes; boot checks the types against it.

import HardwareInterface
import KernelABI

/// The header of every object.
public struct ObjectHeader: ~Copyable {
    var kind: ObjectKind
    /// Whether its memory is being reclaimed. No new capability to it is made then.
    var isDying = false
    /// The bytes that it takes at the low end of its untyped memory. The next object's header
    /// follows.
    var size: UInt32
    /// The object's first capability, the head of the derivation list; nil if none is left.
    var firstCapability: Ref<Capability>?

    init(_ kind: ObjectKind, size: Int = 0) {
        self.kind = kind
        self.size = UInt32(truncatingIfNeeded: size)
    }
}

/// A rendezvous for messages.
///
/// Invariants: senders and receivers never wait at the same time. `readyServer` is in no queue,
/// holds a free reply object, has no caller and waits without a deadline. While it is set, no other
/// thread waits here.
public struct Endpoint: ~Copyable {
    var header: ObjectHeader
    /// The receiver that a fast call may switch to without further checks.
    var readyServer: Ref<Thread>?
    /// 0 if and only if the endpoint is open and no thread waits here. The fast path of a reply
    /// tests it; `noteOccupation` updates it.
    var occupation: UInt64 = 0
    /// All other waiting threads: senders or receivers.
    var waiters = WaitQueue()
    /// Whether the waiters, if there are any, are senders.
    var holdsSenders = false
    /// The thread that inherits from queued callers.
    var server: Ref<Thread>?
    /// Whether calls are refused until a server is bound: the endpoint was closed, its server died,
    /// or its last capability is gone.
    var isClosed = false
    /// Links in the server's list of endpoints.
    var nextOwned: Ref<Endpoint>?
    var previousOwned: Ref<Endpoint>?
}

extension Ref where Object == Endpoint {
    /// Updates `occupation` after a change of `readyServer`, `waiters` or `isClosed`.
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
    /// Signalled when a caller leaves before the answer.
    var source = SignalSource()
}

/// 64 bits that signallers set and a waiter takes.
public struct Notification: ~Copyable {
    var header: ObjectHeader
    var bits: UInt64 = 0
    var waiters = WaitQueue()
    /// The thread whose `receive` takes the bits as well.
    var boundThread: Ref<Thread>?
    /// Everything of the kernel that signals it, in a circle: the interrupts come first, the latest
    /// of them before the others.
    var sources: Ref<SignalSource>?
}

/// The common part of interrupts, timers, budgets and reply objects: the notification that they
/// signal.
public struct SignalSource: ~Copyable {
    var notification: Ref<Notification>?
    var bits: UInt64 = 0
    var next: Ref<SignalSource>?
    var previous: Ref<SignalSource>?
    /// The interrupt that it stands in; nil for all others.
    var interrupt: Ref<Interrupt>?
    init() {}
}

/// A binding of an interrupt line. Several may share a line, which lists them.
public struct Interrupt: ~Copyable {
    var header: ObjectHeader
    var source = SignalSource()
    var line: Int
    var trigger: Trigger
    /// Whether it is in the list of its line: bound, and open for delivery.
    var isListed = false
    /// Whether a delivery is not acknowledged yet.
    var isOutstanding = false
    var nextOnLine: Ref<Interrupt>?
    var count: UInt64 = 0
    /// The base priority of the thread that its line serves, and that thread's home core: of the
    /// thread that its notification is bound to, or of the one that bound it.
    var urgency: UInt8 = 0
    var home: UInt8 = 0
}

/// A timer: signals its notification at an instant, once or periodically.
public struct Timer: ~Copyable {
    var header: ObjectHeader
    var source = SignalSource()
    var node = DeadlineNode()
    /// Whether it has signalled for the deadline that is still in the queue.
    var hasSignalled = false
    var deadline = Instant.never
    var period: UInt64 = 0
}

/// Memory from which user land may make objects.
///
/// Descriptors grow from the low end; memory that is handed out (frames, page tables, smaller
/// untyped regions) grows from the high end. The bytes in [low, lowCleared) and [highCleared, high)
/// are zero.
public struct Untyped: ~Copyable {
    var header: ObjectHeader
    var physicalBase: UInt64
    var sizeBits: Int
    var isDevice: Bool
    var low: Int = 0
    var high: Int
    var lowCleared: Int = 0
    var highCleared: Int
    /// The offset of the next object while its objects are destroyed; else negative.
    var reclaimCursor: Int = -1
    /// While its objects are destroyed: `innermost` is the region within it whose objects go first,
    /// and `outer` of that one the next larger region. A region's memory stays as it is until the
    /// regions around it are empty, so both stay readable.
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
    /// An address that it covers.
    var address: UInt64 = 0
    var addressSpace: Ref<AddressSpace>?
    var next: Ref<PageTable>?
    var previous: Ref<PageTable>?
}

/// Page tables under one ASID.
public struct AddressSpace: ~Copyable {
    var header: ObjectHeader
    var rootPhysical: UInt64
    /// Its ASID, in the range of `pool`; 0 after the pool or the space was destroyed.
    var asid: UInt16
    var translationBase: UInt64
    /// The pool that the ASID belongs to; nil after one of the two was destroyed.
    var pool: Ref<ASIDPool>?
    /// Links in the pool's list of address spaces.
    var nextInPool: Ref<AddressSpace>?
    var previousInPool: Ref<AddressSpace>?
    /// The list of the capabilities whose frames are mapped here.
    var mappings: Ref<Capability>?
    var tables: Ref<PageTable>?
}

/// A range of `Limits.asidPool` ASIDs, and the address spaces that have one of them.
///
/// Invariant: a bit of `used` is set if and only if a listed address space has that ASID. In the
/// root task's pool the bit of ASID 0, the kernel's, is set too.
public struct ASIDPool: ~Copyable {
    var header: ObjectHeader
    /// The first ASID of the range, a multiple of its length.
    var first: UInt16
    /// One bit for each ASID of the range.
    var used: UInt64 = 0
    var spaces: Ref<AddressSpace>?
}

/// The header of a flat array of capabilities, which follows it.
public struct CapabilityTable: ~Copyable {
    var header: ObjectHeader
    var count: Int
    /// The next slot to empty while the table is destroyed.
    var cursor: Int = 0
}

/// Registers of a device that share a page with the kernel's own, so that no task may map the page.
public struct RegisterWindow: ~Copyable {
    var header: ObjectHeader
    /// The kernel's address of the first register.
    var address: UInt64
    var bytes: UInt64
}

/// An authority of the root task: an object without state.
public struct Authority: ~Copyable {
    var header: ObjectHeader
}
