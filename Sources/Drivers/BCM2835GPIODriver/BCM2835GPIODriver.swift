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

@safe struct PinDriver {
    private var server: Server
    private let pins: BCM2835GPIO<MMIORegisters>
    private let interrupts: UInt32
    /// By pin: its key's code, 0 where it is none. This memory survives the driver, so that a key stays one.
    private let codes: UnsafeMutableBufferPointer<UInt64>
    /// By pin: the bits to signal, 0 where nobody asked.
    private var bits = InlineArray<64, UInt64>(repeating: 0)

    /// A slot for each pin's notification, and one behind them for the next that comes.
    private static func slot(_ pin: Int) -> Slot { Slot(StartSlot.firstFree.index + UInt32(pin)) }
    private static var arrival: Slot { slot(64) }

    init(_ information: StartInformation) {
        server = Server(information)
        interrupts = UInt32(min(information.interrupts, 4))
        // Safety: the manifest gives this task a page, 512 words, of which 64 are used.
        unsafe codes = persistentMemory(information)
        // The manifest's second `compatible` is the BCM2711's.
        pins = BCM2835GPIO(
            registers: MMIORegisters(address: information.registers[0]),
            model: information.variant == 0 ? .bcm2835 : .bcm2711)
        for pin in 0..<pins.pinCount where unsafe codes[pin] != 0 { pins.watch(pin, rising: true, falling: false) }
        for line in 0..<interrupts { try? interrupt(line).bind(server.notification, bits: 1 << UInt64(line)) }
    }

    private func interrupt(_ line: UInt32) -> Interrupt { Interrupt(Slot(StartSlot.interrupt.index + line)) }

    mutating func serve() -> Never {
        IPCBufferAccess().setReceiveSlots(PinDriver.arrival)
        while true {
            let request = server.next()
            switch request.delivery {
            case .notification:
                tell(pins.handleInterrupt())
                for line in 0..<interrupts where request.badge & 1 << UInt64(line) != 0 {
                    try? interrupt(line).acknowledge()
                }
            case .message: server.reply(answer(request))
            case .oneWay, .fault: break
            }
            // What a request brought and nobody took.
            if request.capabilityCount > 0 { try? CapabilityTable.own.delete(PinDriver.arrival) }
        }
    }

    private func tell(_ edges: UInt64) {
        for pin in 0..<pins.pinCount where edges & 1 << UInt64(pin) != 0 {
            if bits[pin] != 0 { try? Notification(PinDriver.slot(pin)).signal(bits[pin]) }
            let code = unsafe codes[pin]
            if code == 0 { continue }
            try? Endpoint(StartSlot.supervisor).send(
                RegisterMessage(SupervisorRequest.key, code), deadline: .after(milliseconds: 100))
        }
    }

    private mutating func answer(_ request: Received) -> RegisterMessage {
        if request[0] == GPIORequest.read {
            var message = RegisterMessage(0, pins.levels, pins.outputs, pins.watched)
            message.setWord(4, UInt64(pins.pinCount))
            return message
        }
        guard request[1] < UInt64(pins.pinCount) else { return RegisterMessage(1) }
        let pin = Int(request[1])
        if request[0] == GPIORequest.function { return RegisterMessage(0, use(pins.function(pin)).rawValue) }
        // A key stays a key.
        if unsafe codes[pin] != 0 && request[0] != GPIORequest.watch { return RegisterMessage(1) }
        switch request[0] {
        case GPIORequest.write: pins.write(pin, high: request[2] != 0)
        case GPIORequest.watch:
            unsafe codes[pin] = request[2]
            pins.watch(pin, rising: request[2] != 0, falling: false)
        case GPIORequest.configure: return configure(pin, request)
        case GPIORequest.notify: return notify(pin, request)
        default: return RegisterMessage(1)
        }
        return RegisterMessage(0)
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
        let place = PinDriver.slot(pin)
        if request[2] == 0 {
            pins.watch(pin, rising: false, falling: false)
            bits[pin] = 0
            try? CapabilityTable.own.delete(place)
            return RegisterMessage(0)
        }
        guard request.capabilityCount == 1, request[2] < 4, request[3] != 0,
            let arrived = try? CapabilityTable.own.describe(PinDriver.arrival), arrived.kind == .notification
        else { return RegisterMessage(1) }
        try? CapabilityTable.own.delete(place)
        guard (try? CapabilityTable.own.move(PinDriver.arrival, to: place)) != nil else { return RegisterMessage(1) }
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
