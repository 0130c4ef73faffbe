// What a task tries with its own thread, with threads that it makes, and with messages to itself.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// Slots of this task, behind those that it was started with.
private enum Own {
    private static func slot(_ number: UInt32) -> Slot { Slot(StartSlot.firstFree.index + number) }
    static var thread: Slot { slot(0) }
    static var copy: Slot { slot(1) }
    static var endpoint: Slot { slot(2) }
    static var second: Slot { slot(3) }
    static func service(_ number: UInt32) -> Slot { slot(4 + number) }
}

private func make(_ kind: ObjectKind, at slot: Slot) throws(KernelError) {
    try Untyped(StartSlot.untyped).retype(kind, index: slot)
}

/// Names each service as the handler of the task's own thread and of one that it made, then faults.
func takeHandlers() -> Never {
    let names = [Name("serial"), Name("gpio"), Name("devices")]
    var services = [
        StartSlot.log, StartSlot.names, StartSlot.supervisor, StartSlot.root(.inspection),
    ]
    for number in 0..<names.count {
        let (name, slot) = (names[number], Own.service(UInt32(number)))
        guard let text = FixedString<32>(name.bytes.span) else { continue }
        let opened = NamesClient(Endpoint(StartSlot.names))
        if (try? opened.open(text, waiting: false, bits: 0, to: slot, by: .patience)) != nil {
            services.append(slot)
        }
    }
    try? make(.thread, at: Own.thread)
    var refused: UInt64 = 0
    for service in services {
        for thread in [StartSlot.thread, Own.thread] {
            do throws(KernelError) { try Thread(thread).configure(faultHandler: service) } catch {
                if error == .missingRights { refused += 1 }
            }
        }
        // A copy with all rights has no more than its source.
        try? CapabilityTable.own.delete(Own.copy)
        try? CapabilityTable.own.copy(service, to: Own.copy, rights: .all)
        do throws(KernelError) { try Thread(Own.thread).configure(faultHandler: Own.copy) } catch {
            if error == .missingRights { refused += 1 }
        }
    }
    say("services", UInt64(services.count))
    say("handlers refused", refused)
    fatalError("handled by whom?")
}

/// Changes what is its maker's to change, and what is its own.
func changeLimits() {
    let own = Thread(StartSlot.thread)
    func error(_ work: () throws(KernelError) -> Void) -> UInt64 {
        do throws(KernelError) { try work() } catch { return UInt64(error.rawValue) }
        return 0
    }
    say("slice", error { () throws(KernelError) in try own.setSlice(Duration(ticks: 0)) })
    say("lower maximum", error { () throws(KernelError) in try own.setPriority(10, maximum: 10) })
    say("higher maximum", error { () throws(KernelError) in try own.setPriority(20, maximum: 31) })
    say("priority", error { () throws(KernelError) in try own.setPriority(15, maximum: 30) })
    say("parts", error { () throws(KernelError) in try own.configure(table: StartSlot.table) })
    say(
        "own thread",
        error { () throws(KernelError) in
            try make(.thread, at: Own.thread)
            try make(.endpoint, at: Own.endpoint)
            let made = Thread(Own.thread)
            try made.configure(
                table: StartSlot.table, addressSpace: StartSlot.addressSpace,
                faultHandler: Own.endpoint)
            try made.setPriority(5, maximum: 10)
            try made.setSlice(.milliseconds(1))
        })
    say("time", setTime())
}

/// Returns the refusal of a request that needs the right `time.set`.
private func setTime() -> UInt64 {
    do throws(SystemError) {
        let time = try TimeClient(opening: Slot(StartSlot.threads.index - 1))
        _ = try time.set(to: 1, source: .hand, error: 0)
        return 0
    } catch {
        if case .refused(let refusal) = error { return refusal.rawValue }
        return 99
    }
}

/// What the client's calls brought, each in its byte.
nonisolated(unsafe) private var answers: UInt64 = 0

/// Serves an endpoint of its own, and leaves a fault and two requests without an answer.
func stayMute(_ information: StartInformation) {
    do throws(KernelError) { try serveMute(information) } catch {
        say("mute: error", UInt64(error.rawValue))
    }
}

/// The stack of the second thread.
nonisolated(unsafe) private var secondStack = InlineArray<512, UInt64>(repeating: 0)

private func serveMute(_ information: StartInformation) throws(KernelError) {
    try make(.endpoint, at: Own.endpoint)
    try CapabilityTable.own.delete(StartSlot.endpoint)
    try CapabilityTable.own.copy(Own.endpoint, to: StartSlot.endpoint)
    try Endpoint(Own.endpoint).bindServer(Thread(StartSlot.thread))
    var server = Server(information)
    // It jumps to a null pointer.
    let faulter = try thread(Own.thread, entry: 0, stack: 0)
    say("fault delivered", server.next(by: .after(milliseconds: 50)) == nil ? 0 : 1)
    say("faulter", UInt64(try faulter.information().state.rawValue))
    let entry: @convention(c) (UInt64) -> Void = { _ in
        for _ in 0..<2 {
            let reply = try? Endpoint(Own.endpoint).call(RegisterMessage(77))
            unsafe answers = answers << 8 | (reply?[0] ?? 99)
        }
        while true { _ = try? Notification(StartSlot.notification).wait() }
    }
    let start = unsafe UInt64(UInt(bitPattern: unsafeBitCast(entry, to: UnsafeRawPointer.self)))
    let stack = unsafe withUnsafeMutablePointer(to: &secondStack) {
        unsafe UInt64(UInt(bitPattern: $0 + 1))
    }
    _ = try thread(Own.second, entry: start, stack: stack)
    var requests: UInt64 = 0
    while let request = server.next(by: .after(milliseconds: 50)) {
        if request.delivery == .message { requests += 1 }
    }
    say("requests", requests)
    say("refused", unsafe answers)
}

/// A thread of this task that runs when this one waits.
private func thread(_ slot: Slot, entry: UInt64, stack: UInt64) throws(KernelError) -> Thread {
    try make(.thread, at: slot)
    let thread = Thread(slot)
    try thread.configure(
        table: StartSlot.table, addressSpace: StartSlot.addressSpace, faultHandler: Own.endpoint)
    try thread.setPriority(20, maximum: 20)
    try thread.setEntry(programCounter: entry, stackPointer: stack, argument: 0, threadPointer: 0)
    try thread.resume()
    return thread
}
