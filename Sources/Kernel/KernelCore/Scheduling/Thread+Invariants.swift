// The invariants of a thread: its priority, its state and its links agree.

#if !hasFeature(Embedded)
    import HardwareInterface
    import KernelABI

    extension Kernel where H: ~Copyable {
        /// Checks a thread.
        func inspectThread(_ thread: Ref<Thread>, _ inspection: inout Inspection) {
            let name = "thread \(inspection.name(thread))"
            inspection.inspectPriority(thread, name)
            inspection.inspectChain(thread, name)
            inspection.inspectWait(thread, name)
            let word = thread.pointee.scheduling
            inspection.require(
                !word.isFaulting || thread.state == .faulted, "\(name): faulting in another state")
            inspection.require(
                !word.isSuspended || thread.state == .faulted || thread.isEnding || core.isShared,
                "\(name): suspended bit in another state")
            inspection.require(
                thread.pointee.floatingPointArea
                    == (word.usesFloatingPoint ? thread.pointee.buffer?.floatingPointArea : nil),
                "\(name): its floating-point registers are kept elsewhere than in its IPC buffer")
            inspection.require(
                !word.usesFloatingPoint || thread.pointee.buffer != nil,
                "\(name): uses floating point without an IPC buffer")
            inspection.require(
                !word.isTimedOut || (word.isPending && !word.hasDeadline),
                "\(name): timed out without a step")
            inspection.require(
                thread.state != .running || !core.isTracing || word.isGuarded || core.isShared,
                "\(name): runs unrecorded while a trace is")
            let lends = word.isLending
            inspection.require(
                !lends || thread.pointee.loanLength != 0, "\(name): lends nothing")
            inspection.require(
                word.isSignalled
                    == (thread.pointee.boundNotification.map { $0.pointee.bits != 0 } ?? false),
                "\(name): the signalled bit is wrong")
            inspection.require(
                !lends || thread.state == .calling || thread.state == .awaitingReply,
                "\(name): lends without a call")
            inspectParts(thread, name, &inspection)
        }

        /// Checks the values that the control block caches of its capabilities, and its lists.
        private func inspectParts(
            _ thread: Ref<Thread>, _ name: String, _ inspection: inout Inspection
        ) {
            if let table = thread.tableSlot.capabilityTable {
                inspection.require(
                    thread.pointee.tableBase == table.slot(0).bits
                        && thread.pointee.tableCount == UInt(table.pointee.count),
                    "\(name): caches another table")
            } else {
                inspection.require(
                    thread.pointee.tableCount == 0, "\(name): caches a table that it lost")
            }
            let space = thread.spaceSlot.addressSpace
            inspection.require(
                thread.pointee.translationBase == space?.pointee.translationBase
                    ?? emptyTranslationBase,
                "\(name): caches another address space")
            if let frame = thread.bufferSlot.frame {
                let page = unsafe reference(
                    hardware.kernelAddress(physical: frame.pointee.physical), as: BufferPage.self)
                inspection.require(thread.pointee.buffer == page, "\(name): caches another buffer")
            } else if thread.pointee.header.firstCapability != nil, thread.pointee.maximum != 255 {
                inspection.require(
                    thread.pointee.buffer == nil, "\(name): caches a buffer that it lost")
            }
            if let notification = thread.pointee.boundNotification {
                inspection.require(
                    inspection.isLive(notification, .notification)
                        && notification.pointee.boundThread == thread,
                    "\(name): bound to a notification that is not bound to it")
            }
            var endpoint = thread.pointee.ownedEndpoints
            var previous: Ref<Endpoint>?
            while let at = endpoint {
                inspection.require(
                    inspection.isLive(at, .endpoint) && at.pointee.server == thread,
                    "\(name): owns wrongly")
                inspection.require(
                    at.pointee.previousOwned == previous, "\(name): wrong link of owned endpoints")
                if !inspection.isLive(at, .endpoint) { break }
                previous = at
                endpoint = at.pointee.nextOwned
            }
        }
    }

    extension Inspection {
        /// Checks that effective = max(base, effective of all callers), and that the callers are
        /// the threads that are blocked on this one.
        fileprivate mutating func inspectPriority(_ thread: Ref<Thread>, _ name: String) {
            var priority = thread.pointee.base
            let nodes = inspect(thread.pointee.callers, "\(name)'s callers")
            if let sole = thread.pointee.soleCaller {
                require(nodes.isEmpty, "\(name): a sole caller among others")
                require(
                    isLive(sole, .thread) && sole.pointee.blockedOn == thread,
                    "\(name): its sole caller waits for another")
                priority = max(priority, sole.effective)
            }
            for node in nodes {
                let caller = node.caller
                require(
                    caller.pointee.blockedOn == thread, "\(name): a caller that waits for another")
                require(
                    node.pointee.key == caller.effective || caller.pointee.scheduling.isPending,
                    "\(name): a caller has another key")
                priority = max(priority, node.pointee.key)
            }
            let isPending = thread.pointee.scheduling.isPending
            require(
                thread.effective == priority || isPending,
                "\(name): effective \(thread.effective) instead of \(priority)")
            require(
                !isPending || thread.pointee.pendingUrgency >= max(priority, thread.effective),
                "\(name): its update carries too little")
            require(
                !isPending || thread.isQueued || thread.isEnding,
                "\(name): an update is pending of a thread in no queue")
            if let server = thread.pointee.blockedOn {
                require(isLive(server, .thread), "\(name): waits for a dead thread")
            }
            let members = nodes.count + (thread.pointee.soleCaller == nil ? 0 : 1)
            let expected = threads.filter { $0.pointee.blockedOn == thread }.count
            require(
                members == expected,
                "\(name): \(members) callers, \(expected) threads are blocked on it")
        }

        /// Checks that the inheritance chain has no cycle.
        fileprivate mutating func inspectChain(_ thread: Ref<Thread>, _ name: String) {
            var length = 1
            var at = thread
            // A waiter that a step will unlink from a mutex's former holder is in no chain.
            while let next = at.pointee.blockedOn, !at.isEnding,
                at.state != .locking || next == at.awaitedMutex?.holderThread,
                length <= threads.count
            {
                at = next
                length += 1
            }
            require(length <= threads.count, "\(name): a cycle")
        }

        /// Checks the state against the links of the wait.
        fileprivate mutating func inspectWait(_ thread: Ref<Thread>, _ name: String) {
            let state = thread.state
            let endpoint = thread.pointee.endpoint
            let reply = thread.pointee.reply
            let notification = thread.pointee.notification
            require(isLive(endpoint, .endpoint), "\(name): a dead endpoint")
            require(isLive(reply, .reply), "\(name): a dead reply")
            if state == .awaitingCore && !thread.isEnding {
                return require(
                    endpoint == nil && reply == nil && notification != nil
                        && thread.pointee.blockedOn == nil,
                    "\(name): wrong links while it waits for a core")
            }
            if state == .locking && !thread.isEnding { return inspectLocking(thread, name) }
            require(
                isLive(notification, .notification) || isCell(notification),
                "\(name): a dead notification")
            if thread.isEnding {
                return require(
                    state != .running && state != .ready && state != .stopped,
                    "\(name): ending in state \(state.raw)")
            }
            switch state {
            case .running, .ready, .stopped:
                require(
                    endpoint == nil && reply == nil && notification == nil
                        && thread.pointee.blockedOn == nil,
                    "\(name): waits in state \(state.raw)")
            case .calling, .sending:
                require(
                    endpoint != nil && reply == nil && notification == nil,
                    "\(name): wrong links in a queue")
            case .receiving:
                require(
                    endpoint != nil && reply != nil && notification == nil,
                    "\(name): wrong links of a receiver")
                require(
                    reply?.pointee.holder == thread && reply?.pointee.caller == nil,
                    "\(name): its reply is not free")
                require(
                    thread.pointee.blockedOn == nil, "\(name): a receiver is blocked on a thread")
            case .awaitingReply:
                require(
                    endpoint == nil && reply != nil && notification == nil,
                    "\(name): wrong links of a caller")
                require(reply?.pointee.caller == thread, "\(name): its reply holds another")
                require(
                    thread.pointee.blockedOn == reply?.pointee.holder,
                    "\(name): not blocked on the holder")
            case .waiting:
                require(
                    endpoint == nil && reply == nil && notification != nil,
                    "\(name): wrong links of a waiter")
                require(thread.pointee.blockedOn == nil, "\(name): a waiter is blocked on a thread")
            case .faulted:
                require(
                    endpoint == nil || reply == nil, "\(name): faulted, queued and received at once"
                )
                require(notification == nil, "\(name): faulted, and waits on a notification")
            default: violations.append("\(name): no state \(state.raw)")
            }
            if state != .receiving, let endpoint {
                require(
                    endpoint.pointee.isClosed
                        || thread.pointee.blockedOn == endpoint.pointee.server,
                    "\(name): queued, but not blocked on the server")
            }
        }
    }
#endif
