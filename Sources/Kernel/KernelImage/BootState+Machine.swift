// Boot: the interrupt controller, the timer, and the kernel's state on top of them.

import AArch64
import CAArch64
import DeviceTree
import HardwareInterface
import KernelABI
import KernelCore
import MMIO
import PlatformDrivers

extension BootState {
    /// Start the drivers and build the kernel's state.
    mutating func startMachine() throws(BootFailure) {
        let controller = try startController()
        processor.openUserRegisters()
        GenericTimer.off()
        var machine = Machine(
            controller: controller, console: console, power: machine.power, timerLine: self.machine.timerLine,
            processor: processor)
        machine.enable(line: machine.timerLine, trigger: .level)
        placeKernel(machine, emptyTable: unsafe map.physical(swiftlet_empty_root_address()))
    }

    private mutating func startController() throws(BootFailure) -> AnyInterruptController {
        let distributor = try map.mapDevice(machine.distributor.base, bytes: machine.distributor.size)
        let interface = try map.mapDevice(machine.interface.base, bytes: machine.interface.size)
        if machine.gicVersion == 2 {
            return .gicv2(
                GICv2(distributor: MMIORegisters(address: distributor), interface: MMIORegisters(address: interface)))
        }
        guard
            let controller = GICv3(
                distributor: MMIORegisters(address: distributor), redistributors: interface,
                size: machine.interface.size, affinity: processor.affinity)
        else { throw BootFailure("the interrupt controller has no part for this core") }
        return .gicv3(controller)
    }
}
