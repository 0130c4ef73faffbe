// What every call refuses: each method of each object with an empty slot, a slot outside the table,
// an object of another kind and a capability without the right; the same for each further
// capability that a method names, and for the messages.

import CTargetTests
import KernelABI
import UserRuntime

/// A capability that a call needs: of which kind, with which right (`none`: any will do).
private struct Need {
    let method: Method
    let kind: ObjectKind
    let right: Rights
    /// In which register it is named; 0: it is the object of the call.
    let register: Int
    init(_ method: Method, _ kind: ObjectKind, _ right: Rights, register: Int = 0) {
        self.method = method
        self.kind = kind
        self.right = right
        self.register = register
    }
}

/// One object of each kind, and capabilities with less than all rights.
private struct Objects {
    private var slots = InlineArray<17, Slot>(repeating: .none)
    let empty: Slot
    let weak: Slot

    init(_ checks: inout Checks) throws(Failure) {
        empty = checks.slot()
        weak = checks.slot()
        let kinds: InlineArray<8, ObjectKind> = [
            .endpoint, .notification, .reply, .thread, .addressSpace, .pageTable, .timer, .null,
        ]
        for index in kinds.indices where kinds[index] != .null {
            slots[Int(kinds[index].rawValue)] = try checks.make(kinds[index])
        }
        slots[Int(ObjectKind.capabilityTable.rawValue)] = try checks.make(
            .capabilityTable, sizeBits: 4)
        slots[Int(ObjectKind.frame.rawValue)] = try checks.make(.frame, sizeBits: 12)
        slots[Int(ObjectKind.untyped.rawValue)] = try checks.make(.untyped, sizeBits: 14)
        slots[Int(ObjectKind.interruptControl.rawValue)] = RootSlot.interruptControl
        slots[Int(ObjectKind.systemControl.rawValue)] = RootSlot.systemControl
        slots[Int(ObjectKind.asidControl.rawValue)] = RootSlot.asidControl
        slots[Int(ObjectKind.asidPool.rawValue)] = RootSlot.asidPool
        let (interrupt, memory) = (checks.slot(), checks.memory)
        try checks.succeed { () throws(KernelError) in
            try InterruptControl(RootSlot.interruptControl).create(
                line: 40, .level, from: memory, index: interrupt)
        }
        slots[Int(ObjectKind.interrupt.rawValue)] = interrupt
    }
    func slot(_ kind: ObjectKind) -> Slot { slots[Int(kind.rawValue)] }
    /// A kind that is not `kind`.
    func other(_ kind: ObjectKind) -> Slot { slot(kind == .endpoint ? .notification : .endpoint) }
    /// A capability without this right.
    func weaken(_ kind: ObjectKind, without right: Rights) throws(KernelError) -> Slot {
        try? CapabilityTable.own.delete(weak)
        let rest = Rights(raw: Rights.all.raw & ~right.raw)
        try CapabilityTable.own.copy(slot(kind), to: weak, rights: rest)
        return weak
    }
}

extension Checks {
    /// The error of a method with these registers, 0 for none.
    private func error(
        _ method: Method, _ object: Slot, _ arguments: InlineArray<4, UInt64>
    ) -> UInt64 {
        var registers = CallRegisters()
        registers.x0 = ControlWord(invoke: method, object).raw
        registers.x1 = arguments[0]
        registers.x2 = arguments[1]
        registers.x3 = arguments[2]
        registers.x4 = arguments[3]
        registers.x5 = UInt64(Slot.none.index)
        return unsafe checkedSystemCall(&registers) == 0 ? registers.x0 : ~0
    }

    /// Try each wrong capability in the place of the one that is needed.
    fileprivate func refusals(
        _ need: Need, _ objects: borrowing Objects, object: Slot? = nil,
        _ arguments: InlineArray<4, UInt64>
    ) throws(Failure) {
        func result(_ slot: Slot) -> UInt64 {
            var arguments = arguments
            if need.register > 0 { arguments[need.register - 1] = UInt64(slot.index) }
            return error(need.method, need.register == 0 ? slot : object ?? slot, arguments)
        }
        let line = 1000 + UInt(need.method.rawValue)
        try equal(
            result(objects.empty), UInt64(KernelError.invalidCapability.rawValue), "empty slot",
            line: line)
        try equal(
            result(Slot(1 << 20)), UInt64(KernelError.invalidCapability.rawValue), "far slot",
            line: line)
        try equal(
            result(objects.other(need.kind)), UInt64(KernelError.wrongKind.rawValue), "other kind",
            line: line)
        if need.right == .none { return }
        let weak = try objects.weakened(need, self)
        try equal(
            result(weak), UInt64(KernelError.missingRights.rawValue), "without right", line: line)
    }
}

extension Objects {
    func weakened(_ need: Need, _ checks: Checks) throws(Failure) -> Slot {
        do throws(KernelError) { return try weaken(need.kind, without: need.right) } catch {
            throw Failure(line: #line, text: "no weaker copy", value: UInt64(error.rawValue))
        }
    }
}

func errorTests(_ runner: inout Runner) {
    runner.test("error.object-of-every-method") { c throws(Failure) in
        let objects = try Objects(&c)
        let needs: InlineArray<39, Need> = [
            Need(.retype, .untyped, .manage), Need(.reclaim, .untyped, .manage),
            Need(.untypedInformation, .untyped, .read),
            Need(.copy, .capabilityTable, .write), Need(.mint, .capabilityTable, .write),
            Need(.move, .capabilityTable, .write), Need(.delete, .capabilityTable, .write),
            Need(.revoke, .capabilityTable, .write), Need(.describe, .capabilityTable, .read),
            Need(.configure, .thread, .manage), Need(.setPriority, .thread, .write),
            Need(.setSlice, .thread, .manage), Need(.resume, .thread, .write),
            Need(.suspend, .thread, .write),
            Need(.readRegisters, .thread, .read), Need(.writeRegisters, .thread, .write),
            Need(.setEntry, .thread, .write), Need(.bindNotification, .thread, .write),
            Need(.threadInformation, .thread, .read),
            Need(.map, .addressSpace, .manage), Need(.attachTable, .addressSpace, .manage),
            Need(.frameInformation, .frame, .manage), Need(.maintainCache, .frame, .manage),
            Need(.bindServer, .endpoint, .manage), Need(.close, .endpoint, .manage),
            Need(.loanRead, .reply, .read), Need(.loanWrite, .reply, .read),
            Need(.bindAbandonment, .reply, .manage),
            Need(.createInterrupt, .interruptControl, .manage),
            Need(.bindInterrupt, .interrupt, .manage),
            Need(.acknowledge, .interrupt, .manage), Need(.interruptInformation, .interrupt, .read),
            Need(.bindTimer, .timer, .manage), Need(.arm, .timer, .manage),
            Need(.cancelTimer, .timer, .manage),
            Need(.consoleWrite, .systemControl, .write), Need(.statistics, .systemControl, .read),
            Need(.resetStatistics, .systemControl, .manage),
            Need(.createASIDPool, .asidControl, .manage),
        ]
        for index in needs.indices { try c.refusals(needs[index], objects, [0, 0, 0, 0]) }
        let others: InlineArray<5, Need> = [
            Need(.unmap, .addressSpace, .manage), Need(.protect, .addressSpace, .manage),
            Need(.powerOff, .systemControl, .manage), Need(.reboot, .systemControl, .manage),
            Need(.trace, .systemControl, .execute),
        ]
        for index in others.indices { try c.refusals(others[index], objects, [0, 0, 0, 0]) }
    }
    runner.test("error.further-capabilities") { c throws(Failure) in
        let objects = try Objects(&c)
        let none = UInt64(Slot.none.index)
        let needs: InlineArray<14, Need> = [
            Need(.configure, .capabilityTable, .write, register: 1),
            Need(.configure, .addressSpace, .manage, register: 2),
            Need(.configure, .frame, .read, register: 3),
            Need(.configure, .frame, .write, register: 3),
            Need(.configure, .endpoint, .write, register: 4),
            Need(.configure, .endpoint, .handleFaults, register: 4),
            Need(.bindNotification, .notification, .manage, register: 1),
            Need(.bindServer, .thread, .write, register: 1),
            Need(.bindInterrupt, .notification, .manage, register: 1),
            Need(.bindTimer, .notification, .manage, register: 1),
            Need(.bindAbandonment, .notification, .manage, register: 1),
            Need(.map, .frame, .none, register: 1),
            Need(.attachTable, .pageTable, .manage, register: 1),
            Need(.retype, .capabilityTable, .write, register: 3),
        ]
        for index in needs.indices {
            let need = needs[index]
            switch need.method {
            case .configure:
                try c.refusals(
                    need, objects, object: objects.slot(.thread), [none, none, none, none])
            case .bindNotification:
                try c.refusals(need, objects, object: objects.slot(.thread), [0, 0, 0, 0])
            case .bindServer:
                try c.refusals(need, objects, object: objects.slot(.endpoint), [0, 0, 0, 0])
            case .bindInterrupt:
                try c.refusals(need, objects, object: objects.slot(.interrupt), [0, 1, 0, 0])
            case .bindTimer:
                try c.refusals(need, objects, object: objects.slot(.timer), [0, 1, 0, 0])
            case .bindAbandonment:
                try c.refusals(need, objects, object: objects.slot(.reply), [0, 1, 0, 0])
            case .retype:
                let kind = UInt64(ObjectKind.endpoint.rawValue)
                try c.refusals(need, objects, object: objects.slot(.untyped), [kind, 1, 0, 3])
            default:
                try c.refusals(
                    need, objects, object: objects.slot(.addressSpace), [0, 0xa000_0000, 1, 0])
            }
        }
        // Nothing of all this was done.
        let thread = try c.information(Thread(objects.slot(.thread)))
        try c.equal(UInt64(thread.state.rawValue), UInt64(ThreadState.stopped.rawValue))
        let left = try c.succeed { () throws(KernelError) in
            try Untyped(objects.slot(.untyped)).information()
        }
        try c.equal(left.lowBytes | left.highBytes, 0)
    }
    runner.test("error.too-deep") { c throws(Failure) in
        let own = CapabilityTable.own
        var last = try c.make(.capabilityTable, sizeBits: 4)
        for _ in 0..<Limits.derivationDepth {
            let (next, source) = (c.slot(), last)
            try c.succeed { () throws(KernelError) in try own.copy(source, to: next) }
            last = next
        }
        let (deepest, over) = (last, c.slot())
        try c.refuse(.derivationTooDeep) { () throws(KernelError) in
            try own.mint(deepest, to: over, badge: 1)
        }
        let thread = try c.thread(priority: 1, { _ in endThread() })
        try c.refuse(.derivationTooDeep) { () throws(KernelError) in
            try thread.configure(table: deepest)
        }
    }
    runner.test("error.arguments") { c throws(Failure) in
        let objects = try Objects(&c)
        let (thread, timer) = (Thread(objects.slot(.thread)), Timer(objects.slot(.timer)))
        let invalid = UInt64(KernelError.invalidArgument.rawValue)
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try thread.setSlice(Duration(ticks: 1 << 62))
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try thread.setPriority(9, maximum: 8)
        }
        var words = RegisterMessage(256, 256).words
        var raw = rawSystemCall(
            ControlWord(invoke: .setPriority, thread.slot).raw, 256, 256, &words)
        try c.equal(raw.result, invalid, "priority 256")
        raw = rawSystemCall(
            ControlWord(invoke: .maintainCache, objects.slot(.frame)).raw, 4, 0, &words)
        try c.equal(raw.result, invalid, "cache operation 4")
        raw = rawSystemCall(
            ControlWord(invoke: .consoleWrite, RootSlot.systemControl).raw, 65, 0, &words)
        try c.equal(raw.result, invalid, "65 characters")
        try c.refuse(.wrongState) { () throws(KernelError) in try timer.arm(.now) }
        try c.refuse(.wrongState) { () throws(KernelError) in
            try thread.resume(); try thread.resume()
        }
        let small = Untyped(try c.make(.untyped, sizeBits: 12))
        try c.succeed { () throws(KernelError) in
            try small.retype(.endpoint, count: 32, index: Slot(1000))
        }
        try c.refuse(.insufficientMemory) { () throws(KernelError) in
            try InterruptControl(RootSlot.interruptControl).create(
                line: 41, .level, from: small, index: Slot(1100))
        }
    }
    runner.test("error.messages") { c throws(Failure) in
        let objects = try Objects(&c)
        let endpoint = Endpoint(objects.slot(.endpoint))
        let reply = Reply(objects.slot(.reply))
        let (none, far) = (RegisterMessage(), Slot(1 << 20))
        let notification = Notification(objects.slot(.notification))
        let mute = try c.succeed { () throws(KernelError) in
            try objects.weaken(.endpoint, without: .write)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in try Endpoint(mute).send(none) }
        try c.refuse(.missingRights) { () throws(KernelError) in try Endpoint(mute).call(none) }
        let deaf = try c.succeed { () throws(KernelError) in
            try objects.weaken(.endpoint, without: .read)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Endpoint(deaf).receive(reply: reply)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Endpoint(deaf).replyAndReceive(none, reply: reply)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Endpoint(notification.slot).send(none)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Endpoint(notification.slot).replyAndReceive(none, reply: reply)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try endpoint.replyAndReceive(none, reply: Reply(notification.slot))
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Notification(endpoint.slot).poll()
        }
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try endpoint.receive(reply: Reply(far))
        }
        var words = none.words
        let long = ControlWord(.send, endpoint.slot, length: 129)
        try c.equal(
            rawSystemCall(long.raw, 0, ~0, &words).result & 0xff,
            UInt64(KernelError.invalidArgument.rawValue), "129 words")
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try endpoint.send(none, Attachment(objects.empty))
        }
        try c.refuse(.timedOut) { () throws(KernelError) in
            try endpoint.replyAndReceive(none, reply: reply, deadline: .after(milliseconds: 1))
        }
        try c.succeed { () throws(KernelError) in try endpoint.close() }
        try c.refuse(.peerDied) { () throws(KernelError) in try endpoint.send(none) }
    }
}
