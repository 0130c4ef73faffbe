// The service `tasks`: it checks requests, and the factory performs them.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// Performs a request; of a failure, the client learns the cause.
func answering<Result>(
    _ work: () throws(FactoryFailure) -> Result
) throws(RootError) -> Result {
    do throws(FactoryFailure) { return try work() } catch { throw error.cause }
}

extension Factory: TasksServer {
    mutating func start(
        _ name: FixedString<32>, _ caller: consuming Caller<StartedTask, RootError>
    ) {
        add(.start(Name(name.nameWords)), caller)
    }
    mutating func restart(
        _ task: UInt16, argument: FixedString<32>,
        _ caller: consuming Caller<StartedTask, RootError>
    ) {
        add(.restart(task, argument: Name(argument.nameWords)), caller)
    }
    mutating func begin(_ task: UInt16, _ client: ClientBadge) throws(RootError) {
        try answering { () throws(FactoryFailure) in try begin(try index(of: task)) }
    }
    mutating func kill(_ task: UInt16, _ client: ClientBadge) throws(RootError) {
        try answering { () throws(FactoryFailure) in
            let number = try index(of: task)
            try kill(number)
            note("kill", number, by: client)
        }
    }
    mutating func crash(_ task: UInt16, _ client: ClientBadge) throws(RootError) {
        try answering { () throws(FactoryFailure) in
            let number = try index(of: task)
            try crash(number)
            note("crash", number, by: client)
        }
    }
    mutating func hang(_ task: UInt16, _ client: ClientBadge) throws(RootError) {
        try answering { () throws(FactoryFailure) in
            let number = try index(of: task)
            try hang(number)
            note("hang", number, by: client)
        }
    }
    mutating func move(
        _ task: UInt16, to core: UInt8, _ client: ClientBadge
    ) throws(RootError) {
        try answering { () throws(FactoryFailure) in try move(try index(of: task), to: core) }
    }
    mutating func stop(
        _ task: UInt16, _ client: ClientBadge
    ) throws(RootError) -> StoppedThread {
        try answering { () throws(FactoryFailure) in
            let number = try index(of: task)
            return stoppedThread(number, try stop(number))
        }
    }
    mutating func examine(
        _ task: UInt16, _ fault: ThreadFault, _ client: ClientBadge
    ) throws(RootError) -> StoppedThread {
        try answering { () throws(FactoryFailure) in try examine(try index(of: task), fault) }
    }

    private func examine(
        _ number: Int, _ fault: ThreadFault
    ) throws(FactoryFailure) -> StoppedThread {
        let thread = faultedThread(
            of: number, programCounter: fault.programCounter, stackPointer: fault.stackPointer)
        guard let thread else { throw FactoryFailure(.wrongState) }
        let registers = try stop(number, thread)
        let cause = cause(
            number, thread, registers, fault.kind, address: fault.address,
            syndrome: fault.syndrome, stackPointer: fault.stackPointer)
        var stopped = stoppedThread(number, registers)
        stopped.cause = FixedString(cleaning: cause.words.span)
        stopped.saying = FixedString(cleaning: cause.saying.span)
        stopped.name = FixedString(name: name(of: thread, in: number).words)
        return stopped
    }

    private func stoppedThread(_ number: Int, _ registers: Thread.Registers) -> StoppedThread {
        var addresses = Items<UInt64, 10>()
        for address in returnAddresses(number, frame: registers.framePointer) {
            addresses.append(address)
        }
        return StoppedThread(
            programCounter: registers.programCounter, linkRegister: registers.linkRegister,
            addresses: addresses, cause: FixedString(), saying: FixedString(), name: FixedString())
    }

    /// Returns the index of the task that clients know by a number.
    func index(of task: UInt16) throws(FactoryFailure) -> Int {
        if task == 0 || Int(task) > tasks.count { throw FactoryFailure(.noSuchTask) }
        return Int(task) - 1
    }

    /// Tells the log which client had a task ended or broken. The supervisor tells its own reasons.
    private func note(_ what: StaticString, _ number: Int, by client: ClientBadge) {
        guard let caller = try? index(of: UInt16(client.task)),
            tasks[caller].service != Name("supervisor")
        else { return }
        var text = Text()
        text.add(tasks[number].name)
        text.add(": ")
        text.add(what)
        text.add(" asked for by ")
        text.add(tasks[caller].name)
        // The log takes one line of this task at a time, and that of the supervisor's restart
        // follows at once.
        if tasks[number].service == Name("supervisor") {
            console.line { $0.add(text.bytes) }
        } else {
            say(text.bytes)
        }
    }
}
