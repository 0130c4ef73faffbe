// Checks endpoints, replies, notifications, address spaces, ASID pools and untyped memory.

#if !hasFeature(Embedded)
    import HardwareInterface
    import KernelABI

    extension Inspection {
        mutating func inspect(_ endpoint: Ref<Endpoint>) {
            let name = "endpoint \(self.name(endpoint))"
            let nodes = inspect(endpoint.pointee.waiters, name)
            for node in nodes {
                let thread = node.waiter
                require(thread.pointee.endpoint == endpoint, "\(name): a stranger waits")
                require(
                    node.pointee.key == thread.effective || thread.pointee.scheduling.isPending,
                    "\(name): a waiter has another key")
                require(
                    (thread.state == .receiving) != endpoint.pointee.holdsSenders,
                    "\(name): senders and receivers at once")
            }
            require(isLive(endpoint.pointee.server, .thread), "\(name): a dead server")
            if let server = endpoint.pointee.server {
                var owned = server.pointee.ownedEndpoints
                while let at = owned, at != endpoint, isLive(at, .endpoint) {
                    owned = at.pointee.nextOwned
                }
                require(owned == endpoint, "\(name): not in the list of its server")
            }
            let neighbours = [
                endpoint.pointee.previousOwned?.pointee.nextOwned,
                endpoint.pointee.nextOwned?.pointee.previousOwned,
            ]
            require(
                neighbours.allSatisfy { $0 == nil || $0 == endpoint },
                "\(name): wrong links of its server's list")
            let isLinked =
                endpoint.pointee.previousOwned != nil || endpoint.pointee.nextOwned != nil
            require(!isLinked || endpoint.pointee.server != nil, "\(name): linked, and nobody's")
            for thread in threads where thread.pointee.endpoint == endpoint {
                require(
                    thread == endpoint.pointee.readyServer || nodes.contains(thread.waitNode),
                    "\(name): a thread waits here in no queue")
            }
            let isFree =
                nodes.isEmpty && endpoint.pointee.readyServer == nil && !endpoint.pointee.isClosed
            require(endpoint.pointee.occupation == (isFree ? 0 : 1), "\(name): occupation is wrong")
            guard let ready = endpoint.pointee.readyServer else { return }
            require(
                isLive(ready, .thread) && nodes.isEmpty,
                "\(name): the ready server does not wait alone")
            require(
                ready.state == .receiving && ready.pointee.endpoint == endpoint,
                "\(name): the ready server is elsewhere")
            require(!ready.hasCallers, "\(name): the ready server has callers")
            require(
                ready.pointee.scheduling.raw & SchedulingWord.plainWaitMask == 0,
                "\(name): the ready server needs thought")
            require(
                ready.pointee.scheduling.raw & SchedulingWord.lowHalf & ~SchedulingWord
                    .floatingPointBit
                    == UInt32(ready.pointee.restingWord),
                "\(name): the ready server is more urgent than its base")
            require(!endpoint.pointee.isClosed, "\(name): closed, with a ready server")
        }

        mutating func inspect(_ reply: Ref<Reply>) {
            let name = "reply \(self.name(reply))"
            require(isLive(reply.pointee.caller, .thread), "\(name): a dead caller")
            require(isLive(reply.pointee.holder, .thread), "\(name): a dead holder")
            if let caller = reply.pointee.caller {
                require(caller.pointee.reply == reply, "\(name): its caller has another reply")
                require(
                    caller.state == .awaitingReply || caller.state == .faulted,
                    "\(name): its caller does not wait")
                require(reply.pointee.holder != nil, "\(name): a caller without holder")
                require(
                    caller.pointee.blockedOn == reply.pointee.holder,
                    "\(name): its caller is blocked on another")
            } else if let holder = reply.pointee.holder {
                require(
                    holder.pointee.reply == reply && holder.state == .receiving,
                    "\(name): held by a stranger")
            }
        }

        mutating func inspect(_ notification: Ref<Notification>) {
            let name = "notification \(self.name(notification))"
            let nodes = inspect(notification.pointee.waiters, name)
            let isPosted = nodes.contains { $0.waiter.pointee.scheduling.isPending }
            require(
                nodes.isEmpty || notification.pointee.bits == 0 || isPosted,
                "\(name): bits that nobody took, and a waiter")
            for node in nodes {
                let thread = node.waiter
                require(
                    thread.pointee.notification == notification
                        && (thread.state == .waiting || thread.state == .awaitingCore),
                    "\(name): a stranger waits")
                require(
                    node.pointee.key == thread.effective || thread.pointee.scheduling.isPending,
                    "\(name): a waiter has another key")
            }
            for thread in threads where thread.pointee.notification == notification {
                require(nodes.contains(thread.waitNode), "\(name): a thread waits here in no queue")
            }
            if let bound = notification.pointee.boundThread {
                require(
                    isLive(bound, .thread) && bound.pointee.boundNotification == notification,
                    "\(name): bound to a stranger")
                require(
                    bound.state != .receiving || bound.pointee.scheduling.isPending || isPosted
                        || notification.pointee.bits == 0,
                    "\(name): its receiver was not woken")
            }
            let sources =
                timers.map { $0.source } + interrupts.map { $0.source } + budgets.map { $0.source }
                + replies.map { $0.source }
            let first = notification.pointee.sources
            var at = first
            var previous = first?.pointee.previous
            var count = 0
            while let source = at, count <= sources.count, count == 0 || source != first {
                require(sources.contains(source), "\(name): a dead source")
                require(
                    source.pointee.notification == notification
                        && source.pointee.previous == previous,
                    "\(name): wrong source")
                require(
                    source.pointee.interrupt == nil || count == 0
                        || previous?.pointee.interrupt != nil,
                    "\(name): an interrupt behind other sources")
                previous = source
                at = source.pointee.next
                count += 1
            }
            let expected = sources.filter { $0.pointee.notification == notification }.count
            require(count == expected, "\(name): \(count) sources listed, \(expected) refer to it")
        }
    }

    extension Kernel where H: ~Copyable {
        /// Returns whether a listed mapping of the space maps the frame at `physical` there.
        private func isMapped(
            _ space: Ref<AddressSpace>, at address: UInt64, level: Int, _ physical: UInt64
        ) -> Bool {
            var at = space.pointee.mappings
            while let slot = at {
                if slot.pointee.badge == address, let frame = slot.frame,
                    frame.pointee.physical == physical,
                    PageDescriptor.level(frame.pointee.size) == level
                {
                    return true
                }
                at = slot.pointee.nextMapping
            }
            return false
        }

        /// Checks the mappings and tables of an address space against the entries that the
        /// processor reads.
        func inspectSpace(_ space: Ref<AddressSpace>, _ inspection: inout Inspection) {
            let name = "space \(inspection.name(space))"
            inspection.require(
                inspection.isLive(space.pointee.pool, .asidPool), "\(name): of a dead pool")
            if space.pointee.pool == nil {
                inspection.require(
                    space.pointee.header.isDying && space.pointee.header.firstCapability == nil
                        && space.pointee.mappings == nil && space.pointee.tables == nil
                        && space.pointee.asid == 0,
                    "\(name): in use without a pool")
            }
            for other in inspection.spaces where other != space && other.pointee.asid != 0 {
                inspection.require(
                    other.pointee.asid != space.pointee.asid, "\(name): shares its ASID")
            }
            var at = space.pointee.mappings
            var previous: Ref<Capability>?
            while let slot = at {
                inspection.require(slot.pointee.mappedIn == space, "\(name): a mapping of another")
                inspection.require(
                    slot.pointee.previousMapping == previous, "\(name): wrong link of mappings")
                inspection.require(slot.pointee.kind == .frame, "\(name): maps what is no frame")
                guard slot.pointee.mappedIn == space, let frame = slot.frame else { break }
                let level = PageDescriptor.level(frame.pointee.size)
                if let entries = try? table(space, slot.pointee.badge, level: level) {
                    let entry = entries.pointee.entries[
                        PageDescriptor.index(slot.pointee.badge, level: level)]
                    // A mapping whose table is gone stays listed until it is removed. Another
                    // mapping may have its place by now.
                    let isMapped = isMapped(
                        space, at: slot.pointee.badge, level: level, entry.address)
                    inspection.require(
                        !entry.isValid || isMapped, "\(name): an entry of another frame")
                    let isExecutable = entry.raw & 1 << 54 == 0
                    inspection.require(
                        !entry.isValid || !(isExecutable && entry.isUserWritable),
                        "\(name): writable and executable")
                }
                previous = slot
                at = slot.pointee.nextMapping
            }
            var table = space.pointee.tables
            var count = 0
            while let one = table, count <= inspection.pageTables.count {
                inspection.require(inspection.isLive(one, .pageTable), "\(name): a dead table")
                inspection.require(one.pointee.addressSpace == space, "\(name): a table of another")
                count += 1
                table = one.pointee.next
            }
            for table in inspection.pageTables where table.pointee.addressSpace == nil {
                inspection.require(
                    table.pointee.next == nil && table.pointee.previous == nil,
                    "\(name): a table of none is linked")
            }
            let expected = inspection.pageTables.filter { $0.pointee.addressSpace == space }.count
            inspection.require(
                count == expected, "\(name): \(count) tables listed, \(expected) refer to it")
        }

        /// Checks the pools' ranges and numbers against the address spaces that have them.
        func inspectPools(_ inspection: inout Inspection) {
            for pool in inspection.asidPools {
                let name = "ASID pool \(inspection.name(pool))"
                let first = Int(pool.pointee.first)
                let range = first / Limits.asidPool
                inspection.require(first % Limits.asidPool == 0, "\(name): begins within a range")
                inspection.require(
                    shared.pointee.asidRanges[range / 64] >> UInt64(range % 64) & 1 == 1,
                    "\(name): its range is free")
                for other in inspection.asidPools where other != pool {
                    inspection.require(
                        other.pointee.first != pool.pointee.first, "\(name): shares its range")
                }
                var used: UInt64 = first == 0 ? 1 : 0
                var at = pool.pointee.spaces
                var previous: Ref<AddressSpace>?
                while let space = at {
                    guard inspection.isLive(space, .addressSpace), space.pointee.pool == pool else {
                        inspection.violations.append("\(name): lists what is not its own")
                        break
                    }
                    let index = Int(space.pointee.asid) - first
                    inspection.require(
                        0..<Limits.asidPool ~= index, "\(name): an ASID of another range")
                    inspection.require(
                        used >> UInt64(index & 63) & 1 == 0, "\(name): an ASID twice")
                    inspection.require(
                        space.pointee.previousInPool == previous, "\(name): wrong link")
                    used |= 1 << UInt64(index & 63)
                    previous = space
                    at = space.pointee.nextInPool
                }
                inspection.require(pool.pointee.used == used, "\(name): used is wrong")
                let count = inspection.spaces.filter { $0.pointee.pool == pool }.count
                let listed = used.nonzeroBitCount - (first == 0 ? 1 : 0)
                inspection.require(
                    listed == count, "\(name): \(listed) spaces listed, \(count) refer to it")
            }
            let atBoot = ASIDPool.ranges(asidBits: hardware.asidBits)
            let ranges = (0..<16).reduce(0) {
                $0 + (shared.pointee.asidRanges[$1] & ~atBoot[$1]).nonzeroBitCount
            }
            let count = inspection.asidPools.count
            inspection.require(ranges == count, "\(ranges) ranges taken, \(count) pools")
        }

        /// Checks the watermarks, and that no two objects have the same memory.
        func inspectUntyped(_ region: Ref<Untyped>, _ inspection: inout Inspection) {
            let name = "untyped \(inspection.name(region))"
            let size = 1 << region.pointee.sizeBits
            inspection.require(
                0 <= region.pointee.low && region.pointee.low <= region.pointee.high
                    && region.pointee.high <= size,
                "\(name): watermarks \(region.pointee.low), \(region.pointee.high)")
            inspection.require(
                !region.pointee.isDevice || region.pointee.low == 0,
                "\(name): descriptors in device memory")
            if region.pointee.isDevice || region.pointee.reclaimCursor >= 0 { return }
            let base = region.pointee.physicalBase
            var ranges: [(UInt64, UInt64)] = []
            for frame in inspection.frames where !frame.pointee.isDevice {
                ranges.append((frame.pointee.physical, 1 << UInt64(frame.pointee.size.rawValue)))
            }
            for inner in inspection.untyped
            where inner != region && inner.pointee.sizeBits < region.pointee.sizeBits {
                ranges.append((inner.pointee.physicalBase, 1 << UInt64(inner.pointee.sizeBits)))
            }
            for table in inspection.pageTables { ranges.append((table.pointee.physical, 4096)) }
            for space in inspection.spaces { ranges.append((space.pointee.rootPhysical, 4096)) }
            let within = ranges.filter { $0.0 >= base && $0.0 < base + UInt64(size) }.sorted {
                ($0.0, $1.1) < ($1.0, $0.1)
            }
            var end = base + UInt64(region.pointee.high)
            for range in within {
                inspection.require(
                    range.0 & (range.1 - 1) == 0, "\(name): memory that is not aligned")
                let isInside = range.0 + range.1 <= end && end > base + UInt64(region.pointee.high)
                // Memory within an inner region belongs to that region.
                inspection.require(
                    range.0 >= end || isInside, "\(name): memory given out twice, or below the mark"
                )
                end = max(end, range.0 + range.1)
            }
        }
    }
#endif
