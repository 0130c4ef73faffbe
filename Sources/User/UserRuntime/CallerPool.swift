// The reply objects of a task's server, and which of them hold callers that wait for an answer.
// Only the server's thread uses them.

import CUserEntry
import KernelABI
import Protocols

enum CallerPool {
    // Safety: they are the task's, and only its server's thread uses them.
    /// Bit i: reply object i holds no caller, or the present one.
    private static var free: UInt64 {
        get { unsafe swiftlet_caller_places().pointee.free }
        set { unsafe swiftlet_caller_places().pointee.free = newValue }
    }
    /// Bit i: the held caller of reply object i has gone.
    private static var gone: UInt64 {
        get { unsafe swiftlet_caller_places().pointee.gone }
        set { unsafe swiftlet_caller_places().pointee.gone = newValue }
    }
    /// The client whose caller a place of the pool holds.
    static func client(_ place: Int) -> ClientBadge {
        ClientBadge(raw: unsafe swiftlet_caller_client(UInt64(place)).pointee)
    }
    /// The number by which a service orders the caller in a place.
    static func number(_ place: Int) -> UInt64 {
        unsafe swiftlet_caller_number(UInt64(place)).pointee
    }
    static func setNumber(_ place: Int, _ number: UInt64) {
        unsafe swiftlet_caller_number(UInt64(place)).pointee = number
    }
    private static var count: Int { Int(unsafe swiftlet_caller_places().pointee.count) }
    private static var first: UInt32 { unsafe swiftlet_caller_places().pointee.first }

    /// The first of the bits of the server's notification by which the kernel tells that a held
    /// caller has gone. Reply objects share them in turn.
    static var firstGoneBit: UInt64 { 60 }
    private static var goneBits: UInt64 { 3 }

    /// No caller is held: a server begins.
    ///
    /// - Parameters:
    ///   - waiting: callers that can be held; there is one reply object more.
    ///   - first: the slot of the first reply object.
    ///   - bell: the notification that tells when a held caller has gone.
    static func begin(waiting: Int, first: Slot, bell: Notification) {
        let count = min(waiting, CallerLimits.most) + 1
        unsafe swiftlet_caller_places().pointee.count = UInt64(count)
        unsafe swiftlet_caller_places().pointee.first = first.index
        unsafe swiftlet_caller_places().pointee.bell = bell.slot.index
        (free, gone) = (1 << UInt64(count) - 1, 0)
    }
    /// The reply object for a server's first caller.
    static var start: Reply { reply(0) }

    /// Keeps the caller of a reply object, if the pool holds fewer than `most` of its client.
    ///
    /// - Returns: the reply object for the next callers; nil if no other one is free, or if the
    ///   caller has gone.
    /// - Complexity: O(held callers).
    static func hold(_ held: Reply, _ client: ClientBadge, atMost most: Int) -> Reply? {
        if count(of: client, atMost: most) >= most { return nil }
        unsafe swiftlet_caller_client(UInt64(index(of: held))).pointee = client.raw
        let others = free & ~bit(held)
        if others == 0 || !isWaiting(held) { return nil }
        free = others
        return reply(others.trailingZeroBitCount)
    }

    /// Answers a caller; one that gave up meanwhile needs no answer.
    static func release(_ held: Reply, _ message: RegisterMessage) {
        try? held.reply(message)
        letGo(held)
    }
    static func release(_ held: Reply, _ message: MessageWriter) {
        try? held.reply(message)
        letGo(held)
    }
    static func release(_ held: Reply, _ message: RegisterMessage, _ attachment: Attachment) {
        do throws(KernelError) { try held.reply(message, attachment) } catch {
            // The capability is gone; the caller may have gone, too.
            try? held.reply(RegisterMessage(Refusal.dropped.rawValue))
        }
        letGo(held)
    }

    /// Whether a caller has gone.
    static func hasGone(_ held: Reply) -> Bool { gone & bit(held) != 0 }

    /// Returns the number of callers of a client's task that the pool holds. If that is `most` or
    /// more, it asks the kernel about each of them, and does not count those that have gone.
    private static func count(of client: ClientBadge, atMost most: Int) -> Int {
        var known = 0
        eachHeld { if self.client($0).task == client.task { known &+= 1 } }
        if known < most { return known }
        known = 0
        eachHeld { place in
            if self.client(place).task != client.task { return }
            if isWaiting(reply(place)) { known &+= 1 } else { gone |= bit(reply(place)) }
        }
        return known
    }
    /// Calls `body` with the place of each held caller.
    @inline(__always) private static func eachHeld(_ body: (Int) -> Void) {
        var held = ~free & (1 << UInt64(count) &- 1)
        while held != 0 {
            body(held.trailingZeroBitCount)
            held &= held &- 1
        }
    }

    /// Frees the place of a caller that was answered or has gone.
    static func letGo(_ held: Reply) {
        // A binding that stays rings for a caller that is not held, and is ignored.
        do throws(KernelError) { try held.bindAbandonment(nil) } catch {}
        gone &= ~bit(held)
        free |= bit(held)
    }

    /// Takes note of the held callers that have gone, by the bits of the notification. A bit may
    /// also be of an earlier caller, or of another one that shares it.
    ///
    /// - Returns: whether there is one.
    /// - Complexity: O(held callers).
    static func noteGone(_ bits: UInt64) -> Bool {
        let bits = bits >> firstGoneBit & (1 << goneBits - 1)
        if bits == 0 { return false }
        eachHeld { place in
            if bits & 1 << (UInt64(place) % goneBits) != 0 && !isWaiting(reply(place)) {
                gone |= bit(reply(place))
            }
        }
        return gone != 0
    }

    /// Whether the reply object holds a caller. The kernel tells when it goes.
    private static func isWaiting(_ reply: Reply) -> Bool {
        let bell = Notification(Slot(unsafe swiftlet_caller_places().pointee.bell))
        let bit: UInt64 = 1 << (firstGoneBit + UInt64(index(of: reply)) % goneBits)
        return (try? reply.bindAbandonment(bell, bits: bit)) ?? false
    }

    static func reply(_ index: Int) -> Reply {
        Reply(Slot(first + UInt32(truncatingIfNeeded: index)))
    }
    /// The place of a reply object in the pool.
    static func index(of reply: Reply) -> Int { Int(reply.slot.index) - Int(first) }
    private static func bit(_ reply: Reply) -> UInt64 { 1 << UInt64(index(of: reply)) }
}
