// The task around a PL061 bank of pins: the service `gpio`.

import DriverCores
import MMIO
import PinService
import UserRuntime

@c(PL061Driver_main) func pinDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let keys = KeyPins(information)
    let pins = PL061(
        registers: MMIORegisters(address: information.registers[0]), rising: keys.rising,
        falling: keys.falling)
    var service = PinService(information, bank: pins, keys: keys)
    service.serve(information)
}
