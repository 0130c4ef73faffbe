// The controllers that the kernel can drive, in one closed enum: chosen once at boot, dispatched by a switch.

import HardwareInterface
import KernelABI

public enum AnyInterruptController: InterruptController {
    case gicv2(GICv2)
    case gicv3(GICv3)

    public var lineCount: Int {
        switch self {
        case .gicv2(let controller): return controller.lineCount
        case .gicv3(let controller): return controller.lineCount
        }
    }
    @inline(__always) public mutating func acknowledge() -> Int? {
        switch self {
        case .gicv3(var controller): return controller.acknowledge()
        case .gicv2(var controller):
            let line = controller.acknowledge()
            self = .gicv2(controller)
            return line
        }
    }
    @inline(__always) public mutating func end(line: Int) {
        switch self {
        case .gicv3(var controller): controller.end(line: line)
        case .gicv2(var controller): controller.end(line: line)
        }
    }
    @inline(__always) public mutating func open(line: Int) {
        switch self {
        case .gicv3(var controller): controller.open(line: line)
        case .gicv2(var controller): controller.open(line: line)
        }
    }
    public mutating func enable(line: Int, trigger: Trigger) {
        switch self {
        case .gicv3(var controller): controller.enable(line: line, trigger: trigger)
        case .gicv2(var controller): controller.enable(line: line, trigger: trigger)
        }
    }
    public mutating func disable(line: Int) {
        switch self {
        case .gicv3(var controller): controller.disable(line: line)
        case .gicv2(var controller): controller.disable(line: line)
        }
    }
}
