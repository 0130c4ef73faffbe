// The machine under the explored kernel. Its whole state is one plain value inside the arena, so
// that a snapshot of the arena holds it too.

import Foundation
import HardwareInterface
import KernelABI
import TestSupport

@testable import KernelCore

typealias KernelThread = TestSupport.KernelThread
typealias SeededGenerator = TestSupport.SeededGenerator

/// The state of the hardware, and the thread that it executes.
struct HardwareState {
    var now = Instants.start
    var deadline = ~UInt64(0)
    /// Interrupt lines by number: bit n is line `Lines.first` + n.
    var raised: UInt64 = 0
    var enabled: UInt64 = 0
    /// Taken, and not opened since.
    var quiet: UInt64 = 0
    /// How often the kernel has looked for pending interrupts in this step.
    var looks = 0
    /// The look of this step before which something interrupts; -1: at none.
    var eventAtLook = -1
    /// Whether that event is a tick, after which the timer may be due. Otherwise the line
    /// interrupts.
    var isEventTick = false
    var translationBase: UInt64 = 0
    var isFloatingPointEnabled = false
    /// One register, v0, stands for all.
    static let registerOffset = 16
    var floatingPointRegister: UInt64 = 0
    var running: Ref<KernelThread>?

    var isTimerDue: Bool { deadline <= now && deadline != ~0 }
    /// The first line that would interrupt.
    var takeable: Int? {
        let lines = raised & enabled & ~quiet
        return lines == 0 ? nil : Lines.first + lines.trailingZeroBitCount
    }
    var isInterruptPending: Bool { isTimerDue || takeable != nil }
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

/// Hardware whose state is in the arena.
struct ModelHardware: Hardware {
    static let ramBase: UInt64 = 0x4000_0000
    let state: UnsafeMutablePointer<HardwareState>
    let memory: UnsafeMutableRawPointer

    var now: Instant { Instant(ticks: state.pointee.now) }
    mutating func setDeadline(_ instant: Instant) { state.pointee.deadline = instant.ticks }
    var cycles: UInt64 { 0 }
    var strayExceptions: (fastInterrupts: UInt64, systemErrors: UInt64) { (0, 0) }

    var interruptPending: Bool {
        if state.pointee.looks == state.pointee.eventAtLook {
            if state.pointee.isEventTick {
                state.pointee.now += 1
            } else {
                state.pointee.raised |= Lines.bit(Lines.first)
            }
        }
        state.pointee.looks += 1
        return state.pointee.isInterruptPending
    }
    func takeInterrupt() -> TakenInterrupt {
        if state.pointee.isTimerDue { return .timer }
        guard let line = state.pointee.takeable else { return .nothing }
        // Quiet until the driver acknowledges.
        state.pointee.quiet |= Lines.bit(line)
        state.pointee.raised &= ~Lines.bit(line)
        return .line(line)
    }
    var lineCount: Int { Lines.count }
    func isAssignable(line: Int) -> Bool { line >= Lines.first && line < Lines.count }
    mutating func enable(line: Int, trigger: Trigger) { state.pointee.enabled |= Lines.bit(line) }
    mutating func disable(line: Int) { state.pointee.enabled &= ~Lines.bit(line) }
    mutating func open(line: Int) { state.pointee.quiet &= ~Lines.bit(line) }

    static func coreState(_ known: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer { known }
    func interrupt(core number: Int) { preconditionFailure("there is one core") }
    func setUrgency(_ priority: UInt8, ofLine line: Int) {}
    func isWanted(above priority: Int) -> Bool { false }
    func shouldPass(before priority: Int) -> Bool { false }

    func kernelAddress(physical: UInt64) -> UnsafeMutableRawPointer {
        memory + Int(physical - ModelHardware.ramBase)
    }
    func physicalAddress(kernel: UnsafeMutableRawPointer) -> UInt64 {
        ModelHardware.ramBase + UInt64(kernel - memory)
    }
    func zero(_ start: UnsafeMutableRawPointer, bytes: Int) { memset(start, 0, bytes) }
    func maintainCache(_ operation: CacheOperation, _ start: UnsafeMutableRawPointer, bytes: Int) {}

    var asidBits: Int { 16 }
    func translationBase(rootTable physical: UInt64, asid: UInt16) -> UInt64 {
        physical | UInt64(asid) << 48
    }
    func activate(translationBase: UInt64) { state.pointee.translationBase = translationBase }
    func publishTableEntry() {}
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
