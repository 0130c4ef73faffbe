// The threads of a task: its first one, and those that its runtime started, which the task's own
// table holds (`StartSlot.thread`).

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// One of a task's threads.
enum TaskThread: Equatable {
    case first
    /// The one in a place of `TaskAddress.threads`.
    case started(Int)

    /// All that a task can have.
    static var count: Int { 1 + Thread.maximumCount }
    init(_ index: Int) { self = index == 0 ? .first : .started(index - 1) }
}

extension Factory {
    /// Calls `body` with a thread of a task.
    ///
    /// - Throws: `invalidCapability`, `wrongKind` where the task has no such thread.
    func with<Result>(
        _ thread: TaskThread, of number: Int, _ body: (Thread) throws(KernelError) -> Result
    ) throws(KernelError) -> Result {
        guard case .started(let place) = thread else {
            return try body(Thread(slots.task(number).thread))
        }
        return try slots.outgoing.use { (slot) throws(KernelError) in
            try CapabilityTable(slots.task(number).table).copy(
                StartSlot.thread(place), to: slot, in: .own)
            return try body(Thread(slot))
        }
    }

    /// The first of a task's threads for which `isWanted` holds.
    ///
    /// - Complexity: a look at each; at one, if the task has no memory for others.
    private func thread(
        of number: Int, where isWanted: (Thread.Information) -> Bool
    ) -> TaskThread? {
        let count = tasks[number].description.startsThreads ? TaskThread.count : 1
        for index in 0..<count {
            let information = try? with(TaskThread(index), of: number) {
                (thread) throws(KernelError) in try thread.information()
            }
            if let information, isWanted(information) { return TaskThread(index) }
        }
        return nil
    }

    /// The thread that stands in a fault at this place of the program, with this stack pointer.
    func faultedThread(
        of number: Int, programCounter: UInt64, stackPointer: UInt64
    ) -> TaskThread? {
        thread(of: number) {
            $0.state == .faulted && $0.programCounter == programCounter
                && $0.stackPointer == stackPointer
        }
    }

    /// Whether any thread of a task stands in a fault.
    func isFaulted(_ number: Int) -> Bool {
        if tasks[number].phase != .running { return false }
        return thread(of: number) { $0.state == .faulted } != nil
    }

    /// The first thread from a place on that runs a body, and its name.
    func namedThread(of number: Int, from first: Int) -> (place: Int, name: Name)? {
        let task = tasks[number]
        if task.phase != .running || !task.description.startsThreads { return nil }
        // The highest page of the stack. The task writes there: it may be anything.
        let page = Slot(task.stackStart + UInt32(task.stackPages) - 1)
        let holding = CapabilityTable(slots.task(number).holding)
        let found = unsafe try? window.look(at: page, in: holding) {
            words -> (place: Int, name: Name)? in
            for place in min(first, Thread.maximumCount)..<Thread.maximumCount {
                // Safety: the names of 16 threads end with the page.
                let at = Int(TaskAddress.threadNames % 4096 / 8) + 4 * place
                let name = unsafe Name(words[at], words[at + 1], words[at + 2], words[at + 3])
                if !name.isEmpty { return (place, name.printable) }
            }
            return nil
        }
        return found ?? nil
    }

    /// The name of a thread that a task started; empty for another one.
    func name(of thread: TaskThread, in number: Int) -> Name {
        guard case .started(let place) = thread,
            let found = namedThread(of: number, from: place), found.place == place
        else { return .empty }
        return found.name
    }

    /// Lets the faults of a running task's threads go where its own `faultHandler` leads, and
    /// those of the threads that it will start.
    func giveFaultHandler(_ number: Int) throws(FactoryFailure) {
        let place = slots.task(number)
        let handler = place.faultHandler
        do throws(KernelError) {
            try Thread(place.thread).configure(faultHandler: handler)
            if !tasks[number].description.startsThreads { return }
            let table = CapabilityTable(place.table)
            if try table.describe(StartSlot.faultHandler).kind == .null {
                try CapabilityTable.own.copy(
                    handler, to: StartSlot.faultHandler, in: table,
                    rights: .write | .handleFaults)
            }
        } catch { throw FactoryFailure(.kernel(error)) }
        for index in 1..<TaskThread.count {
            // Most places have no thread.
            try? with(TaskThread(index), of: number) { (thread) throws(KernelError) in
                try thread.configure(faultHandler: handler)
            }
        }
    }
}

extension ListedThread {
    init(_ thread: ThreadDescription) {
        let name = thread.name
        self.init(
            name: [name.word0, name.word1, name.word2, name.word3], priority: thread.priority,
            core: thread.core, stackBytes: thread.stackBytes)
    }
}
