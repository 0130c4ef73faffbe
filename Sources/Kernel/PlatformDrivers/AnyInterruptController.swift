// The controllers that the kernel can drive, in one closed enum: chosen once at boot, dispatched by a switch.

import HardwareInterface
import KernelABI
import MMIO

public enum AnyInterruptController<Registers: RegisterAccess, Core: GICSystemRegisters>: InterruptController {
    case gicv2(GICv2<Registers>)
    case gicv3(GICv3<Registers, Core>)

    public var lineCount: Int {
        switch self {
        case .gicv2(let controller): return controller.lineCount
        case .gicv3(let controller): return controller.lineCount
        }
    }
    @inline(__always) public func acknowledge() -> Int? {
        switch self {
        case .gicv2(let controller): return controller.acknowledge()
        case .gicv3(let controller): return controller.acknowledge()
        }
    }
    @inline(__always) public func end(line: Int) {
        switch self {
        case .gicv2(let controller): controller.end(line: line)
        case .gicv3(let controller): controller.end(line: line)
        }
    }
    @inline(__always) public func open(line: Int) {
        switch self {
        case .gicv2(let controller): controller.open(line: line)
        case .gicv3(let controller): controller.open(line: line)
        }
    }
    public func enable(line: Int, trigger: Trigger) {
        switch self {
        case .gicv2(let controller): controller.enable(line: line, trigger: trigger)
        case .gicv3(let controller): controller.enable(line: line, trigger: trigger)
        }
    }
    public func disable(line: Int) {
        switch self {
        case .gicv2(let controller): controller.disable(line: line)
        case .gicv3(let controller): controller.disable(line: line)
        }
    }
}
