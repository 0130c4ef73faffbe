// The controllers that the kernel can drive, in one closed enum: chosen once at boot, dispatched by
// a switch.

import HardwareInterface
import KernelABI
import MMIO

public enum AnyInterruptController<Registers: RegisterAccess, Core: GICSystemRegisters> {
    case gicv2(GICv2<Registers>)
    case gicv3(GICv3<Registers, Core>)
    case bcm2836(BCM2836<Registers>)

    public var lineCount: Int {
        switch self {
        case .gicv2(let controller): return controller.lineCount
        case .gicv3(let controller): return controller.lineCount
        case .bcm2836(let controller): return controller.lineCount
        }
    }
    /// Takes the pending interrupt. Its line stays quiet until `open`; others may be taken again.
    ///
    /// The timer's line is open at once: the kernel sets a new deadline, or none, before it can
    /// take an interrupt.
    @inline(__always) public func take(timerLine: Int) -> TakenInterrupt {
        // One switch on the driver covers `acknowledge`, `end` and `open`.
        switch self {
        case .gicv2(let controller): controller.take(timerLine)
        case .gicv3(let controller): controller.take(timerLine)
        case .bcm2836(let controller):
            // The timer's line was not masked.
            controller.acknowledge().map { $0 == timerLine ? .timer : .line($0) } ?? .nothing
        }
    }
    /// The line of the pending interrupt that `take` would take; nil if there is none.
    @inline(__always) public func peek() -> Int? {
        switch self {
        case .gicv2(let controller): controller.peek()
        case .gicv3(let controller): controller.peek()
        case .bcm2836(let controller): controller.peek()
        }
    }
    /// Takes the pending software interrupt, which comes before all lines; nil if there is none. A
    /// BCM2836 has no such order.
    @inline(__always) public func takeSoftware() -> Int? {
        switch self {
        case .gicv2(let controller): controller.takeSoftware()
        case .gicv3(let controller): controller.takeSoftware()
        case .bcm2836: nil
        }
    }
    @inline(__always) public func open(line: Int) {
        switch self {
        case .gicv2(let controller): controller.open(line: line)
        case .gicv3(let controller): controller.open(line: line)
        case .bcm2836(let controller): controller.open(line: line)
        }
    }
    /// This core, as others name it.
    public var target: CoreTarget {
        switch self {
        case .gicv2(let controller): controller.target
        case .gicv3(let controller): controller.target
        case .bcm2836(let controller): controller.target
        }
    }
    /// Raises a software interrupt on a core.
    @inline(__always) public func send(_ interrupt: SoftwareInterrupt, to core: CoreTarget) {
        let number = interrupt.rawValue
        switch self {
        case .gicv2(let controller): controller.send(softwareInterrupt: number, to: core)
        case .gicv3(let controller): controller.send(softwareInterrupt: number, to: core)
        case .bcm2836(let controller): controller.send(softwareInterrupt: number, to: core)
        }
    }
    /// Sends a line to a core from now on. A BCM2836 cannot: all lines of the peripherals go to
    /// core 0.
    @inline(__always) public func route(line: Int, to core: CoreTarget) {
        switch self {
        case .gicv2(let controller): controller.route(line: line, to: core)
        case .gicv3(let controller): controller.route(line: line, to: core)
        case .bcm2836: break
        }
    }
    /// Makes a line as urgent as a thread of this priority, among those that are pending. A BCM2836
    /// has no priorities.
    @inline(__always) public func setUrgency(_ priority: UInt8, ofLine line: Int) {
        switch self {
        case .gicv2(let controller): controller.setUrgency(priority, ofLine: line)
        case .gicv3(let controller): controller.setUrgency(priority, ofLine: line)
        case .bcm2836: break
        }
    }
    /// Whether the line that is taken first is the most urgent one.
    @inline(__always) public var hasUrgencies: Bool {
        if case .bcm2836 = self { false } else { true }
    }
    public func enable(line: Int, trigger: Trigger) {
        switch self {
        case .gicv2(let controller): controller.enable(line: line, trigger: trigger)
        case .gicv3(let controller): controller.enable(line: line, trigger: trigger)
        case .bcm2836(let controller): controller.enable(line: line, trigger: trigger)
        }
    }
    public func disable(line: Int) {
        switch self {
        case .gicv2(let controller): controller.disable(line: line)
        case .gicv3(let controller): controller.disable(line: line)
        case .bcm2836(let controller): controller.disable(line: line)
        }
    }
}

extension InterruptController {
    /// Takes the pending interrupt, and lets it come again.
    @inline(__always) fileprivate func takeSoftware() -> Int? {
        var controller = self
        guard let line = controller.acknowledge() else { return nil }
        controller.end(line: line)
        controller.open(line: line)
        return line
    }
    @inline(__always) fileprivate func take(_ timerLine: Int) -> TakenInterrupt {
        var controller = self
        guard let line = controller.acknowledge() else { return .nothing }
        controller.end(line: line)
        if line != timerLine { return .line(line) }
        controller.open(line: line)
        return .timer
    }
}
