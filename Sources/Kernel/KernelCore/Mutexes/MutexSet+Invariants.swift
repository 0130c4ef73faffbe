// The invariants of mutexes: who waits, who holds, and who is linked to whom. And of cells where
// threads sleep.

#if !hasFeature(Embedded)
    import HardwareInterface
    import KernelABI

    extension Kernel where H: ~Copyable {
        /// Checks a set: its participants, its mutexes and their waiters.
        func inspectMutexes(_ set: Ref<MutexSet>, _ inspection: inout Inspection) {
            let name = "mutex set \(inspection.name(set))"
            let page = set.pageSlot.frame.map {
                unsafe reference(
                    hardware.kernelAddress(physical: $0.pointee.physical), as: MutexPage.self)
            }
            inspection.require(set.pointee.page == page, "\(name): caches another page")
            for number in 0..<set.pointee.count {
                let participant = set.participant(number)
                if let thread = participant.pointee.thread {
                    inspection.require(
                        participant.set == set && inspection.isLive(thread, .thread)
                            && thread.isMember(participant),
                        "\(name): participant \(number) is not in its thread's list")
                } else {
                    inspection.require(
                        participant.pointee.next == nil && participant.pointee.previous == nil
                            && !participant.pointee.isLeaving && participant.pointee.cursor == 0,
                        "\(name): the free number \(number) is in use")
                }
                inspectMutex(set.mutex(number), of: set, "\(name), mutex \(number)", &inspection)
            }
        }

        private func inspectMutex(
            _ mutex: Ref<Mutex>, of set: Ref<MutexSet>, _ name: String,
            _ inspection: inout Inspection
        ) {
            let nodes = inspection.inspect(mutex.place.pointee.waiters, name)
            for node in nodes {
                let thread = node.waiter
                let sleeps = mutex.pointee.holder == 0
                inspection.require(
                    thread.state == (sleeps ? .waiting : .locking)
                        && thread.awaitedMutex == mutex,
                    "\(name): a stranger waits")
                inspection.require(
                    node.pointee.key == thread.effective || thread.pointee.scheduling.isPending,
                    "\(name): a waiter has another key")
                if sleeps { continue }
                let number = MutexArgument(raw: thread.pointee.sendControl).participant
                inspection.require(
                    thread.isMember(set.participant(number)),
                    "\(name): a waiter has not joined")
            }
            if mutex.pointee.holder == 0 {
                return inspection.require(
                    mutex.holderThread == nil, "\(name): held without a holder")
            }
            inspection.require(
                nodes.isEmpty || inspection.isLive(mutex.holderThread, .thread),
                "\(name): held by a dead thread")
            if set.pointee.header.isDying { return }
            inspection.require(mutex.set == set, "\(name): of another set")
            let number = Int(mutex.pointee.holder) - 1
            inspection.require(
                number < set.pointee.count
                    && set.participant(number).pointee.thread == mutex.holderThread
                    && mutex.holderThread != nil,
                "\(name): held by nobody, or by another thread")
            if number < set.pointee.count, let word = set.word(Int(mutex.pointee.number)),
                !set.participant(number).pointee.isLeaving
            {
                let value = word.pointee
                inspection.require(
                    value.holder == mutex.pointee.holder && value.raw & MutexWord.contendedBit != 0,
                    "\(name): its word says \(value.raw)")
            }
        }
    }

    extension Inspection {
        /// Whether it is the place of a cell where threads sleep.
        func isCell(_ place: Ref<Notification>?) -> Bool {
            mutexSets.contains { set in
                (0..<set.pointee.count).contains {
                    let cell = set.mutex($0)
                    return cell.place == place && cell.pointee.holder == 0
                }
            }
        }

        /// Checks a thread that waits for a mutex.
        mutating func inspectLocking(_ thread: Ref<Thread>, _ name: String) {
            require(
                thread.pointee.endpoint == nil && thread.pointee.reply == nil,
                "\(name): wrong links while it waits for a mutex")
            guard let mutex = thread.awaitedMutex else {
                return violations.append("\(name): waits for no mutex")
            }
            guard mutexSets.contains(mutex.set) else {
                return violations.append("\(name): waits for a dead mutex")
            }
            if thread.pointee.scheduling.isPending { return }
            require(
                thread.pointee.blockedOn
                    == (mutex.firstWaiter == thread ? mutex.holderThread : nil),
                "\(name): not linked to the holder of its mutex as its place asks")
        }
    }

    extension Ref where Object == Thread {
        /// Whether a participant stands in the thread's list.
        fileprivate func isMember(_ participant: Ref<Participant>) -> Bool {
            var at = pointee.participations
            var previous: Ref<Participant>?
            while let one = at, one.pointee.previous == previous {
                if one == participant { return one.pointee.thread == self }
                previous = one
                at = one.pointee.next
            }
            return false
        }
    }
#endif
