// The task around a PL061 bank of pins: the service `gpio`. Watched pins are keys, told to the supervisor.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(PL061Driver_main) func pinDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var driver = PinDriver(information)
    driver.serve()
}

struct PinDriver {
    private var server: Server
    private var pins: PL061<MMIORegisters>
    private let interrupt = Interrupt(StartSlot.interrupt)
    private var keys: KeyPins
    /// Between two attempts to tell, in milliseconds.
    private static let patience: UInt64 = 100

    init(_ information: StartInformation) {
        server = Server(information)
        // Safety: the manifest gives this task a page, more than the keys take.
        keys = unsafe KeyPins(memory: persistentMemory(information))
        pins = PL061(
            registers: MMIORegisters(address: information.registers[0]),
            watched: UInt8(truncatingIfNeeded: keys.pins))
        try? interrupt.bind(server.notification, bits: 1)
    }

    mutating func serve() -> Never {
        while true {
            let next = keys.pressed == 0 ? server.next() : server.next(by: .after(milliseconds: PinDriver.patience))
            if let request = next {
                switch request.delivery {
                case .notification: takeEdges()
                case .message: answer(request)
                case .oneWay, .fault: break
                }
            }
            keys.tell(PinDriver.tell)
        }
    }

    private mutating func takeEdges() {
        let risen = pins.risen
        keys.note(UInt64(risen))
        pins.clear(risen)
        try? interrupt.acknowledge()
    }

    /// Tells the supervisor, which may be just restarting: it does not wait for it.
    private static func tell(_ code: UInt64) -> Bool {
        let message = RegisterMessage(SupervisorRequest.key, code)
        return (try? Endpoint(StartSlot.supervisor).send(message, deadline: .immediately)) != nil
    }

    private mutating func answer(_ request: Received) {
        let pin = request[1]
        switch request[0] {
        case GPIORequest.read:
            var message = RegisterMessage(0, UInt64(pins.levels), UInt64(pins.outputs), UInt64(pins.watched))
            message.setWord(4, 8)
            server.reply(message)
        case GPIORequest.write:
            let isFree = pin < 8 && pins.watched & (1 << UInt8(truncatingIfNeeded: pin)) == 0
            if isFree { pins.write(Int(pin), high: request[2] != 0) }
            server.reply(RegisterMessage(isFree ? 0 : 1))
        case GPIORequest.watch:
            let isKey = pin < 8 && request[2] != 0
            if isKey {
                keys.setCode(Int(pin), request[2])
                pins.watch(Int(pin))
            }
            server.reply(RegisterMessage(isKey ? 0 : 1))
        default: server.reply(RegisterMessage(1))
        }
    }
}
