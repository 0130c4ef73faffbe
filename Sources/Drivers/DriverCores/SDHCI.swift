// The standard SD host controller (SD Host Controller Simplified Specification 3.00), with
// programmed I/O, in Broadcom's variants: `brcm,bcm2835-sdhci` and `brcm,bcm2711-emmc2`. Every step
// ends with an interrupt; only resets and the clock's start are looked at.

import MMIO

public struct SDHCI<Registers: RegisterAccess, Time: Pace>: CardHost {
    private let registers: Registers
    public var pace: Time
    /// Nanoseconds that four cycles of the card's clock take at least: the distance of two stores,
    /// of which the controller of the BCM2835 loses one where they come closer (its clock domains
    /// differ).
    private var storeDistance: UInt64 = identificationDistance

    /// Four cycles in identification: 12.5 µs where the base clock is 200 MHz, and 16 down to 156
    /// MHz.
    private static var identificationDistance: UInt64 { 16_000 }

    /// The fastest that the base clock can be, hertz: what the capabilities say of it is wrong on
    /// these chips. Where it is slower the card's clock is slower too, which is safe.
    static var baseClock: UInt32 { 250_000_000 }
    /// What a command, a reset or a clock's start may take, microseconds; and a block.
    private static var commandTime: UInt64 { 100_000 }
    private static var blockTime: UInt64 { 500_000 }

    public init(registers: Registers, pace: Time) {
        self.registers = registers
        self.pace = pace
    }

    private func load(_ offset: Int) -> UInt32 { registers.read32(offset) }
    private mutating func store(_ offset: Int, _ value: UInt32) {
        registers.write32(offset, value)
        pace.pass(storeDistance, since: pace.nanoseconds)
    }

    public mutating func reset(deadline: UInt64) throws(CardError) {
        storeDistance = SDHCI.identificationDistance
        // Dividers of any value came with version 3 (number 2; 2.2.29).
        if load(SDHCIRegister.version) >> 16 & 0xff < 2 { throw .unsupported }
        store(SDHCIRegister.signalEnable, 0)
        try restart(SDHCIClock.resetAll, deadline)
        store(SDHCIRegister.hostControl, SDHCIHostControl.power)
        pace.sleep(until: min(deadline, pace.now &+ 10_000))
        store(SDHCIRegister.statusEnable, SDHCIStatus.used)
        try configure(hertz: 400_000, isWide: false, deadline: deadline)
        // 74 cycles of the clock before the first command (SD Physical Layer Simplified
        // Specification, 6.4.1.1).
        pace.sleep(until: min(deadline, pace.now &+ 1_000))
    }

    /// Sets a reset's bit and waits until the controller clears it.
    private mutating func restart(_ bit: UInt32, _ deadline: UInt64) throws(CardError) {
        store(SDHCIRegister.clockControl, load(SDHCIRegister.clockControl) & 0x00ff_ffff | bit)
        try poll(deadline) { $0.load(SDHCIRegister.clockControl) & bit == 0 }
    }

    private mutating func poll(_ deadline: UInt64, _ isDone: (SDHCI) -> Bool) throws(CardError) {
        let end = min(deadline, pace.now &+ SDHCI.commandTime)
        while true {
            let now = pace.now
            if isDone(self) { return }
            if now >= end { throw .timeOut }
            pace.sleep(until: min(end, now &+ SDHCI.pollInterval))
        }
    }

    public mutating func configure(
        hertz: UInt32, isWide: Bool, deadline: UInt64
    ) throws(CardError) {
        let width = isWide ? SDHCIHostControl.fourLines : 0
        store(
            SDHCIRegister.hostControl,
            load(SDHCIRegister.hostControl) & ~SDHCIHostControl.fourLines | width)
        // The clock rests while its divider changes (3.2.3).
        store(SDHCIRegister.clockControl, SDHCIClock.timeOut)
        let divider = min((SDHCI.baseClock / 2 + hertz - 1) / hertz, 1023)
        let running = SDHCIClock.timeOut | SDHCIClock.divider(divider) | SDHCIClock.internalEnable
        store(SDHCIRegister.clockControl, running)
        try poll(deadline) { $0.load(SDHCIRegister.clockControl) & SDHCIClock.isStable != 0 }
        store(SDHCIRegister.clockControl, running | SDHCIClock.cardEnable)
        storeDistance = hertz > 400_000 ? 1_000 : SDHCI.identificationDistance
    }

    public mutating func perform(_ command: CardCommand, deadline: UInt64) throws(CardError)
        -> CardResponse
    {
        let response = try start(command, 0, deadline)
        // Of busy the controller tells as of a transfer's end (2.2.17).
        if command.response == .shortWithBusy {
            try take(SDHCIStatus.transferComplete, SDHCI.blockTime, deadline)
        }
        return response
    }

    public mutating func read(
        _ command: CardCommand, blockBytes: Int, into words: inout MutableSpan<UInt32>,
        deadline: UInt64
    ) throws(CardError) {
        let mode = prepare(words.count * 4, blockBytes) | SDHCICommand.read
        try CardStatus.check(start(command, mode, deadline)[0])
        var done = 0
        while done < words.count {
            let ended = try end(SDHCIStatus.bufferRead, deadline)
            for _ in 0..<(blockBytes / 4) {
                words[done] = load(SDHCIRegister.data)
                done += 1
            }
            pace.pass(storeDistance, since: ended)
        }
        try take(SDHCIStatus.transferComplete, SDHCI.blockTime, deadline)
    }

    public mutating func write(
        _ command: CardCommand, blockBytes: Int, from words: borrowing Span<UInt32>,
        deadline: UInt64
    ) throws(CardError) {
        let mode = prepare(words.count * 4, blockBytes)
        try CardStatus.check(start(command, mode, deadline)[0])
        var done = 0
        while done < words.count {
            let ended = try end(SDHCIStatus.bufferWrite, deadline)
            for _ in 0..<(blockBytes / 4) {
                // The data port needs no distance between its stores.
                registers.write32(SDHCIRegister.data, words[done])
                done += 1
            }
            pace.pass(storeDistance, since: ended)
        }
        try take(SDHCIStatus.transferComplete, SDHCI.blockTime, deadline)
    }

    public mutating func abandon(deadline: UInt64) {
        // Both lines start anew, as after any error (3.10.1).
        silence()
        try? restart(SDHCIClock.resetCommand, deadline)
        try? restart(SDHCIClock.resetData, deadline)
    }

    public mutating func silence() {
        store(SDHCIRegister.signalEnable, 0)
        store(SDHCIRegister.status, SDHCIStatus.used | SDHCIStatus.errors)
    }
}

// The steps of a command (3.7).
extension SDHCI {
    /// Sets size and count of the blocks; the bits of the transfer mode for them.
    private mutating func prepare(_ bytes: Int, _ blockBytes: Int) -> UInt32 {
        let count = UInt32(truncatingIfNeeded: bytes / blockBytes)
        store(SDHCIRegister.block, UInt32(truncatingIfNeeded: blockBytes) | count << 16)
        return SDHCICommand.hasData
            | (count > 1 ? SDHCICommand.manyBlocks | SDHCICommand.countsBlocks : 0)
    }

    private mutating func start(
        _ command: CardCommand, _ mode: UInt32, _ deadline: UInt64
    ) throws(CardError) -> CardResponse {
        // To stop a transfer is what a command may do while it uses the data lines.
        let isStop = command.index == 12
        let usesData = mode & SDHCICommand.hasData != 0 || command.response == .shortWithBusy
        let lines =
            SDHCIPresentState.commandInhibit
            | (usesData && !isStop ? SDHCIPresentState.dataInhibit : 0)
        try poll(deadline) { $0.load(SDHCIRegister.presentState) & lines == 0 }
        store(SDHCIRegister.status, SDHCIStatus.used | SDHCIStatus.errors)
        store(SDHCIRegister.argument, command.argument)
        var word = SDHCICommand.index(command.index) | mode | (isStop ? SDHCICommand.abort : 0)
        switch command.response {
        case .none: break
        case .short:
            word |=
                SDHCICommand.shortResponse | SDHCICommand.checkChecksum | SDHCICommand.checkIndex
        case .shortWithBusy:
            word |=
                SDHCICommand.shortWithBusy | SDHCICommand.checkChecksum | SDHCICommand.checkIndex
        case .shortWithoutChecksum: word |= SDHCICommand.shortResponse
        case .long: word |= SDHCICommand.longResponse | SDHCICommand.checkChecksum
        }
        store(SDHCIRegister.command, word)
        try take(SDHCIStatus.commandComplete, SDHCI.commandTime, deadline)
        var response: CardResponse = [0, 0, 0, 0]
        for index in 0..<4 { response[index] = load(SDHCIRegister.response + 4 * index) }
        if command.response == .long {
            // Bits 127–8 of the response stand in the registers from bit 0 on (2.2.7).
            for index in (1..<4).reversed() {
                response[index] = response[index] << 8 | response[index - 1] >> 24
            }
            response[0] <<= 8
        }
        return response
    }

    /// Waits until the buffer is ready for a block, and ends that event.
    ///
    /// - Returns: the instant of that store. The block's words may move at once; the next store
    /// keeps its distance.
    private mutating func end(_ event: UInt32, _ deadline: UInt64) throws(CardError) -> UInt64 {
        try wait(for: event, SDHCI.blockTime, deadline)
        registers.write32(SDHCIRegister.status, event)
        return pace.nanoseconds
    }

    /// Waits for `event`, and ends it.
    private mutating func take(_ event: UInt32, _ time: UInt64, _ deadline: UInt64)
        throws(CardError)
    {
        try wait(for: event, time, deadline)
        store(SDHCIRegister.status, event)
    }

    /// Sleeps until `event`, or an error. Nothing else interrupts, and that only while this sleeps:
    /// what nobody waits for would wake the driver over and over.
    private mutating func wait(for event: UInt32, _ time: UInt64, _ deadline: UInt64)
        throws(CardError)
    {
        let end = min(deadline, pace.now &+ time)
        while true {
            let now = pace.now
            var status = load(SDHCIRegister.status)
            // A transfer that is complete has not timed out, whatever the data line says (2.2.17).
            if status & SDHCIStatus.transferComplete != 0 { status &= ~SDHCIStatus.dataTimeOut }
            if status & SDHCIStatus.errors != 0 {
                throw status & SDHCIStatus.checksums != 0 ? .checksum : .timeOut
            }
            if status & event != 0 { return }
            if now >= end { throw .timeOut }
            store(SDHCIRegister.signalEnable, event | SDHCIStatus.timeOuts | SDHCIStatus.checksums)
            pace.wait(until: end)
            store(SDHCIRegister.signalEnable, 0)
        }
    }
}
