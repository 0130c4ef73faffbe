// A long transfer of a card's blocks, and how long others wait beside it: for the processor, and
// for the card's driver.

import BlockClient
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// What the tasks here do beside each other, and when it begins.
private let transfers = (text: Text("beside transfers"), start: instant(milliseconds: 4000))
private let probes = (text: Text("beside an empty slot"), start: instant(milliseconds: 5000))
private let length = Duration.milliseconds(400)

/// The driver that has a card, the card's number, and the driver of the other slot, which is empty.
private func findCard() -> (card: Endpoint, medium: UInt64, empty: Endpoint)? {
    guard let sdhost = open(Name("sdhost"), 0), let sdhci = open(Name("sdhci"), 1) else {
        return nil
    }
    for (card, other) in [(sdhost, sdhci), (sdhci, sdhost)] {
        if let reply = try? card.call(RegisterMessage(BlockRequest.information)), reply[0] == 0 {
            return (card, reply[4], other)
        }
    }
    return nil
}

/// Reads 64 blocks, and writes the same back, without a pause; then looks for a card in the empty
/// slot.
func copyBlocks() -> Never {
    guard let (endpoint, medium, empty) = findCard() else { rest() }
    var bytes = [UInt8](repeating: 0, count: 64 * Int(BlockRequest.blockBytes))
    sayRefusals(of: endpoint, medium, &bytes)
    var card = BlockDevice(endpoint)
    var isSound = (try? card.information()) != nil
    var count: UInt64 = 0
    sleep(until: transfers.start)
    while isSound && Instant.now < transfers.start + length {
        isSound =
            card.read(count % 64, 64, into: &bytes) == BlockTransfer(count: 64)
            && card.write(count % 64, 64, from: &bytes) == BlockTransfer(count: 64)
        count += 128
    }
    var text = Text(isSound ? "moved blocks: " : "a transfer failed, at block ")
    text.decimal(count)
    say(text)
    sleep(until: probes.start)
    count = 0
    while Instant.now < probes.start + length {
        if ask(empty, RegisterMessage(BlockRequest.information)) == BlockError.noMedium.rawValue {
            count += 1
        }
    }
    text = Text("found no card: ")
    text.decimal(count)
    say(text)
    rest()
}

/// Asks for more than a request may, and for another card.
private func sayRefusals(of card: Endpoint, _ medium: UInt64, _ bytes: inout [UInt8]) {
    let lent = loan(&bytes, length: bytes.count)
    let less = loan(&bytes, length: bytes.count / 16)
    let requests: [(UInt64, UInt64, Attachment, BlockError)] = [
        (BlockRequest.maximumCount + 1, medium, lent, .badRequest), (0, medium, lent, .badRequest),
        (.max, medium, lent, .badRequest), (BlockRequest.maximumCount, medium, less, .badRequest),
        (1, medium + 1, lent, .noMedium), (1, 0, lent, .noMedium),
    ]
    let isRefused = requests.allSatisfy { count, medium, loan, error in
        [BlockRequest.read, BlockRequest.write].allSatisfy { operation in
            (try? card.call(RegisterMessage(operation, 0, count, medium), loan))?[0]
                == error.rawValue
        }
    }
    say(isRefused ? "gets no more than a request may" : "was not refused")
}

/// Waits beside transfers, and beside one that looks for a card in an empty slot.
func waitBesideCopier() -> Never {
    guard let (card, _, _) = findCard() else { rest() }
    sleep(until: instant(milliseconds: 3000))
    let ask = { _ = try? card.call(RegisterMessage(BlockRequest.information)) }
    let alone = measure(5, ask)
    for (text, start) in [transfers, probes] {
        let (latest, longest) = waitBeside(from: start, ask)
        sleep(milliseconds: 100)
        let isInTime =
            latest <= mostLate + mostInstructions && longest <= mostLate + mostInstructions + alone
        var line = text
        line.add(isInTime ? " in time: " : " too late: ")
        line.decimal(latest)
        line.add(" instructions, an answer after ")
        line.decimal(longest)
        line.add(", alone after ")
        line.decimal(alone)
        say(line)
    }
    rest()
}

/// Wakes each millisecond and asks the driver something; returns how late it was at worst, and how
/// long the driver let it wait.
private func waitBeside(
    from start: Instant, _ ask: () -> Void
) -> (latest: UInt64, longest: UInt64) {
    var wake = start + .milliseconds(20)
    var latest: UInt64 = 0
    var longest: UInt64 = 0
    while wake < start + length {
        sleep(until: wake)
        latest = max(latest, (Instant.now - wake).nanoseconds)
        longest = max(longest, measure(1, ask))
        // No multiple of anything: the wake-ups fall everywhere in a request.
        wake = wake + .microseconds(1009)
    }
    return (latest, longest)
}
