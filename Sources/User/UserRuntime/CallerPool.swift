// The reply objects of a task's server, and which of them hold callers that wait for an answer.
// Only the server's thread uses them.

import CUserEntry
import KernelABI

enum CallerPool {
    // Safety: they are the calling thread's own, for as long as it runs.
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

    /// The bits of the server's notification by which the kernel tells that the held caller of a
    /// reply object has gone.
    static var firstGoneBit: UInt64 { 60 }

    /// No caller is held: a server begins.
    static func begin() { (free, gone) = (0b111, 0) }

    /// Keeps the caller of a reply object.
    ///
    /// - Returns: the reply object for the next callers; nil if no other one is free, or if the
    ///   caller has gone.
    static func hold(_ held: Reply) -> Reply? {
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

    /// Whether a caller has gone.
    static func hasGone(_ held: Reply) -> Bool { gone & bit(held) != 0 }

    /// Frees the place of a caller that was answered or has gone.
    static func letGo(_ held: Reply) {
        // A binding that stays rings for a caller that is not held, and is ignored.
        do throws(KernelError) { try held.bindAbandonment(nil) } catch {}
        gone &= ~bit(held)
        free |= bit(held)
    }

    /// Takes note of the held callers that have gone, by the bits of the notification. A bit may
    /// also be of an earlier caller of the same reply object.
    ///
    /// - Returns: whether there is one.
    static func noteGone(_ bits: UInt64) -> Bool {
        let bits = bits >> firstGoneBit & 0b111
        for index in 0..<3 where bits & ~free & 1 << UInt64(index) != 0 {
            if !isWaiting(reply(index)) { gone |= bit(reply(index)) }
        }
        return bits & gone != 0
    }

    /// Whether the reply object holds a caller. The kernel tells when it goes.
    private static func isWaiting(_ reply: Reply) -> Bool {
        let notification = Notification(StartSlot.notification)
        return (try? reply.bindAbandonment(notification, bits: bit(reply) << firstGoneBit)) ?? false
    }

    private static func reply(_ index: Int) -> Reply {
        Reply(Slot(StartSlot.reply.index + UInt32(truncatingIfNeeded: index)))
    }
    private static func bit(_ reply: Reply) -> UInt64 {
        1 << UInt64(reply.slot.index - StartSlot.reply.index)
    }
}
