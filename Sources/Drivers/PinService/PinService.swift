// The service `gpio` around any bank of pins. Edges are told to the supervisor, where the pin is a
// key, or signalled to a notification that a client handed over.

import DriverCores
import Interfaces

extension KeyPins {
    /// The keys that the device manager names, and presses of this task's earlier lives that nobody
    /// was told of. A key at a pin that no bank has is left out; the device manager sees that.
    /// - Precondition: the manifest gives the task a page of `persistent` memory.
    public init(_ information: StartInformation) {
        // Safety: that page is more than the keys take.
        unsafe self.init(memory: persistentMemory(information))
        for index in 1..<Int(max(1, min(information.parameterCount, 32))) {
            let key = PinKey(word: information.parameters[index])
            if key.pin < 64 && key.code != 0 {
                setKey(Int(key.pin), UInt64(key.code), isFalling: key.isFalling)
            }
        }
    }
}

public struct PinService<Bank: PinBank>: GPIOServer {
    private var bank: Bank
    private let interrupts: UInt32
    private var keys: KeyPins
    /// Pins that the device tree gives to a device, a bit each.
    private let reserved: UInt64
    /// The pins that clients watch, a bit each; by pin the client, and the bits to signal.
    private var awaited: UInt64 = 0
    private var clients = InlineArray<64, UInt64>(repeating: 0)
    private var bits = InlineArray<64, UInt64>(repeating: 0)
    /// Sixteen interrupts in a millisecond: more are a pin that nobody drives.
    private var budget = InterruptBudget(most: 16, window: Duration.milliseconds(1).ticks)
    /// Lines that were delivered and stay closed, a bit each, and until when.
    private var closed: UInt64 = 0
    private var reopen = Instant.immediately

    /// A slot for each pin's notification, and one behind them for the next that comes.
    private static func slot(_ pin: Int) -> Slot { Slot(StartSlot.firstFree.index + UInt32(pin)) }
    private static var arrival: Slot { slot(64) }
    /// Between two attempts to tell the supervisor of a key, in milliseconds.
    private static var patience: UInt64 { 100 }

    /// - Parameter bank: was opened with the edges of `keys`.
    public init(_ information: StartInformation, bank: Bank, keys: KeyPins) {
        self.bank = bank
        self.keys = keys
        interrupts = UInt32(min(information.interrupts, 4))
        // The first parameter: the bank's reserved pins.
        reserved = information.parameterCount > 0 ? information.parameters[0] : 0
        let notification = Notification(StartSlot.notification)
        for line in 0..<interrupts {
            orEnd(
                "an interrupt cannot be bound",
                try interrupt(line).bind(notification, bits: 1 << UInt64(line)))
        }
    }

    private func interrupt(_ line: UInt32) -> Interrupt {
        Interrupt(Slot(StartSlot.interrupt.index + line))
    }

    public mutating func serve(_ information: StartInformation) -> Never {
        var loop = Server(information, receiving: PinService.arrival)
        while true {
            if let request = loop.next(by: nextDuty) {
                switch request.delivery {
                case .notification:
                    if loop.haveClientsGone { forgetClients() }
                    takeEdges(request.badge)
                case .message, .oneWay: GPIOInterface.perform(request, for: &self, &loop)
                case .fault: break
                }
            }
            if closed != 0 && Instant.now >= reopen { openLines() }
            keys.tell(tellSupervisor)
        }
    }

    /// When there is something to do without a request: a line to open, a key to tell of.
    private var nextDuty: Instant {
        let retry: Instant = keys.pressed == 0 ? .never : .after(milliseconds: PinService.patience)
        return closed == 0 ? retry : min(reopen, retry)
    }

    // Edges

    private mutating func takeEdges(_ lines: UInt64) {
        if lines == 0 { return }
        let edges = bank.edges
        keys.note(edges)
        bank.clear(edges)
        for pin in 0..<bank.pinCount where edges & awaited & 1 << UInt64(pin) != 0 {
            // A notification that is no more was that of a task that died.
            do throws(KernelError) {
                try Notification(PinService.slot(pin)).signal(bits[pin])
            } catch { endEdges(pin) }
        }
        closed |= lines
        reopen = Instant(ticks: budget.spend(at: Instant.now.ticks))
    }

    private mutating func openLines() {
        for line in 0..<interrupts where closed & 1 << UInt64(line) != 0 {
            interrupt(line).reopen()
        }
        closed = 0
    }

    private mutating func endEdges(_ pin: Int) {
        if awaited & 1 << UInt64(pin) == 0 { return }
        awaited &= ~(1 << UInt64(pin))
        bank.stopWatching(pin)
        try? CapabilityTable.own.delete(PinService.slot(pin))
    }

    /// Frees the pins of clients that have ended: a notification goes with its task.
    private mutating func forgetClients() {
        for pin in 0..<bank.pinCount where awaited & 1 << UInt64(pin) != 0 {
            let there = try? CapabilityTable.own.describe(PinService.slot(pin))
            if there?.kind != .notification { endEdges(pin) }
        }
    }

    // Requests

    public mutating func state(_ client: ClientBadge) -> PinStates {
        PinStates(
            levels: bank.levels, outputs: bank.outputs, watched: bank.watched,
            count: UInt8(bank.pinCount))
    }

    public mutating func set(
        _ pin: Pin, high: Bool, _ client: ClientBadge
    ) throws(GPIOError) { bank.write(try free(pin, for: client), high: high) }

    public mutating func function(
        of pin: Pin, _ client: ClientBadge
    ) throws(GPIOError) -> PinUse {
        use(bank.function(try number(pin)))
    }

    public mutating func configure(
        _ pin: Pin, as use: PinUse, _ resistor: PinResistor, _ client: ClientBadge
    ) throws(GPIOError) {
        let pull: PinPull? =
            switch resistor {
            case .unchanged: nil
            case .none: PinPull.none
            case .up: .up
            case .down: .down
            }
        let pin = try free(pin, for: client)
        if !bank.configure(pin, function(use), pull) { throw .notOfThisBank }
    }

    public mutating func watch(
        _ pin: Pin, _ edges: PinEdges, _ bell: consuming HandedOver<Notification>, bits: UInt64,
        _ client: ClientBadge
    ) throws(GPIOError) {
        let pin = try free(pin, for: client)
        endEdges(pin)
        do throws(KernelError) { _ = try bell.keep(in: PinService.slot(pin)) } catch {
            throw .notKept
        }
        awaited |= 1 << UInt64(pin)
        clients[pin] = client.task
        self.bits[pin] = bits
        bank.watch(pin, rising: edges != .falling, falling: edges != .rising)
    }

    public mutating func end(_ pin: Pin, _ client: ClientBadge) throws(GPIOError) {
        endEdges(try free(pin, for: client))
    }

    private func number(_ pin: Pin) throws(GPIOError) -> Int {
        if Int(pin.number) >= bank.pinCount { throw .noSuchPin }
        return Int(pin.number)
    }

    /// The number of a pin that is nobody else's.
    private func free(_ pin: Pin, for client: ClientBadge) throws(GPIOError) -> Int {
        let pin = try number(pin)
        let isAnothers = awaited & 1 << UInt64(pin) != 0 && clients[pin] != client.task
        if isAnothers || (reserved | keys.pins) & 1 << UInt64(pin) != 0 { throw .taken }
        return pin
    }

    private func function(_ use: PinUse) -> PinFunction {
        switch use {
        case .input: .input
        case .output: .output
        case .alternative0: .alternative0
        case .alternative1: .alternative1
        case .alternative2: .alternative2
        case .alternative3: .alternative3
        case .alternative4: .alternative4
        case .alternative5: .alternative5
        }
    }

    /// The other way round.
    private func use(_ asked: PinFunction) -> PinUse {
        for code in 0..<8 as Range<UInt8> {
            if let use = PinUse(rawValue: code), function(use) == asked { return use }
        }
        return .input
    }
}

/// Tells the supervisor, which may be just restarting: it does not wait for it.
private func tellSupervisor(_ code: UInt64) -> Bool {
    let supervisor = SupervisorClient(Endpoint(StartSlot.supervisor))
    let key = UInt32(truncatingIfNeeded: code)
    return (try? supervisor.press(key: key, by: .immediately)) != nil
}
