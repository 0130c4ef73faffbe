// Models of the two SD host controllers: what their registers do, so that the drivers' cores run
// against a model of a card.

import MMIO

@testable import DriverCores

/// A controller with a card in it.
class ModelController {
    let card: ModelCard
    /// The next block that comes from the card has a wrong checksum.
    var spoilsChecksum = false
    /// Comes behind each load.
    var behindLoad: () -> Void = {}
    init(card: ModelCard) { self.card = card }
    /// Whether it interrupts, or may do so without another command.
    var mayInterrupt: Bool { false }
    func load(_ offset: Int) -> UInt32 { 0 }
    func store(_ offset: Int, _ value: UInt32) {}
}

struct ModelRegisters: RegisterAccess {
    let device: ModelController
    func read32(_ offset: Int) -> UInt32 {
        defer { device.behindLoad() }
        return device.load(offset)
    }
    func write32(_ offset: Int, _ value: UInt32) { device.store(offset, value) }
}

/// The standard controller.
final class ModelSDHCI: ModelController {
    /// The card sends no more than a block, and the controller takes that for the transfer's end.
    var endsEarly = false
    /// The time for data is over at the moment in which they are complete, or a busy signal ends.
    var timesOutAtTheEnd = false
    /// It begins nothing, and ends no reset.
    var isStuck = false
    /// What it does takes longer than the driver looks: it is done in the driver's next sleep.
    var isSlow = false
    private var pending: UInt32 = 0
    /// Stores that came within four of the card's cycles after another: they have no effect.
    private(set) var lostStores = 0
    private var lastStore: UInt64 = 0
    /// Four cycles of the card's clock, nanoseconds. The firmware may have left the clock as slow
    /// as for identification.
    private var fourCycles: UInt64 = 12_520
    private let clock: ModelClock
    private var values: [Int: UInt32] = [SDHCIRegister.version: 2 << 16]
    private var status: UInt32 = 0
    private var buffer: [UInt32] = []
    private var blocksLeft = 0

    init(card: ModelCard, clock: ModelClock) {
        self.clock = clock
        super.init(card: card)
        clock.device = { [unowned self] in
            status |= pending & value(SDHCIRegister.statusEnable)
            pending = 0
            return status & value(SDHCIRegister.signalEnable) != 0
        }
    }
    override var mayInterrupt: Bool { value(SDHCIRegister.signalEnable) != 0 }
    func value(_ offset: Int) -> UInt32 { values[offset] ?? 0 }
    private func raise(_ bits: UInt32) {
        if isSlow { pending |= bits } else { status |= bits & value(SDHCIRegister.statusEnable) }
    }

    override func load(_ offset: Int) -> UInt32 {
        switch offset {
        case SDHCIRegister.status: return status
        case SDHCIRegister.clockControl: return value(offset) | (value(offset) & 1) << 1
        case SDHCIRegister.data: return sent()
        case SDHCIRegister.presentState: return blocksLeft > 0 ? SDHCIPresentState.dataInhibit : 0
        default: return value(offset)
        }
    }

    /// Whether a store to a register comes too soon: to the port for data it may.
    private func isLost(_ offset: Int) -> Bool {
        if offset == SDHCIRegister.data { return false }
        let isEarly = clock.nanoseconds - lastStore < fourCycles
        if isEarly { lostStores += 1 }
        lastStore = clock.nanoseconds
        return isEarly
    }
    /// With a base clock of 200 MHz.
    private func noteClock(_ value: UInt32) {
        let divider = UInt64(value >> 8 & 0xff | (value >> 6 & 3) << 8)
        if value & SDHCIClock.cardEnable != 0 { fourCycles = 4 * 2 * divider * 5 }
    }

    override func store(_ offset: Int, _ value: UInt32) {
        if isLost(offset) { return }
        switch offset {
        case SDHCIRegister.status: status &= ~value
        case SDHCIRegister.clockControl:
            noteClock(value)
            values[offset] = isStuck ? value : value & 0x00ff_ffff
            if value & (SDHCIClock.resetAll | SDHCIClock.resetData) != 0 {
                buffer = []
                blocksLeft = 0
            }
            if value & SDHCIClock.resetAll != 0 {
                status = 0
                pending = 0
                values = [SDHCIRegister.version: self.value(SDHCIRegister.version)]
            }
        case SDHCIRegister.data: received(value)
        case SDHCIRegister.command:
            values[offset] = value
            let clock = self.value(SDHCIRegister.clockControl)
            if clock & SDHCIClock.cardEnable != 0 && !isStuck { execute(value) }
        default: values[offset] = value
        }
    }

    private func execute(_ word: UInt32) {
        guard let response = card.answer(UInt8(word >> 24 & 63), value(SDHCIRegister.argument))
        else { return raise(1 << 16) }
        if response.count == 4 {
            // The lowest eight bits, a checksum, are not kept.
            for index in 0..<4 {
                let above = index < 3 ? response[index + 1] << 24 : 0
                values[SDHCIRegister.response + 4 * index] = response[index] >> 8 | above
            }
        } else if let first = response.first {
            values[SDHCIRegister.response] = first
        }
        raise(SDHCIStatus.commandComplete)
        if word & SDHCICommand.hasData == 0 {
            if word >> 16 & 3 == 3 { complete() }
            return
        }
        let isMany = word & SDHCICommand.manyBlocks != 0
        blocksLeft = isMany ? Int(value(SDHCIRegister.block) >> 16) : 1
        if word & SDHCICommand.read != 0 { fill() } else { raise(SDHCIStatus.bufferWrite) }
    }

    private var blockWords: Int { Int(value(SDHCIRegister.block) & 0xfff) / 4 }
    private var isMany: Bool { value(SDHCIRegister.command) & SDHCICommand.manyBlocks != 0 }
    private func finish() {
        if !isMany { card.endSingle() }
        complete()
    }
    private func complete() {
        raise(SDHCIStatus.transferComplete | (timesOutAtTheEnd ? SDHCIStatus.dataTimeOut : 0))
    }

    private func fill() {
        for _ in 0..<blockWords {
            guard let word = card.send() else { return raise(1 << 20) }
            buffer.append(word)
        }
        if spoilsChecksum {
            spoilsChecksum = false
            buffer = []
            return raise(1 << 21)
        }
        raise(SDHCIStatus.bufferRead)
    }

    private func sent() -> UInt32 {
        if buffer.isEmpty { return 0 }
        let word = buffer.removeFirst()
        if buffer.isEmpty {
            blocksLeft -= 1
            if endsEarly { blocksLeft = 0 }
            if blocksLeft > 0 { fill() } else { finish() }
        }
        return word
    }

    private func received(_ word: UInt32) {
        buffer.append(word)
        if buffer.count < blockWords { return }
        for word in buffer where !card.take(word) {
            buffer = []
            return raise(1 << 20)
        }
        buffer = []
        blocksLeft -= 1
        if blocksLeft > 0 { raise(SDHCIStatus.bufferWrite) } else { finish() }
    }
}

/// Broadcom's controller. Its FIFO moves at most four words between two sleeps of the driver.
final class ModelSDHost: ModelController {
    /// The error of the last word comes with the end of the transfer, not before.
    var spoilsLastWord = false
    /// Commands that never end.
    var hanging: Set<UInt8> = []
    /// Looks at the command register until a command is over.
    var looksPerCommand = 3
    private var looks = 0
    private var values: [Int: UInt32] = [:]
    private var status: UInt32 = 0
    private var fifo: [UInt32] = []
    private var wordsLeft = 0
    private var state: UInt32 = 15

    init(card: ModelCard, clock: ModelClock) {
        super.init(card: card)
        clock.device = { [unowned self] in
            if wordsLeft > 0 { move() }
            return status & SDHostStatus.events != 0
        }
    }
    override var mayInterrupt: Bool {
        let enables =
            SDHostConfiguration.busyInterrupt | SDHostConfiguration.dataInterrupt
        return status & SDHostStatus.events != 0
            || value(SDHostRegister.configuration) & enables != 0
    }
    private func value(_ offset: Int) -> UInt32 { values[offset] ?? 0 }
    /// Events are recorded where they are enabled.
    private func raise(_ events: UInt32) {
        let configuration = value(SDHostRegister.configuration)
        if configuration & SDHostConfiguration.busyInterrupt != 0 {
            status |= events & SDHostStatus.busyInterrupt
        }
        if configuration & SDHostConfiguration.dataInterrupt != 0 {
            status |= events & SDHostStatus.data
        }
    }
    private var isRead: Bool { value(SDHostRegister.command) & SDHostCommand.read != 0 }
    private var isMany: Bool { value(SDHostRegister.blockCount) > 1 }

    override func load(_ offset: Int) -> UInt32 {
        switch offset {
        case SDHostRegister.status: return status
        case SDHostRegister.debug:
            if spoilsLastWord && state == SDHostDebug.readWait && fifo.isEmpty {
                status |= SDHostStatus.dataChecksum
            }
            return UInt32(fifo.count) << 4 | state
        case SDHostRegister.data: return fifo.isEmpty ? 0 : fifo.removeFirst()
        case SDHostRegister.command:
            looks -= 1
            return value(offset) & ~SDHostCommand.new | (looks > 0 ? SDHostCommand.new : 0)
        default: return value(offset)
        }
    }

    override func store(_ offset: Int, _ value: UInt32) {
        values[offset] = value
        switch offset {
        case SDHostRegister.status: status &= ~value
        case SDHostRegister.debug:
            if value & SDHostDebug.forceDataMode != 0 {
                state = 1
                wordsLeft = 0
            } else if state == 15 {
                state = 0
            }
        case SDHostRegister.command:
            if value & SDHostCommand.new != 0 { execute(value) } else { looks = 0 }
        case SDHostRegister.data:
            if fifo.count < SDHostDebug.fifoDepth {
                fifo.append(value)
            } else {
                status |= SDHostStatus.fifoError
            }
        default: break
        }
    }

    private func execute(_ word: UInt32) {
        looks = looksPerCommand
        // What is in the middle of a transfer takes no command, and this one never ends.
        if state != 0 && state != 1 || hanging.contains(UInt8(word & 63)) {
            looks = .max
            return
        }
        guard let response = card.answer(UInt8(word & 63), value(SDHostRegister.argument)) else {
            status |= SDHostStatus.commandTimeOut
            values[SDHostRegister.command] = word | SDHostCommand.failed
            return
        }
        for (index, word) in response.enumerated() {
            values[SDHostRegister.response + 4 * index] = word
        }
        if word & 63 == 41 {
            // The response to ACMD41 has no checksum, and the controller misses it.
            status |= SDHostStatus.commandChecksum
            values[SDHostRegister.command] = word | SDHostCommand.failed
        }
        if word & SDHostCommand.waitForBusy != 0 { raise(SDHostStatus.busyInterrupt) }
        if word & (SDHostCommand.read | SDHostCommand.write) == 0 { return }
        wordsLeft = Int(value(SDHostRegister.blockBytes) * value(SDHostRegister.blockCount)) / 4
        fifo = []
        state = isRead ? 2 : 3
    }

    private func move() {
        for _ in 0..<4 where wordsLeft > 0 {
            if isRead {
                if fifo.count == SDHostDebug.fifoDepth { break }
                guard let word = card.send() else {
                    status |= SDHostStatus.transferTimeOut
                    return
                }
                fifo.append(word)
            } else {
                if fifo.isEmpty { break }
                if !card.take(fifo.removeFirst()) {
                    status |= SDHostStatus.transferTimeOut
                    return
                }
            }
            wordsLeft -= 1
        }
        if spoilsChecksum && isRead && wordsLeft < 64 {
            spoilsChecksum = false
            status |= SDHostStatus.dataChecksum
        }
        raise(SDHostStatus.data)
        if wordsLeft == 0 {
            if !isMany { card.endSingle() }
            state = isMany ? (isRead ? SDHostDebug.readWait : SDHostDebug.writeStart) : 1
        }
    }
}
