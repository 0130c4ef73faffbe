// The threads that are queued at an endpoint with the same capability: their calls end when that capability is deleted or
// revoked, since the badge that they carry means nothing then, or somebody else.
//
// The capability refers to the first of them and only the first one refers back, so a capability moves in constant time, and
// a thread leaves the list in constant time.

extension Ref where Object == Thread {
    /// Becomes the first of those that are queued with a capability.
    func joinSenders(of slot: Ref<Capability>) {
        let next = slot.pointee.firstSender
        pointee.sentThrough = slot
        pointee.nextSender = next
        next?.pointee.sentThrough = nil
        next?.pointee.previousSender = self
        slot.pointee.firstSender = self
    }

    /// Is queued no more: received, or its wait ended.
    func leaveSenders() {
        let next = pointee.nextSender
        let previous = pointee.previousSender
        if let slot = pointee.sentThrough {
            slot.pointee.firstSender = next
            next?.pointee.sentThrough = slot
        } else {
            previous?.pointee.nextSender = next
        }
        next?.pointee.previousSender = previous
        pointee.sentThrough = nil
        pointee.nextSender = nil
        pointee.previousSender = nil
    }
}
