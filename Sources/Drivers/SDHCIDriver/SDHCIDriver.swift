// The task around a standard SD host controller: the card slot of a Raspberry Pi 4
// (`brcm,bcm2711-emmc2`), or the BCM2835's (`brcm,bcm2835-sdhci`), to which a Pi's board connects
// its radio and QEMU the card.

import BlockService
import DriverCores
import MMIO
import UserRuntime

@c(SDHCIDriver_main) func standardCardDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let host = SDHCI(registers: MMIORegisters(address: information.registers[0]), pace: TaskPace())
    serve(BlockService(host: host), Server(information))
}
