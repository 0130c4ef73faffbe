// The machine under the explored kernel. Its whole state is one plain value inside the arena, so
// that a snapshot of the arena holds it too.

import Foundation
import HardwareInterface
import KernelABI
import TestSupport

@testable import KernelCore

typealias KernelThread = TestSupport.KernelThread
typealias SeededGenerator = TestSupport.SeededGenerator

/// What all cores share besides memory.
struct BoardState {
    var now = Instants.start
    /// Interrupt lines by number: bit n is line `Lines.first` + n.
    var enabled: UInt64 = 0
    /// Taken, and not opened since.
    var quiet: UInt64 = 0
}

/// What happens before a look of the kernel for pending interrupts.
enum Event: UInt8, CaseIterable {
    /// The line interrupts.
    case line
    /// A tick passes, after which the timer may be due.
    case tick
    /// The inter-processor interrupt arrives that is on its way to this core.
    case request
    /// Another core comes to wait for the kernel's lock.
    case wanted
}

/// The state of a core's hardware, and the thread that it executes.
struct HardwareState {
    var deadline = ~UInt64(0)
    /// Interrupt lines that are to be taken by this core.
    var raised: UInt64 = 0
    /// Whether an inter-processor interrupt is on its way to this core.
    var isAsked = false
    /// Whether it has arrived in this step.
    var hasArrived = false
    var translationBase: UInt64 = 0
    var isFloatingPointEnabled = false
    /// One register, v0, stands for all.
    static let registerOffset = 16
    var floatingPointRegister: UInt64 = 0
    var running: Ref<KernelThread>?
    /// Whether the lock, which the core passed in its scheduling loop, is to come back to it next.
    var isGranted = false
    /// How often the kernel has looked for pending interrupts in this step.
    var looks = 0
    /// The look of this step before which something happens; -1: at none.
    var eventAtLook = -1
    var event = Event.line
    /// How urgently another core would wait for the lock; -1: none would.
    var rival = -1
    /// How urgently another core waits for the lock; -1: none waits.
    var waiting = -1
    var lookWatch = LookWatch()

    /// User code has taken over: what is about one step alone is over.
    mutating func endStep() {
        hasArrived = false
        (looks, eventAtLook, event) = (0, -1, .line)
        (rival, waiting) = (-1, -1)
        lookWatch = LookWatch()
    }
}

/// Instants are far from every other value, so that a word tells whether it is one.
enum Instants {
    static let start: UInt64 = 1 << 40
    static let span: UInt64 = 1 << 20
    /// Ticks of the counter in a second: a slice may be one tick.
    static let frequency: UInt64 = 100_000
}

enum Lines {
    /// `TestSystem` keeps line 32 for its root task.
    static let first = 33
    static let count = 64
    static func bit(_ line: Int) -> UInt64 { 1 << UInt64(line - first) }
}

/// The hardware of one core. Its state is in the arena.
struct ModelHardware: Hardware {
    static let ramBase: UInt64 = 0x4000_0000
    let number: Int
    let cores: UnsafeMutablePointer<HardwareState>
    let board: UnsafeMutablePointer<BoardState>
    let memory: UnsafeMutableRawPointer
    private var state: UnsafeMutablePointer<HardwareState> { cores + number }

    init(
        number: Int, cores: UnsafeMutablePointer<HardwareState>,
        board: UnsafeMutablePointer<BoardState>, memory: UnsafeMutableRawPointer
    ) {
        self.number = number
        self.cores = cores
        self.board = board
        self.memory = memory
    }

    var now: Instant { Instant(ticks: board.pointee.now) }
    mutating func setDeadline(_ instant: Instant) { state.pointee.deadline = instant.ticks }
    var cycles: UInt64 { 0 }
    func strayExceptions(
        isShared: Bool
    ) -> (fastInterrupts: UInt64, systemErrors: UInt64) { (0, 0) }

    var isTimerDue: Bool {
        state.pointee.deadline <= board.pointee.now && state.pointee.deadline != ~0
    }
    /// The first line that would interrupt.
    var takeable: Int? {
        let lines = state.pointee.raised & board.pointee.enabled & ~board.pointee.quiet
        return lines == 0 ? nil : Lines.first + lines.trailingZeroBitCount
    }
    /// Whether the core would take an interrupt now. One that is on its way does not count.
    var isInterruptPending: Bool {
        state.pointee.hasArrived || isTimerDue || takeable != nil
    }

    var interruptPending: Bool {
        if state.pointee.looks == state.pointee.eventAtLook {
            switch state.pointee.event {
            case .line: state.pointee.raised |= Lines.bit(Lines.first)
            case .tick: board.pointee.now += 1
            case .request: state.pointee.hasArrived = state.pointee.isAsked
            case .wanted: state.pointee.waiting = state.pointee.rival
            }
        }
        state.pointee.looks += 1
        let core = unsafe reference(memory + 4096 * (number + 1), as: Core.self)
        let shared = unsafe reference(memory + (12 << 10), as: SharedState.self)
        state.pointee.lookWatch.look(core, shared)
        return isInterruptPending
    }
    func takeInterrupt() -> TakenInterrupt {
        if state.pointee.hasArrived {
            (state.pointee.hasArrived, state.pointee.isAsked) = (false, false)
            return .nothing
        }
        if isTimerDue { return .timer }
        guard let line = takeable else { return .nothing }
        // Quiet until the driver acknowledges.
        board.pointee.quiet |= Lines.bit(line)
        state.pointee.raised &= ~Lines.bit(line)
        return .line(line)
    }
    var lineCount: Int { Lines.count }
    func isAssignable(line: Int) -> Bool { line >= Lines.first && line < Lines.count }
    mutating func enable(line: Int, trigger: Trigger) { board.pointee.enabled |= Lines.bit(line) }
    mutating func disable(line: Int) { board.pointee.enabled &= ~Lines.bit(line) }
    mutating func open(line: Int) { board.pointee.quiet &= ~Lines.bit(line) }

    static func coreState(_ known: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer { known }
    func interrupt(core number: Int) { cores[number].isAsked = true }
    func setUrgency(_ priority: UInt8, ofLine line: Int) {}
    func route(line: Int, to core: Int) {}
    func isWanted(above priority: Int) -> Bool { isOvertaken(at: priority) }
    func isOvertaken(at priority: Int) -> Bool { state.pointee.waiting > priority }
    /// As below the real-time band, where any core that waits gets its turn.
    func shouldPass(before priority: Int) -> Bool { state.pointee.waiting >= 0 }

    func kernelAddress(physical: UInt64) -> UnsafeMutableRawPointer {
        memory + Int(physical - ModelHardware.ramBase)
    }
    func physicalAddress(kernel: UnsafeMutableRawPointer) -> UInt64 {
        ModelHardware.ramBase + UInt64(kernel - memory)
    }
    func zero(_ start: UnsafeMutableRawPointer, bytes: Int) { memset(start, 0, bytes) }
    func replace(_ old: UInt32, by new: UInt32, at word: UnsafeMutablePointer<UInt32>) -> Bool {
        if word.pointee != old { return false }
        word.pointee = new
        return true
    }
    func release(_ value: UInt32, at word: UnsafeMutablePointer<UInt32>) { word.pointee = value }
    func maintainCache(_ operation: CacheOperation, _ start: UnsafeMutableRawPointer, bytes: Int) {}

    var asidBits: Int { 16 }
    func translationBase(rootTable physical: UInt64, asid: UInt16) -> UInt64 {
        physical | UInt64(asid) << 48
    }
    func activate(translationBase: UInt64) { state.pointee.translationBase = translationBase }
    func orderLoads() {}
    func orderStores() {}
    func publishTableEntry() {}
    func isMapped(_ address: UInt64) -> Bool { false }
    func invalidate(page: UInt64, asid: UInt16) {}
    func invalidate(asid: UInt16) {}

    func setFloatingPoint(enabled: Bool) { state.pointee.isFloatingPointEnabled = enabled }
    func switchFloatingPoint(from old: UnsafeMutableRawPointer?, to new: UnsafeMutableRawPointer?) {
        if let old {
            old.storeBytes(
                of: state.pointee.floatingPointRegister,
                toByteOffset: HardwareState.registerOffset, as: UInt64.self)
        }
        if let new {
            state.pointee.floatingPointRegister = new.load(
                fromByteOffset: HardwareState.registerOffset, as: UInt64.self)
        }
        state.pointee.isFloatingPointEnabled = new != nil
    }

    func readRegister(_ address: UInt64) -> UInt32 { ~0 }
    func writeRegister(_ address: UInt64, _ value: UInt32) {}

    func writeConsole(_ byte: UInt8) {}
    func offerConsole(_ byte: UInt8) -> Bool { true }
    func powerOff(status: UInt64) {}
    func reboot() {}
}
