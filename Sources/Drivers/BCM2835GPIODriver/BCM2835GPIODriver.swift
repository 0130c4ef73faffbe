// The task around the BCM2835's or the BCM2711's pins: the service `gpio`. Edges are told to the supervisor, where the pin
// is a key, or signalled to a notification that a client handed over.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(BCM2835GPIODriver_main) func pinDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var driver = PinDriver(information)
    driver.serve()
}

struct PinDriver {
    private var server: Server
    private let pins: BCM2835GPIO<MMIORegisters>
    private let interrupts: UInt32
    private var keys: KeyPins
    /// By pin: who asked for its edges, and the bits to signal; 0 where nobody did.
    private var clients = InlineArray<64, UInt64>(repeating: 0)
    private var bits = InlineArray<64, UInt64>(repeating: 0)
    /// Sixteen interrupts in a millisecond: more are a pin that nobody drives.
    private var budget = InterruptBudget(most: 16, window: Duration.milliseconds(1).ticks)
    /// Lines that were delivered and stay closed for now, a bit each, and until when.
    private var closed: UInt64 = 0
    private var reopen = Instant.immediately

    /// A slot for each pin's notification, and one behind them for the next that comes.
    private static func slot(_ pin: Int) -> Slot { Slot(StartSlot.firstFree.index + UInt32(pin)) }
    private static var arrival: Slot { slot(64) }
    /// Between two attempts to tell the supervisor of a key, in milliseconds.
    private static var patience: UInt64 { 100 }

    init(_ information: StartInformation) {
        server = Server(information)
        interrupts = UInt32(min(information.interrupts, 4))
        // Safety: the manifest gives this task a page, more than the keys take.
        keys = unsafe KeyPins(memory: persistentMemory(information))
        // The manifest's second `compatible` is the BCM2711's.
        pins = BCM2835GPIO(
            registers: MMIORegisters(address: information.registers[0]),
            model: information.variant == 0 ? .bcm2835 : .bcm2711, watched: keys.pins)
        for line in 0..<interrupts { try? interrupt(line).bind(server.notification, bits: 1 << UInt64(line)) }
    }

    private func interrupt(_ line: UInt32) -> Interrupt { Interrupt(Slot(StartSlot.interrupt.index + line)) }

    mutating func serve() -> Never {
        IPCBufferAccess().setReceiveSlots(PinDriver.arrival)
        while true {
            if let request = server.next(by: nextDuty) {
                switch request.delivery {
                case .notification: takeEdges(request.badge)
                case .message: server.reply(answer(request))
                case .oneWay, .fault: break
                }
                // What a request brought and nobody took.
                if request.capabilityCount > 0 { try? CapabilityTable.own.delete(PinDriver.arrival) }
            }
            if closed != 0 && Instant.now >= reopen { openLines() }
            keys.tell(PinDriver.tell)
        }
    }

    /// When there is something to do without a request: a line to open, a key to tell of.
    private var nextDuty: Instant {
        let retry: Instant = keys.pressed == 0 ? .never : .after(milliseconds: PinDriver.patience)
        return closed == 0 ? retry : min(reopen, retry)
    }

    // Edges

    private mutating func takeEdges(_ lines: UInt64) {
        let edges = pins.edges
        keys.note(edges)
        pins.clear(edges)
        for pin in 0..<pins.pinCount where edges & 1 << UInt64(pin) != 0 && bits[pin] != 0 { signal(pin) }
        closed |= lines
        reopen = Instant(ticks: budget.spend(at: Instant.now.ticks))
    }

    private mutating func openLines() {
        for line in 0..<interrupts where closed & 1 << UInt64(line) != 0 { try? interrupt(line).acknowledge() }
        closed = 0
    }

    /// A notification that is no more was that of a task that died: nobody wants the pin's edges now.
    private mutating func signal(_ pin: Int) {
        do throws(KernelError) { try Notification(PinDriver.slot(pin)).signal(bits[pin]) } catch { endEdges(pin) }
    }

    private mutating func endEdges(_ pin: Int) {
        bits[pin] = 0
        pins.watch(pin, rising: keys.code(pin) != 0, falling: false)
        try? CapabilityTable.own.delete(PinDriver.slot(pin))
    }

    /// Tells the supervisor, which may be just restarting: it does not wait for it.
    private static func tell(_ code: UInt64) -> Bool {
        let message = RegisterMessage(SupervisorRequest.key, code)
        return (try? Endpoint(StartSlot.supervisor).send(message, deadline: .immediately)) != nil
    }

    // Requests

    private mutating func answer(_ request: Received) -> RegisterMessage {
        if request[0] == GPIORequest.read {
            var message = RegisterMessage(0, pins.levels, pins.outputs, pins.watched)
            message.setWord(4, UInt64(pins.pinCount))
            return message
        }
        guard request[1] < UInt64(pins.pinCount) else { return RegisterMessage(1) }
        let pin = Int(request[1])
        if request[0] == GPIORequest.function { return RegisterMessage(0, use(pins.function(pin)).rawValue) }
        if request[0] == GPIORequest.watch {
            if request[2] == 0 { return RegisterMessage(1) }
            keys.setCode(pin, request[2])
            endEdges(pin)
            return RegisterMessage(0)
        }
        // A key stays a key, and a pin whose edges a task waits for is that task's.
        if keys.code(pin) != 0 || isAnothers(pin, request.badge) { return RegisterMessage(1) }
        switch request[0] {
        case GPIORequest.write: pins.write(pin, high: request[2] != 0)
        case GPIORequest.configure: return configure(pin, request)
        case GPIORequest.notify: return notify(pin, request)
        default: return RegisterMessage(1)
        }
        return RegisterMessage(0)
    }

    /// Whether another task, which lives, waits for the pin's edges.
    private func isAnothers(_ pin: Int, _ task: UInt64) -> Bool {
        if bits[pin] == 0 || clients[pin] == task { return false }
        return (try? CapabilityTable.own.describe(PinDriver.slot(pin)))?.kind == .notification
    }

    private func configure(_ pin: Int, _ request: Received) -> RegisterMessage {
        guard let use = PinUse(rawValue: request[2]), let resistor = PinResistor(rawValue: request[3]) else {
            return RegisterMessage(1)
        }
        switch resistor {
        case .unchanged: break
        case .none: pins.setPull(pin, .none)
        case .up: pins.setPull(pin, .up)
        case .down: pins.setPull(pin, .down)
        }
        pins.setFunction(pin, function(use))
        return RegisterMessage(0)
    }

    private mutating func notify(_ pin: Int, _ request: Received) -> RegisterMessage {
        if request[2] == 0 {
            if bits[pin] != 0 { endEdges(pin) }
            return RegisterMessage(0)
        }
        guard request.capabilityCount == 1, request[2] < 4, request[3] != 0,
            let arrived = try? CapabilityTable.own.describe(PinDriver.arrival), arrived.kind == .notification
        else { return RegisterMessage(1) }
        endEdges(pin)
        guard (try? CapabilityTable.own.move(PinDriver.arrival, to: PinDriver.slot(pin))) != nil else {
            return RegisterMessage(1)
        }
        clients[pin] = request.badge
        bits[pin] = request[3]
        pins.watch(pin, rising: request[2] & 1 != 0, falling: request[2] & 2 != 0)
        return RegisterMessage(0)
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
