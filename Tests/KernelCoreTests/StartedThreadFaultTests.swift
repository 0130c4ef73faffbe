// Faults of threads that a task started: the root task finds them, reports them while there is no
// supervisor, and hands them to the next one.

import CUserEntry
import Interfaces
import KernelABI
import Protocols
import ServiceCores
import Testing

@testable import KernelCore
@testable import RootTask
@testable import UserRuntime

@Suite struct StartedThreadFaultTests {
    /// Three running tasks, of which the first is the supervisor, and the second may ask.
    private func makeFactory(_ machine: RootMachine) throws -> Factory {
        var factory = try machine.makeFactory()
        for number in 0..<3 { try factory.start(number) }
        return factory
    }

    /// A thread that a task started in a place, as its runtime does it; more urgent than the tasks.
    private func startThread(
        _ machine: RootMachine, _ factory: borrowing Factory, of number: Int, place: Int
    ) throws -> TestThread {
        let system = machine.system
        let task = factory.slots.task(number)
        let table = CapabilityTable(task.table)
        let (own, handler) = (Slot(system.allocateSlot()), Slot(system.allocateSlot()))
        try Untyped(task.untyped).retype(
            .thread, table: task.table, index: StartSlot.thread(place))
        try table.copy(StartSlot.thread(place), to: own, in: .own)
        try table.copy(StartSlot.faultHandler, to: handler, in: .own)
        let thread = UserRuntime.Thread(own)
        try thread.configure(table: task.table, addressSpace: task.space, faultHandler: handler)
        try thread.setPriority(240, maximum: 255)
        try thread.setEntry(
            programCounter: 0x40_0000, stackPointer: 0x2401_e000, argument: 0, threadPointer: 0)
        try thread.resume()
        let ref = try #require(system.object(own.index, as: KernelThread.self))
        return TestThread(slot: own.index, ref: ref)
    }

    /// Lets the thread run into a fault, and goes on as the root task.
    private func fault(_ machine: RootMachine, _ thread: TestThread) {
        machine.system.go()
        machine.system.fault(thread)
        machine.system.wakeRoot()
        #expect(machine.system.state(thread) == .faulted)
    }

    /// A fault that no supervisor was told of: the next one sees it at its first look.
    @Test func aFaultWithoutASupervisorShows() throws {
        let machine = try RootMachine()
        var factory = try makeFactory(machine)
        let thread = try startThread(machine, factory, of: 1, place: 15)
        // Behind the words of the name, and the phase.
        func state() throws -> UInt64 {
            try #require(machine.answer(&factory, .inspection, [1, 2]))[4]
        }
        try factory.kill(0)
        #expect(try state() != UInt64(ThreadState.faulted.rawValue))
        fault(machine, thread)
        #expect(try state() == UInt64(ThreadState.faulted.rawValue))
        #expect(machine.areScratchSlotsEmpty)
    }

    /// The root task, which takes the faults from then on, ends the task.
    @Test func aFaultBeforeTheRootTaskWatches() throws {
        let machine = try RootMachine()
        var factory = try makeFactory(machine)
        let thread = try startThread(machine, factory, of: 1, place: 2)
        try factory.kill(0)
        fault(machine, thread)
        factory.watch(true)
        #expect(factory.tasks[1].phase == .dead)
        #expect(factory.tasks[2].phase == .running)
        #expect(machine.areScratchSlotsEmpty)
    }

    /// A thread that is in none of its task's places: its fault is the task's all the same.
    @Test func aFaultOfAThreadThatIsNotFound() throws {
        let machine = try RootMachine()
        var factory = try makeFactory(machine)
        let words = SwiftletWords(
            w0: UInt64(FaultKind.pageRead.rawValue), w1: 0x1000, w2: 8, w3: 0, w4: 0x2000, w5: 0,
            w6: 0, w7: 0)
        let fault = Received(SwiftletResult(result: 0, badge: 2, loan: 0), words, length: 8)
        // The supervisor takes faults: it comes again, to the supervisor.
        #expect(factory.faulted(fault) == .retry)
        #expect(factory.tasks[1].phase == .running)
        factory.watch(true)
        #expect(factory.faulted(fault) == .stop)
        #expect(factory.tasks[1].phase == .dead && factory.tasks[2].phase == .running)
        #expect(machine.areScratchSlotsEmpty)
    }

    /// Whoever takes the faults of a task takes those of all its threads.
    @Test func theHandlerOfStartedThreadsFollows() throws {
        let machine = try RootMachine()
        var factory = try makeFactory(machine)
        let before = try startThread(machine, factory, of: 1, place: 0)
        factory.watch(true)
        let during = try startThread(machine, factory, of: 2, place: 7)
        // The root task's own endpoint takes it.
        fault(machine, before)
        let spare = CallerPool.start
        let told = try Endpoint(factory.own).receive(reply: spare, deadline: .immediately)
        #expect(told.delivery == .fault && told.badge == 2)
        try spare.reply(RegisterMessage(FaultReply.stop.rawValue))
        factory.watch(false)
        fault(machine, during)
        #expect(throws: (any Error).self) {
            try Endpoint(factory.own).receive(reply: spare, deadline: .immediately)
        }
        let supervisor = Endpoint(factory.slots.task(0).endpoint)
        let fault = try supervisor.receive(reply: spare, deadline: .immediately)
        #expect(fault.delivery == .fault && fault.badge == 3)
        // Threads that a task starts from now on.
        let after = try startThread(machine, factory, of: 1, place: 4)
        try spare.reply(RegisterMessage(FaultReply.stop.rawValue))
        self.fault(machine, after)
        let last = try supervisor.receive(reply: spare, deadline: .immediately)
        #expect(last.delivery == .fault && last.badge == 2)
        #expect(machine.areScratchSlotsEmpty)
    }

    /// The names that a task writes for its threads, whatever stands there.
    @Test func threadsHaveNames() throws {
        let machine = try RootMachine()
        var factory = try makeFactory(machine)
        let thread = try startThread(machine, factory, of: 1, place: 3)
        _ = try startThread(machine, factory, of: 1, place: 9)
        func ask(from place: UInt64) throws -> (result: UInt64, name: Name, place: UInt64) {
            let answer = try #require(machine.answer(&factory, .inspection, [2, 2, place]))
            if answer[0] != 0 { return (answer[0], .empty, 0) }
            return (0, Name(answer[3], 0, 0, 0), answer[1])
        }
        let nobody = 0x1_0000 | UInt64(RootError.nothingThere.rawValue)
        #expect(try ask(from: 0).result == nobody)
        // The highest page of the task's stack.
        let task = factory.tasks[1]
        let page = Slot(task.stackStart + UInt32(task.stackPages) - 1)
        let holding = CapabilityTable(factory.slots.task(1).holding)
        // The model's window shows one page of the host, whatever is mapped there.
        machine.window.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
        #expect(try ask(from: 0).result == nobody)
        func write(_ place: Int, _ word: UInt64) throws {
            try factory.window.look(at: page, in: holding) {
                $0[Int(TaskAddress.threadNames % 4096) / 8 + 4 * place] = word
            }
        }
        try write(3, 0x1b_6261)
        try write(9, 0x63)
        // A name of a place that has no thread.
        try write(15, 0x64)
        #expect(try ask(from: 0) == (0, Name("ab?"), 3))
        #expect(try ask(from: 3) == (0, Name("ab?"), 3))
        #expect(try ask(from: 4) == (0, Name("c"), 9))
        #expect(try ask(from: 10).result == nobody)
        for place: UInt64 in [16, 17, 255] { #expect(try ask(from: place).result == nobody) }
        fault(machine, thread)
        #expect(factory.name(of: .started(3), in: 1) == Name("ab?"))
        #expect(factory.name(of: .started(4), in: 1) == .empty)
        #expect(factory.name(of: .first, in: 1) == .empty)
        #expect(machine.areScratchSlotsEmpty)
    }

    /// A thread is found by what the kernel says of it: its stack pointer may be any number.
    @Test(arguments: [0x2401_e000, TaskAddress.stackTop, 0, ~0] as [UInt64])
    func aFaultedThreadIsFound(stackPointer: UInt64) throws {
        let machine = try RootMachine()
        var factory = try makeFactory(machine)
        let others = try [0, 3].map { try startThread(machine, factory, of: 1, place: $0) }
        let thread = try startThread(machine, factory, of: 1, place: 5)
        for other in others { machine.system.perform(.suspend, other.slot) }
        for any in others + [thread] { any.ref.pointee.context.stackPointer = stackPointer }
        thread.ref.registers[30] = 0x1234
        fault(machine, thread)
        let words: [UInt64] = [
            9, 2, UInt64(FaultKind.pageRead.rawValue), 8, 0, thread.ref.programCounter,
            stackPointer,
        ]
        let answer = try #require(machine.answer(&factory, .tasks, words))
        #expect(answer[0] == 0)
        #expect(answer[2] == 0x1234)
    }
}
