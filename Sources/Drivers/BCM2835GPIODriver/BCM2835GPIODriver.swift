// The task around the BCM2835's or the BCM2711's pins: the service `gpio`.

import DriverCores
import MMIO
import PinService
import UserRuntime

@c(BCM2835GPIODriver_main) func pinDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let keys = KeyPins(information)
    // The manifest's second `compatible` is the BCM2711's.
    let pins = BCM2835GPIO(
        registers: MMIORegisters(address: information.registers[0]),
        model: information.variant == 0 ? .bcm2835 : .bcm2711, rising: keys.rising,
        falling: keys.falling)
    var service = PinService(information, bank: pins, keys: keys)
    service.serve(information)
}
