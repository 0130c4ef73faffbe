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

@safe struct PinDriver {
    private var server: Server
    private var pins: PL061<MMIORegisters>
    private let interrupt = Interrupt(StartSlot.interrupt)
    /// Words 0–7: each pin's key code, 0 where it is not watched; so a restarted driver watches the same pins. Word 8: the
    /// keys that were pressed and that nobody was told of yet, a bit a pin; so no press is lost with a driver or a supervisor.
    private let words: UnsafeMutableBufferPointer<UInt64>
    /// Between two attempts to tell, in milliseconds.
    private static let patience: UInt64 = 100

    init(_ information: StartInformation) {
        server = Server(information)
        // Safety: the manifest gives this task a page: 512 words, of which 9 are used.
        let words = unsafe persistentMemory(information)
        unsafe self.words = words
        var watched: UInt8 = 0
        for pin in 0..<8 where unsafe words[pin] != 0 { watched |= 1 << UInt8(pin) }
        pins = PL061(registers: MMIORegisters(address: information.registers[0]), watched: watched)
        try? interrupt.bind(server.notification, bits: 1)
    }

    private var pressed: UInt64 {
        get { unsafe words[8] }
        nonmutating set { unsafe words[8] = newValue }
    }

    mutating func serve() -> Never {
        while true {
            let next = pressed == 0 ? server.next() : server.next(by: .after(milliseconds: PinDriver.patience))
            if let request = next {
                switch request.delivery {
                case .notification: takeEdges()
                case .message: answer(request)
                case .oneWay, .fault: break
                }
            }
            tell()
        }
    }

    /// Notes the edges before it clears them: who dies between may tell a press twice, but never not at all.
    private func takeEdges() {
        let risen = pins.risen
        pressed |= UInt64(risen)
        pins.clear(risen)
        try? interrupt.acknowledge()
    }

    /// Tells the supervisor, which may be just restarting: it does not wait for it.
    private func tell() {
        for pin in 0..<8 where pressed & (1 << UInt64(pin)) != 0 {
            let key = unsafe RegisterMessage(SupervisorRequest.key, words[pin])
            do throws(KernelError) {
                try Endpoint(StartSlot.supervisor).send(key, deadline: .immediately)
                pressed &= ~(1 << UInt64(pin))
            } catch { continue }
        }
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
            if pin < 8 {
                unsafe words[Int(pin)] = request[2]
                pins.watch(Int(pin))
            }
            server.reply(RegisterMessage(pin < 8 ? 0 : 1))
        default: server.reply(RegisterMessage(1))
        }
    }
}
