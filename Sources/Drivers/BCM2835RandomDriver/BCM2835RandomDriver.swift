// The task around the chips' random numbers, the BCM2835's and the BCM2711's: the service `random`.

import DriverCores
import Interfaces
import MMIO

@c(BCM2835RandomDriver_main) func randomDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let registers = MMIORegisters(address: information.registers[0])
    // The order of `compatible` in the manifest: the BCM2835's, then the BCM2711's.
    if information.variant == 0 {
        serve(RandomDriver(BCM2835Random(registers: registers)), Server(information))
    } else {
        serve(RandomDriver(RNG200(registers: registers)), Server(information))
    }
}

private struct RandomDriver<Source: RandomSource>: ~Copyable, RandomServer, ServiceTask {
    private var source: CheckedRandom<Source>

    init(_ source: Source) { self.source = CheckedRandom(source) }

    mutating func words(_ client: ClientBadge) -> Items<UInt64, 6> {
        var words = Items<UInt64, 6>()
        while let word = words.count < 6 ? source.nextDouble() : nil { words.append(word) }
        return words
    }

    mutating func forgetCallers() {}
    mutating func perform(_ request: Received, _ loop: inout Server) {
        RandomInterface.perform(request, for: &self, &loop)
    }
}
