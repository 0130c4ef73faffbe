// The shell's command `disk`: memory cards, their partitions, a block, and a file's first block.

import Interfaces
import ServiceCores

/// A card's service as a source of blocks.
struct Card: BlockSource {
    let name: StaticString
    private var device: BlockDevice
    /// Blocks to ask for at once: with an array's head they fill 64 KiB, the size of a piece
    /// of the heap.
    static let atOnce: UInt64 = 120
    /// Why the last request failed; nil: it did not.
    private(set) var failure: SystemError?

    init(name: StaticString, _ device: BlockDevice) {
        self.name = name
        self.device = device
    }

    /// The same in words.
    var problem: StaticString? {
        guard let failure else { return nil }
        if failure == .kernel(.peerDied) { return "the driver has ended" }
        return failure.of(BlockError.self)?.text ?? failure.text
    }
    /// There is no card, or no longer.
    var isGone: Bool { failure?.of(BlockError.self) == .noMedium }

    /// Describes the card; nil with a `failure`.
    mutating func information() -> Medium? {
        do throws(SystemError) {
            let medium = try device.information()
            failure = nil
            return medium
        } catch {
            failure = error
            return nil
        }
    }

    /// Reads `count` blocks into the beginning of `bytes`, which has room for them. Returns how
    /// many came: all, unless there is a `failure`.
    mutating func read(_ first: UInt64, _ count: UInt64, into bytes: inout [UInt8]) -> UInt64 {
        var all = bytes.mutableSpan
        var part = all._mutatingExtracting(first: Int(count) * Medium.blockBytes)
        return note(device.read(from: first, into: &part))
    }

    /// Writes the beginning of `bytes` to `count` blocks. Returns how many were written: all,
    /// unless there is a `failure`.
    mutating func write(_ first: UInt64, _ count: UInt64, from bytes: [UInt8]) -> UInt64 {
        let part = bytes.span.extracting(first: Int(count) * Medium.blockBytes)
        return note(device.write(at: first, from: part))
    }

    private mutating func note(_ transfer: BlockTransfer) -> UInt64 {
        failure = transfer.failure
        return UInt64(transfer.count)
    }

    mutating func block(_ number: UInt64) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 512)
        return read(number, 1, into: &bytes) == 1 ? bytes : nil
    }
}

extension Shell {
    /// The services that a card may stand behind, and the slots for them.
    private static var cardServices: [(StaticString, UInt32)] {
        [("sdhost", 11), ("sdhci", 12), ("emmc2", 13)]
    }

    mutating func disk(_ arguments: [[UInt8]]) {
        var cards = openCards()
        if cards.isEmpty { return say("no driver for cards") }
        if arguments.isEmpty {
            for index in 0..<cards.count { describe(&cards[index]) }
            return
        }
        let isRewrite = arguments[0].matches("rewrite")
        let number = arguments.count == 2 ? arguments[1].number : nil
        if arguments.count == 2 && (number == nil || !isRewrite && !arguments[0].matches("block")) {
            return sayUsage(.disk)
        }
        for index in 0..<cards.count {
            guard let blocks = cards[index].information()?.blocks else { continue }
            if let number {
                if isRewrite { return rewrite(&cards[index], number, blocks) }
                return show(cards[index].block(number), of: cards[index], bytes: 512)
            }
            return arguments[0].matches("check")
                ? check(&cards[index], blocks) : showFile(arguments[0], &cards[index])
        }
        say("no card")
    }

    /// A driver may still be on its way: two seconds, as for any service.
    private mutating func openCards() -> [Card] {
        for _ in 0..<40 {
            var cards: [Card] = []
            for (name, index) in Shell.cardServices {
                if let device = try? BlockDevice(finding: Shell.slot(index), named: name) {
                    cards.append(Card(name: name, device))
                }
            }
            if !cards.isEmpty { return cards }
            terminal.nap(milliseconds: 50)
        }
        return []
    }

    private mutating func describe(_ card: inout Card) {
        terminal.out.add(card.name)
        terminal.out.add(": ")
        guard let medium = card.information() else { return say(card.problem ?? "no card") }
        terminal.out.decimal(medium.blocks)
        terminal.out.add(" blocks, ")
        terminal.out.size(medium.blocks << 9)
        if medium.isReadOnly { terminal.out.add(", read-only") }
        terminal.out.newLine()
        guard let partitions = partitionTable(&card, medium.blocks) else { return }
        var table = TextTable()
        table.column("PARTITION", .right)
        table.column("TYPE", .right)
        table.column("FIRST", .right)
        table.column("SIZE", .right)
        for partition in partitions.partitions {
            var kind = Text()
            partition.kind.write(to: &kind)
            var size = Text()
            size.size(partition.count << 9)
            table.row([
                number(UInt64(partition.number)), kind.bytes, number(partition.first), size.bytes,
            ])
        }
        table.render(to: &terminal.out)
    }

    /// Reads the card's partition table, and says what is wrong with it; nil where there is none.
    private mutating func partitionTable(_ card: inout Card, _ blocks: UInt64) -> PartitionTable? {
        do throws(PartitionTableError) {
            let table = try PartitionTable(&card, blocks: blocks)
            if table.isCopy { say("the first GUID partition table is damaged: this is its copy") }
            return table
        } catch {
            say(error == .unreadable ? card.problem ?? error.text : error.text)
            return nil
        }
    }

    /// Reads the whole card, and names the blocks that cannot be read; ^C ends it.
    private mutating func check(_ card: inout Card, _ blocks: UInt64) {
        var bytes = [UInt8](repeating: 0, count: Int(Card.atOnce) * 512)
        var next: UInt64 = 0
        var unread: UInt64 = 0
        // Behind an error block by block, as far as a request goes, to find out which it is.
        var endOfSearch: UInt64 = 0
        while next < blocks && unread < Shell.mostUnread {
            if card.isGone || terminal.isInterrupted { break }
            let count = next < endOfSearch ? 1 : min(Card.atOnce, blocks - next)
            next += card.read(next, count, into: &bytes)
            if let problem = card.problem {
                terminal.out.add(count > 1 ? "from block " : "block ")
                terminal.out.decimal(next)
                terminal.out.add(": ")
                say(problem)
                if count == 1 {
                    next += 1
                } else {
                    endOfSearch = next + UInt64(Medium.blocksAtOnce)
                }
                if count == 1 { unread += 1 }
                if !card.isGone { findAgain(&card) }
            }
            terminal.pause(milliseconds: 1)
        }
        terminal.out.decimal(next - unread)
        terminal.out.add(" of ")
        terminal.out.decimal(blocks)
        say(" blocks read")
    }

    /// Asks for the card, which has another number if the driver started or identified it anew
    /// meanwhile. A driver that starts gets two seconds.
    private mutating func findAgain(_ card: inout Card) {
        for _ in 0..<40 {
            if card.information() != nil || card.failure != .kernel(.peerDied)
                || terminal.isInterrupted
            {
                return
            }
            terminal.pause(milliseconds: 50)
        }
    }

    /// Reads a request's worth of blocks from `first` on, writes the same back, and reads
    /// them again.
    private mutating func rewrite(_ card: inout Card, _ first: UInt64, _ blocks: UInt64) {
        let count = max(min(blocks - min(first, blocks), Card.atOnce), 1)
        var before = [UInt8](repeating: 0, count: Int(count) * 512)
        var after = before
        guard card.read(first, count, into: &before) == count,
            card.write(first, count, from: before) == count,
            card.read(first, count, into: &after) == count
        else { return say(card.problem ?? "no card") }
        terminal.out.decimal(count)
        terminal.out.add(count == 1 ? " block written, and " : " blocks written, and ")
        say(before == after ? "read as before" : "not read as before")
    }

    /// Unreadable blocks that are named; a card with more is not worth the wait.
    private static var mostUnread: UInt64 { 16 }

    private mutating func showFile(_ name: [UInt8], _ card: inout Card) {
        guard let medium = card.information() else { return say(card.problem ?? "no card") }
        guard let table = partitionTable(&card, medium.blocks) else { return }
        do throws(FileError) {
            let file = try FATVolume(&card, firstOf: table).find(name, in: &card)
            if file.size == 0 { return say("an empty file") }
            show(card.block(file.firstBlock), of: card, bytes: Int(min(file.size, 512)))
        } catch { say(error == .unreadable ? card.problem ?? error.text : error.text) }
    }

    /// A block as text where it is text, else as bytes.
    private mutating func show(_ block: [UInt8]?, of card: Card, bytes count: Int) {
        guard let block else { return say(card.problem ?? "no card") }
        let isText = block[..<count].allSatisfy { $0 == 10 || $0 == 13 || $0 >= 32 && $0 < 127 }
        if isText {
            for index in 0..<count {
                if block[index] == 10 {
                    terminal.out.newLine()
                } else {
                    terminal.out.add(byte: block[index])
                }
            }
            return terminal.out.newLine()
        }
        for line in stride(from: 0, to: count, by: 16) {
            terminal.out.hexadecimal(UInt64(line), digits: 3)
            for index in line..<min(line + 16, count) {
                terminal.out.add(" ")
                terminal.out.hexadecimalByte(block[index])
            }
            terminal.out.newLine()
            terminal.flush()
        }
    }
}
