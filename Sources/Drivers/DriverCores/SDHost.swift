// Broadcom's SD host controller (`brcm,bcm2835-sdhost`; the card slot of a Raspberry Pi 3 and Zero
// 2 W), with programmed I/O.
//
// Its commands end without an interrupt: they are looked at for some microseconds, then ten times a
// millisecond. Data and the end of a card's busy signal interrupt.

import MMIO

public struct SDHost<Registers: RegisterAccess, Time: Pace>: CardHost {
    private let registers: Registers
    public var pace: Time
    /// The configuration without interrupts.
    private var configuration: UInt32 =
        SDHostConfiguration.wideInternalBus | SDHostConfiguration.slowCard

    /// The fastest that the core's clock can be, hertz. Where it is slower the card's clock is
    /// slower too, which is safe.
    static var coreClock: UInt32 { 400_000_000 }
    /// What a command may take, microseconds; and what a card may take for a block (SD Physical
    /// Layer Simplified Specification, 4.6.2).
    private static var commandTime: UInt64 { 100_000 }
    private static var blockTime: UInt64 { 500_000 }

    public init(registers: Registers, pace: Time) {
        self.registers = registers
        self.pace = pace
    }

    private func read(_ offset: Int) -> UInt32 { registers.read32(offset) }
    private func write(_ offset: Int, _ value: UInt32) { registers.write32(offset, value) }

    public mutating func reset(deadline: UInt64) throws(CardError) {
        write(SDHostRegister.power, 0)
        write(SDHostRegister.command, 0)
        write(SDHostRegister.argument, 0)
        write(SDHostRegister.timeOut, 0xf0_0000)
        write(SDHostRegister.clockDivider, 0)
        write(SDHostRegister.status, SDHostStatus.all)
        write(SDHostRegister.configuration, 0)
        write(SDHostRegister.blockBytes, 0)
        write(SDHostRegister.blockCount, 0)
        write(SDHostRegister.debug, SDHostDebug.withThresholds(read(SDHostRegister.debug)))
        pace.sleep(until: min(deadline, pace.now &+ 20_000))
        write(SDHostRegister.power, 1)
        pace.sleep(until: min(deadline, pace.now &+ 20_000))
        try configure(hertz: 400_000, isWide: false, deadline: deadline)
    }

    public mutating func configure(
        hertz: UInt32, isWide: Bool, deadline: UInt64
    ) throws(CardError) {
        // The divider is two more than the register's eleven bits.
        let divider = (SDHost.coreClock + hertz - 1) / hertz
        configuration = SDHostConfiguration.wideInternalBus | SDHostConfiguration.slowCard
        if isWide { configuration |= SDHostConfiguration.fourLines }
        write(SDHostRegister.clockDivider, min(max(divider, 2) - 2, 0x7ff))
        // Half a second, in cycles of the card's clock.
        write(SDHostRegister.timeOut, hertz / 2)
        write(SDHostRegister.configuration, configuration)
    }

    public mutating func perform(_ command: CardCommand, deadline: UInt64) throws(CardError)
        -> CardResponse
    {
        let waitsForBusy = command.response == .shortWithBusy
        write(
            SDHostRegister.configuration,
            configuration | (waitsForBusy ? SDHostConfiguration.busyInterrupt : 0))
        let response = try start(command, 0, deadline)
        if waitsForBusy {
            try waitForBusy(deadline)
            silence()
        }
        return response
    }

    public mutating func read(
        _ command: CardCommand, blockBytes: Int, into words: inout MutableSpan<UInt32>,
        deadline: UInt64
    ) throws(CardError) {
        try begin(command, SDHostCommand.read, words.count * 4, blockBytes, deadline)
        var done = 0
        while done < words.count {
            let ready = try room(deadline) { SDHostDebug.fifoWords($0) }
            for _ in 0..<min(ready, words.count - done) {
                words[done] = read(SDHostRegister.data)
                done += 1
            }
        }
        try settle(SDHostDebug.readWait, deadline)
    }

    public mutating func write(
        _ command: CardCommand, blockBytes: Int, from words: borrowing Span<UInt32>,
        deadline: UInt64
    ) throws(CardError) {
        try begin(command, SDHostCommand.write, words.count * 4, blockBytes, deadline)
        var done = 0
        while done < words.count {
            let free = try room(deadline) { SDHostDebug.fifoDepth - SDHostDebug.fifoWords($0) }
            for _ in 0..<min(free, words.count - done) {
                write(SDHostRegister.data, words[done])
                done += 1
            }
        }
        try settle(SDHostDebug.writeStart, deadline)
    }

    public mutating func abandon(deadline: UInt64) {
        let debug = read(SDHostRegister.debug)
        let state = SDHostDebug.state(debug)
        if state != SDHostDebug.identification && state != SDHostDebug.dataMode {
            write(SDHostRegister.debug, debug | SDHostDebug.forceDataMode)
        }
        // What is left in the FIFO belongs to nobody.
        for _ in 0..<SDHostDebug.fifoWords(debug) { _ = read(SDHostRegister.data) }
        silence()
    }

    public func silence() {
        write(SDHostRegister.configuration, configuration)
        write(SDHostRegister.status, SDHostStatus.all)
    }
}

// The steps of a command.
extension SDHost {
    /// Sends a command that data follow, with their interrupt enabled.
    private mutating func begin(
        _ command: CardCommand, _ direction: UInt32, _ bytes: Int, _ blockBytes: Int,
        _ deadline: UInt64
    ) throws(CardError) {
        write(SDHostRegister.blockBytes, UInt32(truncatingIfNeeded: blockBytes))
        write(SDHostRegister.blockCount, UInt32(truncatingIfNeeded: bytes / blockBytes))
        write(SDHostRegister.configuration, configuration | SDHostConfiguration.dataInterrupt)
        try CardStatus.check(start(command, direction, deadline)[0])
    }

    /// Sends a command and takes in its response.
    private mutating func start(
        _ command: CardCommand, _ direction: UInt32, _ deadline: UInt64
    ) throws(CardError) -> CardResponse {
        _ = try ended(deadline)
        write(SDHostRegister.status, SDHostStatus.all)
        write(SDHostRegister.argument, command.argument)
        var word = UInt32(command.index & 63) | direction | SDHostCommand.new
        switch command.response {
        case .none: word |= SDHostCommand.noResponse
        case .long: word |= SDHostCommand.longResponse
        case .shortWithBusy: word |= SDHostCommand.waitForBusy
        case .short, .shortWithoutChecksum: break
        }
        write(SDHostRegister.command, word)
        if try ended(deadline) & SDHostCommand.failed != 0 {
            let status = read(SDHostRegister.status)
            write(SDHostRegister.status, SDHostStatus.errors)
            // The controller finds fault with the checksum of a response that has none.
            let isFine =
                command.response == .shortWithoutChecksum
                && status & SDHostStatus.commandTimeOut == 0
            if !isFine { throw SDHost.error(status) ?? .timeOut }
        }
        var response: CardResponse = [0, 0, 0, 0]
        for index in 0..<(command.response == .long ? 4 : 1) {
            response[index] = read(SDHostRegister.response + 4 * index)
        }
        return response
    }

    /// The command register, once no command runs.
    private mutating func ended(_ deadline: UInt64) throws(CardError) -> UInt32 {
        let spinEnd = pace.now &+ SDHost.spinLimit
        let end = min(deadline, pace.now &+ SDHost.commandTime)
        while true {
            let now = pace.now
            let word = read(SDHostRegister.command)
            if word & SDHostCommand.new == 0 { return word }
            if now >= end { throw .timeOut }
            if now >= spinEnd { pace.sleep(until: min(end, now &+ SDHost.pollInterval)) }
        }
    }

    private mutating func waitForBusy(_ deadline: UInt64) throws(CardError) {
        let end = min(deadline, pace.now &+ SDHost.blockTime)
        while true {
            let now = pace.now
            let status = read(SDHostRegister.status)
            write(SDHostRegister.status, status & SDHostStatus.all)
            if let error = SDHost.error(status) { throw error }
            if status & SDHostStatus.busyInterrupt != 0 { return }
            if now >= end { throw .timeOut }
            pace.wait(until: end)
        }
    }

    /// Words that the FIFO holds or takes, by `count` of the debug register: at least one.
    private mutating func room(_ deadline: UInt64, _ count: (UInt32) -> Int) throws(CardError)
        -> Int
    {
        let end = min(deadline, pace.now &+ SDHost.blockTime)
        while true {
            let now = pace.now
            if let error = SDHost.error(read(SDHostRegister.status)) { throw error }
            let words = count(read(SDHostRegister.debug))
            if words > 0 { return words }
            if now >= end { throw .timeOut }
            // Cleared before the FIFO is looked at for the last time: what comes after that
            // interrupts anew.
            write(SDHostRegister.status, SDHostStatus.events)
            if count(read(SDHostRegister.debug)) == 0 { pace.wait(until: end) }
        }
    }

    /// Waits until controller and card are done with the data, without interrupts. In `rest` the
    /// controller waits for more, which does not come.
    private mutating func settle(_ rest: UInt32, _ deadline: UInt64) throws(CardError) {
        write(SDHostRegister.configuration, configuration)
        let end = min(deadline, pace.now &+ SDHost.blockTime)
        while true {
            let now = pace.now
            // The status after the state: an error that comes with the last word is in it.
            let debug = read(SDHostRegister.debug)
            if let error = SDHost.error(read(SDHostRegister.status)) { throw error }
            let state = SDHostDebug.state(debug)
            let isIdle = state == SDHostDebug.identification || state == SDHostDebug.dataMode
            if isIdle || state == rest {
                if !isIdle { write(SDHostRegister.debug, debug | SDHostDebug.forceDataMode) }
                return silence()
            }
            if now >= end { throw .timeOut }
            pace.sleep(until: min(end, now &+ SDHost.pollInterval))
        }
    }

    /// The error in a status; nil for none.
    private static func error(_ status: UInt32) -> CardError? {
        if status
            & (SDHostStatus.commandChecksum | SDHostStatus.dataChecksum | SDHostStatus.fifoError)
            != 0
        {
            return .checksum
        }
        return status & SDHostStatus.errors != 0 ? .timeOut : nil
    }
}
