// The service `gpio` around any bank of pins. Edges are told to the supervisor, where the pin is a
// key, or signalled to a notification that a client handed over.

import DriverCores
import KernelABI
import Protocols
import UserRuntime

extension KeyPins {
    /// The keys that the device manager names, and presses of this task's earlier lives that nobody
    /// was told of. A key at a pin that no bank has is left out; the device manager sees that.
    /// - Precondition: the manifest gives the task a page of `persistent` memory.
    public init(_ information: StartInformation) {
        // Safety: that page is more than the keys take.
        unsafe self.init(memory: persistentMemory(information))
        for index in 0..<Int(min(information.parameterCount, 32)) {
            let key = PinKey(word: information.parameters[index])
            if key.pin < 64 && key.code != 0 {
                setKey(Int(key.pin), UInt64(key.code), isFalling: key.isFalling)
            }
        }
    }
}

public struct PinService<Bank: PinBank> {
    private var server: Server
    private var bank: Bank
    private let interrupts: UInt32
    private var keys: KeyPins
    /// By pin: who asked for its edges, and the bits to signal; 0 where nobody did.
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
        server = Server(information, receiving: PinService.arrival)
        self.bank = bank
        self.keys = keys
        interrupts = UInt32(min(information.interrupts, 4))
        for line in 0..<interrupts {
            orEnd(
                "an interrupt cannot be bound",
                try interrupt(line).bind(server.notification, bits: 1 << UInt64(line)))
        }
    }

    private func interrupt(_ line: UInt32) -> Interrupt {
        Interrupt(Slot(StartSlot.interrupt.index + line))
    }

    public mutating func serve() -> Never {
        while true {
            if let request = server.next(by: nextDuty) {
                switch request.delivery {
                case .notification: takeEdges(request.badge)
                case .message:
                    do throws(GPIOError) { server.reply(try answer(request)) } catch {
                        server.reply(RegisterMessage(error.rawValue))
                    }
                case .oneWay, .fault: break
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
        let edges = bank.edges
        keys.note(edges)
        bank.clear(edges)
        for pin in 0..<bank.pinCount where edges & 1 << UInt64(pin) != 0 && bits[pin] != 0 {
            signal(pin)
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

    /// A notification that is no more was that of a task that died: nobody wants the pin's
    /// edges now.
    private mutating func signal(_ pin: Int) {
        do throws(KernelError) { try Notification(PinService.slot(pin)).signal(bits[pin]) } catch {
            endEdges(pin)
        }
    }

    private mutating func endEdges(_ pin: Int) {
        bits[pin] = 0
        bank.stopWatching(pin)
        try? CapabilityTable.own.delete(PinService.slot(pin))
    }

    // Requests

    private mutating func answer(_ request: Received) throws(GPIOError) -> RegisterMessage {
        if request[0] == GPIORequest.read {
            var message = RegisterMessage(0, bank.levels, bank.outputs, bank.watched)
            message.setWord(4, UInt64(bank.pinCount))
            return message
        }
        guard request[1] < UInt64(bank.pinCount) else { throw .noSuchPin }
        let pin = Int(request[1])
        if request[0] == GPIORequest.function {
            return RegisterMessage(0, use(bank.function(pin)).rawValue)
        }
        // A pin whose edges a task waits for is that task's, for as long as it lives; a key
        // stays a key.
        if bits[pin] != 0 && !isAwaited(pin) { endEdges(pin) }
        if bits[pin] != 0 && clients[pin] != request.client.task { throw .taken }
        if keys.code(pin) != 0 { throw .taken }
        switch request[0] {
        case GPIORequest.write: bank.write(pin, high: request[2] != 0)
        case GPIORequest.configure: try configure(pin, request)
        case GPIORequest.notify: try notify(pin, request)
        default: throw .badRequest
        }
        return RegisterMessage(0)
    }

    /// Whether the notification for the pin's edges is still there: it goes with its task.
    private func isAwaited(_ pin: Int) -> Bool {
        (try? CapabilityTable.own.describe(PinService.slot(pin)))?.kind == .notification
    }

    private func configure(_ pin: Int, _ request: Received) throws(GPIOError) {
        guard let use = PinUse(rawValue: request[2]),
            let resistor = PinResistor(rawValue: request[3])
        else { throw .badRequest }
        let pull: PinPull? =
            switch resistor {
            case .unchanged: nil
            case .none: PinPull.none
            case .up: .up
            case .down: .down
            }
        if !bank.configure(pin, function(use), pull) { throw .notOfThisBank }
    }

    private mutating func notify(_ pin: Int, _ request: Received) throws(GPIOError) {
        if request[2] == 0 {
            if bits[pin] != 0 { endEdges(pin) }
            return
        }
        guard request.capabilityCount == 1, request[2] < 4, request[3] != 0,
            let arrived = try? CapabilityTable.own.describe(PinService.arrival),
            arrived.kind == .notification
        else { throw .badRequest }
        if bits[pin] != 0 { endEdges(pin) }
        guard (try? CapabilityTable.own.move(PinService.arrival, to: PinService.slot(pin))) != nil
        else { throw .badRequest }
        clients[pin] = request.client.task
        bits[pin] = request[3]
        bank.watch(pin, rising: request[2] & 1 != 0, falling: request[2] & 2 != 0)
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
        for code in 0..<8 as Range<UInt64> {
            if let use = PinUse(rawValue: code), function(use) == asked { return use }
        }
        return .input
    }
}

/// Tells the supervisor, which may be just restarting: it does not wait for it.
private func tellSupervisor(_ code: UInt64) -> Bool {
    let message = RegisterMessage(SupervisorRequest.key, code)
    return (try? Endpoint(StartSlot.supervisor).send(message, deadline: .immediately)) != nil
}
