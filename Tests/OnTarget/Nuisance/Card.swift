// A long transfer of a card's blocks, and how long others wait beside it: for the processor, and
// for the card's driver.

import Interfaces
import ServiceCores

/// What the tasks here do beside each other, and when it begins.
private let transfers = (text: Text("beside transfers"), start: instant(milliseconds: 4000))
private let probes = (text: Text("beside an empty slot"), start: instant(milliseconds: 5000))
private let length = Duration.milliseconds(400)

/// The driver that has a card, the card, and the driver of the other slot, which is empty.
private func findCard() -> (card: BlockClient, medium: Medium, empty: BlockClient)? {
    guard let sdhost = open(Name("sdhost"), 0), let sdhci = open(Name("sdhci"), 1) else {
        return nil
    }
    for (card, other) in [(sdhost, sdhci), (sdhci, sdhost)] {
        if let medium = try? BlockClient(card).information(by: .never) {
            return (BlockClient(card), medium, BlockClient(other))
        }
    }
    return nil
}

/// Reads 64 blocks, and writes the same back, without a pause; then looks for a card in the empty
/// slot.
func copyBlocks() -> Never {
    guard let (client, medium, empty) = findCard() else { rest() }
    var bytes = [UInt8](repeating: 0, count: 64 * Medium.blockBytes)
    sayRefusals(of: client, medium, &bytes)
    var card = BlockDevice(client)
    var isSound = (try? card.information()) == medium
    var count: UInt64 = 0
    sleep(until: transfers.start)
    while isSound && Instant.now < transfers.start + length {
        var span = bytes.mutableSpan
        isSound = card.read(from: count % 64, into: &span) == BlockTransfer(count: 64)
        isSound =
            isSound
            && card.write(at: count % 64, from: bytes.span) == BlockTransfer(count: 64)
        count += 128
    }
    var text = Text(isSound ? "moved blocks: " : "a transfer failed, at block ")
    text.decimal(count)
    say(text)
    sleep(until: probes.start)
    count = 0
    while Instant.now < probes.start + length {
        do throws(SystemError) { _ = try empty.information(by: .never) } catch {
            if error.of(BlockError.self) == .noMedium { count += 1 }
        }
    }
    text = Text("found no card: ")
    text.decimal(count)
    say(text)
    rest()
}

/// Asks for more than a request may, for a part of a block, and for another card; lends memory with
/// the wrong right, and none.
private func sayRefusals(of card: BlockClient, _ medium: Medium, _ bytes: inout [UInt8]) {
    let block = Medium.blockBytes
    let requests: [(Int, UInt64, BlockError)] = [
        ((Medium.blocksAtOnce + 1) * block, medium.number, .badRequest),
        (0, medium.number, .badRequest), (bytes.count, medium.number, .badRequest),
        (block - 1, medium.number, .badRequest), (block, medium.number + 1, .noMedium),
        (block, 0, .noMedium),
    ]
    var isRefused = true
    for (count, number, expected) in requests {
        var all = bytes.mutableSpan
        var part = all._mutatingExtracting(first: count)
        let read = outcome { () throws(SystemError) in
            try card.read(from: 0, of: number, into: &part, by: .never)
        }
        let write = outcome { () throws(SystemError) in
            try card.write(at: 0, of: number, from: part.span, by: .never)
        }
        if read != expected || write != expected { isRefused = false }
    }
    // Messages that the client does not send: the wrong right, no loan, no such argument.
    let odd: [(RegisterMessage, Attachment, UInt64)] = [
        (RegisterMessage(2, 0, medium.number), loan(&bytes, .read, length: block), 0x1_0008),
        (RegisterMessage(3, 0, medium.number), loan(&bytes, .write, length: block), 0x1_0008),
        (RegisterMessage(2, 0, medium.number), Attachment(), 0x1_0008),
        (RegisterMessage(2, 0), loan(&bytes, length: block), Refusal.wrongArguments.rawValue),
        (RegisterMessage(4, 0, 0), Attachment(), Refusal.unknownMethod.rawValue),
    ]
    for (message, loan, expected) in odd {
        if (try? card.endpoint.call(message, loan))?[0] != expected { isRefused = false }
    }
    say(isRefused ? "gets no more than a request may" : "was not refused")
}

/// The service's own error; nil if there was none.
private func outcome(_ call: () throws(SystemError) -> Void) -> BlockError? {
    do throws(SystemError) {
        try call()
        return nil
    } catch { return error.of(BlockError.self) }
}

/// Waits beside transfers, and beside one that looks for a card in an empty slot.
func waitBesideCopier() -> Never {
    guard let (card, _, _) = findCard() else { rest() }
    sleep(until: instant(milliseconds: 3000))
    let ask = { _ = try? card.information(by: .never) }
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
