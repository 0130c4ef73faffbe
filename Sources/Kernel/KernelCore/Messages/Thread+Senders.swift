// The threads that are queued at an endpoint with the same capability. Deleting or revoking the
// capability ends their waits: their badge may belong to another client afterwards.
//
// The capability refers to the first thread, and only that thread refers back. So moving a
// capability and leaving the list take constant time.

extension Ref where Object == Thread {
    /// Joins the list of a capability's senders as its first member.
    func joinSenders(of slot: Ref<Capability>) {
        let next = slot.pointee.firstSender
        pointee.sentThrough = slot
        pointee.nextSender = next
        next?.pointee.sentThrough = nil
        next?.pointee.previousSender = self
        slot.pointee.firstSender = self
    }

    /// Leaves the list: the thread was received, or its wait ended.
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
