// The machine under the kernel core in host tests. Memory is one allocation, time stands still
// until a test moves it, and a test can raise an interrupt at any step of a long operation.

import Foundation
import HardwareInterface
import KernelABI
import Synchronization

@testable import KernelCore

/// The memory of models. A new model takes the memory of one that has ended: to get fresh pages
/// from the host takes longer than most tests.
private enum ModelMemory {
    /// Addresses.
    private static let spare = Mutex<[UInt]>([])

    static func take() -> UnsafeMutableRawPointer {
        let found = spare.withLock { $0.popLast() }.flatMap(
            UnsafeMutableRawPointer.init(bitPattern:))
        return found ?? .allocate(byteCount: ModelState.ramBytes, alignment: 2 << 20)
    }
    static func give(_ memory: UnsafeMutableRawPointer) {
        spare.withLock { $0.append(UInt(bitPattern: memory)) }
    }
}

/// The model's state. `ModelHardware` refers to it, so that a test sees the kernel's actions.
final class ModelState {
    static let ramBase: UInt64 = 0x4000_0000
    static let ramBytes = 16 << 20

    let memory: UnsafeMutableRawPointer
    /// The first core's state, of another core: its memory and its clock are this one's, too.
    private let first: ModelState?
    /// All cores of the machine by number, if there are several.
    var cores: [ModelState] = []

    // Time
    private var clock: UInt64 = 1000
    var now: UInt64 {
        get { first?.clock ?? clock }
        set { if let first { first.clock = newValue } else { clock = newValue } }
    }
    var deadline: UInt64 = ~0
    var deadlineWrites = 0
    var isTimerDue: Bool { deadline <= now && deadline != ~0 }

    var asidBits = 16
    /// The translation of user addresses for the running thread.
    var translationBase: UInt64 = 0 {
        didSet { remembered.insert(UInt16(truncatingIfNeeded: translationBase >> 48)) }
    }
    /// ASIDs under which the processor may remember translations: each that was active since it was
    /// invalidated.
    private(set) var remembered: Set<UInt16> = []
    func forget(_ asid: UInt16) {
        invalidatedSpaces.append(asid)
        if UInt16(truncatingIfNeeded: translationBase >> 48) != asid { remembered.remove(asid) }
    }
    /// Returns the translation base of an address space. Its ASID must hold no translations of
    /// another one.
    func base(_ physical: UInt64, _ asid: UInt16) -> UInt64 {
        precondition(Int(asid) < 1 << asidBits, "the processor has no ASID \(asid)")
        precondition(
            asid == 0 || !remembered.contains(asid), "ASID \(asid) is used again, not invalidated")
        return physical | UInt64(asid) << 48
    }

    // Interrupts
    /// Lines whose device asks; `pulses` ask once.
    var asserted: Set<Int> = []
    var pulses: Set<Int> = []
    var enabled: Set<Int> = []
    /// Taken, and not opened since.
    var quiet: Set<Int> = []
    var opened: [Int] = []
    /// Lines for which no interrupt object can be made.
    var reserved: Set<Int> = []
    /// An interrupt that goes away before it is taken; it appears when `queriesLeft` gets to 0, but
    /// not at the first query of an entry, since an interrupt that is pending by then comes before
    /// the entry.
    var isGhostPending = false
    var queriesLeft: Int?
    /// The number of queries after which it appears again.
    var ghostPeriod: Int?
    /// The query at which a line interrupts: the root task's, or another.
    var urgentAfter: Int?
    var urgentLine = TestSystem.rootLine
    var queries = 0
    var isFirstQuery = false
    /// What a test checks at each query.
    var onQuery: () -> Void = {}
    /// What a test checks where the kernel orders its stores.
    var onStoreOrder: () -> Void = {}
    /// Whether another core has sent an inter-processor interrupt.
    var isAsked = false
    /// How often one was sent to this core.
    var requests = 0
    /// The largest priority with which another core waits for the lock; -1: none waits. It comes to
    /// wait before the n-th query, and gets the lock when this core gives it up.
    var waiting = -1
    private var waitingAfter: (queries: Int, priority: Int)?
    /// The pages that the walker finds.
    var mappedPages: Set<UInt64> = []
    /// What the kernel told the interrupt controller: each line's urgency, and its core.
    var urgencies: [Int: UInt8] = [:]
    var routes: [Int: Int] = [:]
    func letWait(priority: Int, after queries: Int = 0) { waitingAfter = (queries, priority) }
    func passLock() { waiting = -1 }
    var fastInterrupts: UInt64 = 0
    var systemErrors: UInt64 = 0
    var takeable: Int? { asserted.union(pulses).intersection(enabled).subtracting(quiet).min() }

    // Work
    var zeroSteps = 0
    var largestZero = 0
    /// How many exchanges of a word fail from now on, as if another core came between.
    var refusedExchanges = 0
    /// What the other core does then.
    var onRefusal: () -> Void = {}
    var cacheSteps = 0
    var largestCache = 0
    var cacheOperations: [CacheOperation] = []
    var invalidatedPages: [(page: UInt64, asid: UInt16)] = []
    var invalidatedSpaces: [UInt16] = []
    var tablePublications = 0

    // Floating point: one register, v0, stands for all.
    static let registerOffset = 16
    var isFloatingPointEnabled = false
    var floatingPointRegister: UInt64 = 0
    var saves = 0
    var restores = 0

    // Machine
    /// Registers of other devices in pages of the kernel's, by the kernel's address.
    var registers: [UInt64: UInt32] = [:]
    var console: [UInt8] = []
    /// How many bytes the console takes before it is full.
    var consoleRoom = Int.max
    var consoleRefusals = 0
    var powerStatus: UInt64?
    var reboots = 0
    var spentCycles: UInt64 = 0

    /// The state of a further core of a machine.
    init(beside first: ModelState) {
        memory = first.memory
        self.first = first
        asidBits = first.asidBits
    }

    init() {
        first = nil
        memory = ModelMemory.take()
        // RAM does not hold zeros after power-up.
        memset(memory, 0xa5, 1 << 20)
        memset(memory + (8 << 20), 0xa5, 8 << 20)
    }
    deinit { if first == nil { ModelMemory.give(memory) } }

    func query() -> Bool {
        queries += 1
        if let left = urgentAfter {
            urgentAfter = left > 0 ? left - 1 : nil
            if left == 0 { pulses.insert(urgentLine) }
        }
        defer { isFirstQuery = false }
        if let left = queriesLeft {
            if left <= 0 && isFirstQuery {
                queriesLeft = 0
            } else if left <= 0 {
                isGhostPending = true
                queriesLeft = ghostPeriod
            } else {
                queriesLeft = left - 1
            }
        }
        if let (left, priority) = waitingAfter {
            waitingAfter = left > 0 ? (left - 1, priority) : nil
            if left == 0 { waiting = priority }
        }
        onQuery()
        return isInterruptPending || waiting >= 0
    }
}

extension ModelState {
    var isInterruptPending: Bool { isGhostPending || isAsked || isTimerDue || takeable != nil }
    /// Takes the interrupt that the processor would take now.
    func take() -> TakenInterrupt {
        if isGhostPending {
            isGhostPending = false
            return .nothing
        }
        if isAsked {
            isAsked = false
            return .nothing
        }
        if isTimerDue { return .timer }
        guard let line = takeable else { return .nothing }
        quiet.insert(line)
        pulses.remove(line)
        return .line(line)
    }
}

struct ModelHardware: Hardware {
    let state: ModelState
    static func coreState(_ known: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer { known }

    var now: Instant { Instant(ticks: state.now) }
    mutating func setDeadline(_ instant: Instant) {
        state.deadline = instant.ticks
        state.deadlineWrites += 1
    }
    var cycles: UInt64 { state.spentCycles }

    var interruptPending: Bool { state.query() }
    func takeInterrupt() -> TakenInterrupt { state.take() }
    func strayExceptions(
        isShared: Bool
    ) -> (fastInterrupts: UInt64, systemErrors: UInt64) {
        (state.fastInterrupts, state.systemErrors)
    }
    var lineCount: Int { 64 }
    func isAssignable(line: Int) -> Bool {
        line >= 32 && line < 64 && !state.reserved.contains(line)
    }
    mutating func enable(line: Int, trigger: Trigger) { state.enabled.insert(line) }
    mutating func disable(line: Int) { state.enabled.remove(line) }
    mutating func open(line: Int) {
        state.quiet.remove(line)
        state.opened.append(line)
    }

    func interrupt(core number: Int) {
        state.cores[number].isAsked = true
        state.cores[number].requests += 1
    }
    func setUrgency(_ priority: UInt8, ofLine line: Int) { state.urgencies[line] = priority }
    func route(line: Int, to core: Int) { state.routes[line] = core }
    func isWanted(above priority: Int) -> Bool { isOvertaken(at: priority) }
    func isOvertaken(at priority: Int) -> Bool { state.waiting > priority }
    func shouldPass(before priority: Int) -> Bool {
        priority < Limits.realTimeBand ? state.waiting >= 0 : state.waiting > priority
    }

    func kernelAddress(physical: UInt64) -> UnsafeMutableRawPointer {
        precondition(
            physical >= ModelState.ramBase
                && physical < ModelState.ramBase + UInt64(ModelState.ramBytes),
            "physical address \(String(physical, radix: 16)) is no RAM")
        return state.memory + Int(physical - ModelState.ramBase)
    }
    func physicalAddress(kernel: UnsafeMutableRawPointer) -> UInt64 {
        ModelState.ramBase + UInt64(kernel - state.memory)
    }
    func zero(_ start: UnsafeMutableRawPointer, bytes: Int) {
        precondition(UInt(bitPattern: start) % 64 == 0 && bytes % 64 == 0, "zeroing by 64 bytes")
        memset(start, 0, bytes)
        state.zeroSteps += 1
        state.largestZero = max(state.largestZero, bytes)
    }
    func replace(_ old: UInt32, by new: UInt32, at word: UnsafeMutablePointer<UInt32>) -> Bool {
        if state.refusedExchanges > 0 {
            state.refusedExchanges -= 1
            state.onRefusal()
            return false
        }
        if word.pointee != old { return false }
        word.pointee = new
        return true
    }
    func release(_ value: UInt32, at word: UnsafeMutablePointer<UInt32>) { word.pointee = value }
    func maintainCache(_ operation: CacheOperation, _ start: UnsafeMutableRawPointer, bytes: Int) {
        state.cacheSteps += 1
        state.largestCache = max(state.largestCache, bytes)
        state.cacheOperations.append(operation)
    }

    func readRegister(_ address: UInt64) -> UInt32 { state.registers[address] ?? ~0 }
    func writeRegister(_ address: UInt64, _ value: UInt32) { state.registers[address] = value }

    var asidBits: Int { state.asidBits }
    func translationBase(rootTable physical: UInt64, asid: UInt16) -> UInt64 {
        state.base(physical, asid)
    }
    func activate(translationBase: UInt64) { state.translationBase = translationBase }
    func orderLoads() {}
    func orderStores() { state.onStoreOrder() }
    func publishTableEntry() { state.tablePublications += 1 }
    func isMapped(_ address: UInt64) -> Bool { state.mappedPages.contains(address & ~4095) }
    func invalidate(page: UInt64, asid: UInt16) { state.invalidatedPages.append((page, asid)) }
    func invalidate(asid: UInt16) { state.forget(asid) }

    func setFloatingPoint(enabled: Bool) { state.isFloatingPointEnabled = enabled }
    func switchFloatingPoint(from old: UnsafeMutableRawPointer?, to new: UnsafeMutableRawPointer?) {
        precondition(old != nil || new != nil, "a switch of no registers")
        if let old {
            old.storeBytes(
                of: state.floatingPointRegister, toByteOffset: ModelState.registerOffset,
                as: UInt64.self)
            state.saves += 1
        }
        if let new {
            state.floatingPointRegister = new.load(
                fromByteOffset: ModelState.registerOffset, as: UInt64.self)
            state.restores += 1
        }
        state.isFloatingPointEnabled = new != nil
    }

    func writeConsole(_ byte: UInt8) { state.console.append(byte) }
    func offerConsole(_ byte: UInt8) -> Bool {
        if state.consoleRoom == 0 {
            state.consoleRefusals += 1
            return false
        }
        state.consoleRoom -= 1
        state.console.append(byte)
        return true
    }
    func powerOff(status: UInt64) { state.powerStatus = status }
    func reboot() { state.reboots += 1 }
}
