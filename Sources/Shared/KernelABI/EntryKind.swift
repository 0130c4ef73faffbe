// The kinds of kernel entries, by which the longest masked paths are told apart.

/// A system call, a method of `invoke`, an interrupt, a fault, or the scheduling loop, which all
/// others share.
@frozen public struct EntryKind: Equatable, Sendable {
    public var index: UInt64
    @inlinable public init(index: UInt64) { self.index = index }

    @inlinable public static var count: Int { 96 }
    /// The first of `count` statistics: the longest masked path of each kind since boot (benchmark
    /// builds; else 0).
    @inlinable public static var firstStatistic: UInt64 { 64 }

    @inlinable public static var interrupt: EntryKind { EntryKind(index: 16) }
    @inlinable public static var fault: EntryKind { EntryKind(index: 17) }
    @inlinable public static var unknown: EntryKind { EntryKind(index: 18) }
    @inlinable public static var scheduling: EntryKind { EntryKind(index: 19) }
    @inlinable public static var firstMethod: UInt64 { 32 }

    /// The stand-ins for a control word where no system call was made.
    @inlinable public static var interruptControl: UInt64 { ~0 }
    @inlinable public static var faultControl: UInt64 { ~1 }
    @inlinable public static var schedulingControl: UInt64 { ~2 }

    /// Creates the kind of a control word, or of a stand-in for one.
    @inlinable public init(control raw: UInt64) {
        if raw == EntryKind.interruptControl {
            self = .interrupt
        } else if raw == EntryKind.faultControl {
            self = .fault
        } else if raw == EntryKind.schedulingControl {
            self = .scheduling
        } else if let call = ControlWord(raw: raw).systemCall {
            let method = (raw &>> 32) & 0xff
            index = UInt64(call.rawValue)
            if call == .invoke {
                index =
                    method < UInt64(EntryKind.count) &- EntryKind.firstMethod
                    ? EntryKind.firstMethod &+ method
                    : EntryKind.unknown.index
            }
        } else {
            self = .unknown
        }
    }

    /// The system call; nil for all that is none.
    @inlinable public var systemCall: SystemCall? {
        index < EntryKind.interrupt.index
            ? SystemCall(rawValue: UInt8(truncatingIfNeeded: index)) : nil
    }
    @inlinable public var method: Method? {
        index < EntryKind.firstMethod
            ? nil : Method(rawValue: UInt8(truncatingIfNeeded: index &- EntryKind.firstMethod))
    }
}
