// A long transfer of a card's blocks, and how long others wait beside it: for the processor, and for the card's driver.

import BlockClient
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// When the transfers begin and end.
private let start = instant(milliseconds: 4000)
private let end = instant(milliseconds: 4400)

/// The driver that has a card, and the card's number.
private func findCard() -> (card: Endpoint, medium: UInt64)? {
    for (index, name) in ([Name("sdhost"), Name("sdhci")]).enumerated() {
        guard let card = open(name, UInt32(index)) else { continue }
        if let reply = try? card.call(RegisterMessage(BlockRequest.information)), reply[0] == 0 {
            return (card, reply[4])
        }
    }
    return nil
}

/// Reads 64 blocks, and writes the same back, without a pause.
func copyBlocks() -> Never {
    guard let (endpoint, medium) = findCard() else { rest() }
    var bytes = [UInt8](repeating: 0, count: 64 * Int(BlockRequest.blockBytes))
    sayRefusals(of: endpoint, medium, &bytes)
    var card = BlockDevice(endpoint)
    var isSound = (try? card.information()) != nil
    var count: UInt64 = 0
    sleep(until: start)
    while isSound && Instant.now < end {
        isSound =
            card.read(count % 64, 64, into: &bytes) == BlockTransfer(count: 64)
            && card.write(count % 64, 64, from: &bytes) == BlockTransfer(count: 64)
        count += 128
    }
    var text = Text(isSound ? "moved blocks: " : "a transfer failed, at block ")
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
            (try? card.call(RegisterMessage(operation, 0, count, medium), loan))?[0] == error.rawValue
        }
    }
    say(isRefused ? "gets no more than a request may" : "was not refused")
}

/// Wakes each millisecond beside the transfers and asks the driver something; says how late it was at worst, and how long
/// the driver let it wait.
func waitBesideTransfer() -> Never {
    guard let (card, _) = findCard() else { rest() }
    let ask = { _ = try? card.call(RegisterMessage(BlockRequest.information)) }
    sleep(until: instant(milliseconds: 3000))
    let alone = measure(5, ask)
    var wake = start + .milliseconds(20)
    var latest: UInt64 = 0
    var longest: UInt64 = 0
    while wake < end {
        sleep(until: wake)
        latest = max(latest, (Instant.now - wake).nanoseconds)
        longest = max(longest, measure(1, ask))
        // No multiple of anything: the wake-ups fall everywhere in a transfer.
        wake = wake + .microseconds(1009)
    }
    sleep(milliseconds: 100)
    let isInTime = latest <= mostLate + mostInstructions && longest <= mostLate + mostInstructions + alone
    var text = Text(isInTime ? "in time: " : "too late: ")
    text.decimal(latest)
    text.add(" instructions, an answer after ")
    text.decimal(longest)
    text.add(", alone after ")
    text.decimal(alone)
    say(text)
    rest()
}
