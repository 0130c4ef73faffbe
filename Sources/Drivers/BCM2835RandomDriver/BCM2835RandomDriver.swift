// The task around the BCM2835's random numbers: the service `random`.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(BCM2835RandomDriver_main) func randomDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    let source = BCM2835Random(registers: MMIORegisters(address: information.registers[0]))
    while true {
        let request = server.next()
        if request.delivery != .message { continue }
        if request[0] != RandomRequest.read {
            server.reply(RegisterMessage(1))
            continue
        }
        var message = RegisterMessage(0, 0)
        while message.length < 2 + RandomRequest.maximumWords, let low = source.next(), let high = source.next() {
            message.setWord(message.length, UInt64(low) | UInt64(high) << 32)
        }
        message[1] = UInt64(message.length - 2)
        server.reply(message)
    }
}
