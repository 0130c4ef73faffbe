// The root task's factory on the kernel core, on the host.

import CUserEntry
import Foundation
import KernelABI
import Protocols
import ServiceCores
import Testing
import UserRuntime

@testable import KernelCore
@testable import RootTask

/// A root task on a machine of its own. Its calls go to the kernel core, and one of them may fail.
final class RootMachine {
    static let firstFree: UInt32 = 64
    let system = TestSystem()
    /// The calls so far that can fail, and the number of the one that fails.
    var calls = 0
    var failing: Int?
    /// The request that the root task's server receives next, in the kernel's place.
    private var request: (badge: UInt64, words: [UInt64])?
    private var isServing = false
    /// What the server answered.
    private var answers: [[UInt64]] = []
    /// Whether the request comes again and again, as from tasks of other cores, and how often at
    /// most.
    private var repeats = 0
    /// Done before the root task looks for the next request.
    var beforeReceive: () -> Void = {}
    private let file = RootMachine.elfFile()
    private let bundle: UnsafeMutablePointer<UInt8>
    let window: UnsafeMutableRawPointer

    init() throws {
        system.inspectionPeriod = 16
        let size = 0x1000 + file.count
        bundle = .allocate(capacity: size)
        bundle.initialize(repeating: 0, count: size)
        for (index, byte) in file.enumerated() { bundle[0x1000 + index] = byte }
        let words = UnsafeMutableRawPointer(bundle).assumingMemoryBound(to: UInt64.self)
        words[Bundle.entryCountOffset / 8] = 1
        let entry = Bundle.entriesOffset / 8
        words[entry] = 0x1000
        words[entry + 1] = UInt64(file.count)
        let name = Name("Program")
        (words[entry + 2], words[entry + 3]) = (name.word0, name.word1)
        window = try #require(RootMachine.mapWindow())
        let context = Unmanaged.passUnretained(self).toOpaque()
        let found = system.root.ref.pointee.buffer
        let buffer = try #require(found)
        swiftlet_model_kernel(
            { context, registers in
                Unmanaged<RootMachine>.fromOpaque(context).takeUnretainedValue().call(registers)
            }, context, IPCBuffer.threadPointer(UInt64(buffer.bits)))
    }
    deinit {
        bundle.deallocate()
        munmap(window, 4096)
    }

    /// A page of the host below the end of user addresses, as the root task's window is.
    private static func mapWindow() -> UnsafeMutableRawPointer? {
        for place in stride(from: UInt(1) << 32, to: UInt(Limits.userEnd), by: 1 << 32) {
            guard
                let page = mmap(
                    UnsafeMutableRawPointer(bitPattern: place), 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), page != MAP_FAILED
            else { return nil }
            if UInt(bitPattern: page) < UInt(Limits.userEnd) { return page }
            munmap(page, 4096)
        }
        return nil
    }

    /// Lets the root task serve a client's request, and returns what it answered.
    func answer(
        _ factory: inout Factory, _ service: RootService, _ words: [UInt64], from task: UInt64 = 2,
        methods: UInt32 = .max
    ) -> [UInt64]? {
        let badge = ClientBadge(task: task, methods: methods, resources: service.rawValue)
        request = (badge.raw, words)
        (isServing, answers) = (true, [])
        factory.answerWaiting()
        while factory.performLoad() {}
        isServing = false
        return answers.count == 1 ? answers[0] : nil
    }

    /// Lets the root task do something while clients of other cores ask without a pause.
    ///
    /// - Returns: how many requests it has answered meanwhile, 10,000 at most.
    func flood(_ factory: inout Factory, _ work: (inout Factory) -> Void) -> Int {
        let badge = ClientBadge(task: 3, resources: RootService.inspection.rawValue)
        request = (badge.raw, [4, 1])
        (isServing, answers, repeats) = (true, [], 10_000)
        work(&factory)
        (isServing, repeats, request) = (false, 0, nil)
        return answers.count
    }
    private func receive(_ control: ControlWord, _ registers: UnsafeMutablePointer<UInt64>) {
        if control.systemCall == .replyAndReceive { answers.append(words(control, registers)) }
        guard let (badge, words) = request else {
            registers[0] = ResultWord(error: .timedOut).raw
            return
        }
        if repeats == 0 { request = nil } else { repeats -= 1 }
        registers[0] = ResultWord(.message, message: UInt64(words.count) << 32).raw
        (registers[1], registers[2]) = (badge, 0)
        for (index, word) in words.enumerated() {
            if index < 8 { registers[3 + index] = word } else { buffer[index] = word }
        }
    }
    private func words(
        _ control: ControlWord, _ registers: UnsafeMutablePointer<UInt64>
    ) -> [UInt64] {
        (0..<control.length).map { $0 < 8 ? registers[3 + $0] : buffer[$0] }
    }
    /// The root task's IPC buffer.
    private var buffer: UnsafeMutablePointer<UInt64> {
        let bits = system.root.ref.pointee.buffer?.bits ?? 0
        return UnsafeMutablePointer(bitPattern: UInt(bits))!
    }

    /// `delete` and `reclaim` free memory and slots, and a `receive` takes none: they cannot lack
    /// any.
    private func call(_ registers: UnsafeMutablePointer<UInt64>) {
        let control = ControlWord(raw: registers[0])
        let isReceive =
            control.systemCall == .receive || control.systemCall == .replyAndReceive
        let isInvocation = control.systemCall == .invoke
        let isFree = isInvocation && (control.method == .delete || control.method == .reclaim)
        if isReceive { beforeReceive() }
        if isServing && isReceive { return receive(control, registers) }
        if isServing && isInvocation && control.method == .bindAbandonment {
            registers[0] = 0
            registers[3] = 1
            return
        }
        if !isReceive && !isFree {
            calls += 1
            if calls - 1 == failing {
                registers[0] = UInt64(KernelError.insufficientMemory.rawValue)
                return
            }
        }
        if isServing && control.systemCall == .reply {
            answers.append(words(control, registers))
            registers[0] = 0
            return
        }
        let x = system.root.ref.registers
        rest()
        for index in 0...10 { x[index] = registers[index] }
        system.trap(system.root.ref)
        for index in 0...10 { registers[index] = x[index] }
    }

    /// Lets a task that the root task has started, and that is more urgent, wait at its
    /// notification.
    private func rest() {
        while !system.isRootAsleep, let running = system.running, running != system.root.ref {
            let thread = TestThread(slot: 0, ref: running)
            system.setRegisters(
                thread, ControlWord(.wait, StartSlot.notification).raw, 0, TestSystem.never)
            system.trap(running)
        }
    }

    /// The factory as the root task makes it at boot, with two tasks in its list.
    func makeFactory(_ change: (inout TaskDescription) -> Void = { _ in }) throws -> Factory {
        var boot = BootInformation()
        boot.firstFreeSlot = UInt64(RootMachine.firstFree)
        boot.slotCount = UInt64(system.rootTable.pointee.count)
        boot.firstFreeAddress = UInt64(UInt(bitPattern: window))
        boot.bundleAddress = UInt64(UInt(bitPattern: bundle))
        boot.bundleSize = UInt64(0x1000 + file.count)
        var slots = RootSlots(
            firstFree: RootMachine.firstFree, count: UInt32(boot.slotCount), heapPages: 64)
        var memory = RootMemory(boot: boot)
        memory.add(UntypedRegion(physicalBase: 0x4080_0000, sizeBits: 23, isDevice: 0))
        memory.add(UntypedRegion(physicalBase: 0x900_0000, sizeBits: 16, isDevice: 1))
        let root = RootWindow(address: boot.firstFreeAddress, frame: slots.window)
        let places = (slots.own(), slots.own(), slots.own(), slots.own())
        let first = try #require(places.0)
        let own = try #require(places.1)
        let pool = try #require(places.2)
        let names = try #require(places.3)
        try memory.make(.frame, sizeBits: 12, at: first)
        try mapOwn(first, at: root.address, &memory, &slots)
        #expect(
            system.perform(.unmap, RootSlot.addressSpace.index, UInt64(first.index)).error == nil)
        try memory.make(.endpoint, at: own)
        try memory.makePool(at: pool)
        try memory.make(.frame, sizeBits: 12, at: names)
        var factory = Factory(
            boot: boot, bundle: BundleReader(boot: boot),
            manifestFile: UnsafeBufferPointer(start: nil, count: 0), memory: memory, slots: slots,
            window: root, own: own, asidPool: .init(pool), namesPage: names,
            stack: ModelStack().stack)
        for name in ["supervisor", "first", "second"] as [StaticString] {
            var description = RootMachine.description(Name(name))
            if name.utf8CodeUnitCount == 5 { change(&description) }
            _ = try factory.list(TaskState(description))
        }
        // A device with a page of registers and an interrupt line.
        factory.tasks[1].device.registers = [(0x900_0000, 4096)]
        factory.tasks[1].device.lines = [(40, .level)]
        try factory.openServer()
        calls = 0
        return factory
    }

    /// A task that has some of everything.
    private static func description(_ name: Name) -> TaskDescription {
        var description = TaskDescription(name: name, binary: Name("Program"))
        description.provides = name
        description.priority = 20
        description.maximumPriority = 20
        description.stackBytes = 8192
        description.heapBytes = 8192
        description.persistentBytes = 8192
        description.arenaBits = 17
        description.untypedBits = 14
        description.heartbeat = 1000
        description.opens = [ServiceAccess(Name("supervisor")), ServiceAccess(Name("tasks"))]
        return description
    }

    /// Whether nothing is in the scratch slots.
    var areScratchSlotsEmpty: Bool {
        (RootMachine.firstFree..<RootMachine.firstFree + 4).allSatisfy {
            system.capability($0).pointee.object == nil
        }
    }
    /// Bytes of the region that a slot names which are taken.
    func takenBytes(_ slot: UInt32) -> UInt64 {
        if system.capability(slot).pointee.object == nil { return 0 }
        let information = system.perform(.untypedInformation, slot).words
        return information[2] + information[3]
    }

    /// An ELF file for AArch64 with a page of code and a page of data.
    private static func elfFile() -> [UInt8] {
        var file = [UInt8](repeating: 0, count: 0x3000)
        func put(_ value: UInt64, _ bytes: Int, at offset: Int) {
            for index in 0..<bytes {
                file[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
            }
        }
        put(0x0001_0102_464c_457f, 8, at: 0)
        put(2, 2, at: 16)
        put(183, 2, at: 18)
        put(1, 4, at: 20)
        put(0x40_0000, 8, at: 24)
        put(64, 8, at: 32)
        put(64, 2, at: 52)
        put(56, 2, at: 54)
        put(2, 2, at: 56)
        for (index, flags) in [UInt64(5), 6].enumerated() {
            let header = 64 + 56 * index
            let start = UInt64(0x1000 * (index + 1))
            put(1, 4, at: header)
            put(flags, 4, at: header + 4)
            put(start, 8, at: header + 8)
            put(0x40_0000 + start - 0x1000, 8, at: header + 16)
            put(0x1000, 8, at: header + 32)
            put(0x1000, 8, at: header + 40)
            put(0x1000, 8, at: header + 48)
        }
        return file
    }
}
