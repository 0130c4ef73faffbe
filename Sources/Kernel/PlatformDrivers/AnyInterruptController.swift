// The controllers that the kernel can drive, in one closed enum: chosen once at boot, dispatched by a switch.

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
    /// Acknowledge and end at once, which needs one decision: the pending line, quiet until it is opened; others may be taken.
    @inline(__always) public func take() -> Int? {
        if _fastPath(isGICv2), case .gicv2(let controller) = self { return controller.take() }
        if case .gicv3(let controller) = self { return controller.take() }
        if case .bcm2836(let controller) = self { return controller.acknowledge() }
        return nil
    }
    /// What most boards have: its way is laid out straight.
    private var isGICv2: Bool { if case .gicv2 = self { true } else { false } }
    @inline(__always) public func open(line: Int) {
        switch self {
        case .gicv2(let controller): controller.open(line: line)
        case .gicv3(let controller): controller.open(line: line)
        case .bcm2836(let controller): controller.open(line: line)
        }
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

extension GICv2 {
    @inline(__always) func take() -> Int? {
        guard let line = acknowledge() else { return nil }
        end(line: line)
        return line
    }
}

extension GICv3 {
    @inline(__always) func take() -> Int? {
        guard let line = acknowledge() else { return nil }
        end(line: line)
        return line
    }
}
