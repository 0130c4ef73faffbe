// The task around Broadcom's SD host controller (`brcm,bcm2835-sdhost`): the card slot of a
// Raspberry Pi 3 and Zero 2 W. Which controller the slot's pins belong to is the firmware's choice;
// the task leaves it.

import BlockService
import DriverCores
import MMIO
import UserRuntime

@c(SDHostDriver_main) func cardDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let host = SDHost(registers: MMIORegisters(address: information.registers[0]), pace: TaskPace())
    serve(BlockService(host: host), Server(information))
}
