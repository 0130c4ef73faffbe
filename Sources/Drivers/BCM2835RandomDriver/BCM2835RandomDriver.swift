// The task around the chips' random numbers, the BCM2835's and the BCM2711's: the service `random`.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(BCM2835RandomDriver_main) func randomDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let registers = MMIORegisters(address: information.registers[0])
    // The order of `compatible` in the manifest: the BCM2835's, then the BCM2711's.
    if information.variant == 0 {
        serve(information, BCM2835Random(registers: registers))
    } else {
        serve(information, RNG200(registers: registers))
    }
}

@inline(__always) private func serve(
    _ information: StartInformation, _ source: some RandomSource
) -> Never {
    var server = Server(information)
    var source = CheckedRandom(source)
    while true {
        let request = server.next()
        if request.delivery != .message { continue }
        if request[0] != RandomRequest.read {
            server.reply(RegisterMessage(1))
            continue
        }
        var message = RegisterMessage(0, 0)
        while message.length < 2 + RandomRequest.maximumWords, let word = source.nextDouble() {
            message.setWord(message.length, word)
        }
        message[1] = UInt64(message.length - 2)
        server.reply(message)
    }
}
