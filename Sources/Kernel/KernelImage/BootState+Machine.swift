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
    /// Starts the drivers and builds the kernel's state.
    mutating func startMachine() throws(BootFailure) {
        let controller = try startController()
        processor.openUserRegisters()
        GenericTimer.off()
        // A kernel that was entered at EL2 has left it: an `hvc` has no handler there.
        let power = level == 2 && machine.power == .hvc ? .none : machine.power
        var machine = Machine(
            controller: controller,
            registers: (controllerAddresses.distributor, self.machine.interface.size),
            console: console, power: power, timerLine: self.machine.timerLine,
            processor: processor)
        if machine.timerLine >= machine.lineCount {
            throw BootFailure("the interrupt controller does not have the timer's line")
        }
        machine.enable(line: machine.timerLine, trigger: .level)
        placeKernel(machine, emptyTable: unsafe map.physical(swiftlet_empty_root_address()))
    }

    private mutating func startController() throws(BootFailure) -> Machine.Controller {
        controllerAddresses.distributor =
            try map.mapDevice(machine.distributor.base, bytes: machine.distributor.size)
        controllerAddresses.interface = try map.mapDevice(
            machine.interface.base, bytes: machine.interface.size)
        let first = MMIORegisters(address: controllerAddresses.distributor)
        let second = MMIORegisters(address: controllerAddresses.interface)
        switch machine.controller {
        case .gicv2: return .gicv2(GICv2(distributor: first, interface: second))
        case .bcm2836: return .bcm2836(BCM2836(local: first, peripherals: second))
        case .none, .gicv3, .armctrl: break
        }
        guard
            let controller = GICv3(
                distributor: first, redistributors: second, size: machine.interface.size,
                affinity: processor.affinity, core: CoreGICRegisters())
        else { throw BootFailure("the interrupt controller has no part for this core") }
        let size = machine.interface.size
        controller.initializeMessages(size: size) { base, bytes in
            free.remove(pagesAround: base, bytes)
        }
        return .gicv3(controller)
    }
}
