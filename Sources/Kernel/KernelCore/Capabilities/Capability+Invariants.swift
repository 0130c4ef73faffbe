// Checks the derivation lists. Each spells a tree in preorder, and a child has only rights of its
// parent. Each capability in a slot is in its object's list.

#if !hasFeature(Embedded)
    import KernelABI

    extension Inspection {
        mutating func inspectCapabilities(scanTables: Bool) {
            var listed = 0
            for address in kinds.keys.sorted() {
                guard let object = Ref<ObjectHeader>(bits: address) else { continue }
                listed += inspectDerivation(object)
            }
            inspectUnlisted()
            if !scanTables { return }
            let found = countSlots()
            require(listed == found, "\(listed) capabilities listed, \(found) in slots")
        }

        /// Checks the list of one object.
        ///
        /// - Returns: the number of its capabilities.
        private mutating func inspectDerivation(_ object: Ref<ObjectHeader>) -> Int {
            let name = "\(object.pointee.kind) \(name(object))"
            var at = object.pointee.firstCapability
            var previous: Ref<Capability>?
            var path: [Rights] = []
            var count = 0
            while let slot = at {
                guard isInSlot(slot) else {
                    violations.append("\(name): a capability outside every live table")
                    return count
                }
                require(
                    slot.pointee.object == object,
                    "\(name): a capability to another object in its list")
                require(
                    slot.pointee.kind == object.pointee.kind,
                    "\(name): a capability of another kind")
                require(
                    slot.pointee.uses == Uses(slot.pointee.kind, slot.pointee.rights),
                    "\(name): uses beside its rights"
                )
                require(
                    slot.pointee.previous == previous, "\(name): wrong link in the derivation list")
                if slot.pointee.object != object { return count }
                let depth = Int(slot.pointee.depth)
                require(depth <= Limits.derivationDepth, "\(name): derived too deep")
                if !object.pointee.isDying {
                    require(
                        depth <= path.count && (depth > 0 || previous == nil), "\(name): no tree")
                    if depth < path.count { path.removeLast(path.count - depth) }
                    if let parent = path.last {
                        // One without rights is about to be removed.
                        require(
                            parent == .none || parent.contains(slot.pointee.rights),
                            "\(name): rights grew")
                    }
                    path.append(slot.pointee.rights)
                }
                require(
                    isLive(slot.pointee.mappedIn, .addressSpace),
                    "\(name): mapped in a dead address space")
                require(
                    slot.pointee.usedBy == nil || slot.pointee.kind == .frame
                        || slot.pointee.kind == .endpoint,
                    "\(name): used by something as a frame or an endpoint is")
                inspectSenders(slot, name)
                count += 1
                previous = slot
                at = slot.pointee.next
            }
            return count
        }

        /// Checks the threads that are queued with a capability: they wait at its endpoint, with
        /// its badge.
        private mutating func inspectSenders(_ slot: Ref<Capability>, _ name: String) {
            var at = slot.pointee.firstSender
            var previous: Ref<Thread>?
            while let sender = at {
                guard isLive(sender, .thread), listedSenders.insert(sender.bits).inserted else {
                    violations.append(
                        "\(name): a dead thread, or one twice, among those queued with it")
                    return
                }
                require(
                    sender.pointee.endpoint == slot.endpoint,
                    "\(name): a sender is queued elsewhere")
                require(
                    [.calling, .sending, .faulted].contains(sender.state),
                    "\(name): a sender does not send")
                require(
                    sender.pointee.sendBadge == slot.pointee.badge,
                    "\(name): a sender has another badge")
                require(
                    sender.pointee.sentThrough == (previous == nil ? slot : nil),
                    "\(name): a sender refers to another capability")
                require(sender.pointee.previousSender == previous, "\(name): wrong link of senders")
                previous = sender
                at = sender.pointee.nextSender
            }
        }

        /// Checks that a thread is in a list of senders if and only if it is queued to send.
        private mutating func inspectUnlisted() {
            for thread in threads {
                let name = "thread \(name(thread))"
                let isQueued = thread.pointee.endpoint != nil && thread.state != .receiving
                require(
                    isQueued == listedSenders.contains(thread.bits),
                    "\(name): queued without a capability, or listed without being queued")
                require(
                    isQueued
                        || (thread.pointee.sentThrough == nil && thread.pointee.nextSender == nil
                            && thread.pointee.previousSender == nil),
                    "\(name): linked to senders though it is not queued")
            }
        }

        private func isInSlot(_ slot: Ref<Capability>) -> Bool {
            for table in tables {
                let offset = slot.bits &- table.slot(0).bits
                if offset < UInt(table.pointee.count) * 64 { return offset % 64 == 0 }
            }
            return mutexSets.contains { $0.pageSlot == slot }
                || threads.contains {
                    [$0.tableSlot, $0.spaceSlot, $0.bufferSlot, $0.faultSlot].contains(slot)
                }
        }

        private func countSlots() -> Int {
            var count = 0
            for table in tables {
                for index in 0..<table.pointee.count where table.slot(index).pointee.object != nil {
                    count += 1
                }
            }
            for thread in threads {
                for slot in [
                    thread.tableSlot, thread.spaceSlot, thread.bufferSlot, thread.faultSlot,
                ]
                where slot.pointee.object != nil { count += 1 }
            }
            return count + mutexSets.count { $0.pageSlot.pointee.object != nil }
        }
    }

    extension Ref where Object == ObjectHeader {
        /// Creates a reference from a value of `bits`.
        fileprivate init?(bits: UInt) {
            guard let pointer = unsafe UnsafeMutablePointer<ObjectHeader>(bitPattern: bits) else {
                return nil
            }
            unsafe self.init(pointer)
        }
    }
#endif
