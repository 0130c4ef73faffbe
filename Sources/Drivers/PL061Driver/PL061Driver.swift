// The task around a PL061 bank of pins: the service `gpio`. Watched pins are keys, told to the supervisor.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(PL061Driver_main) func pinDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    let interrupt = Interrupt(StartSlot.interrupt)
    // Words 0–7: each pin's key code, 0 where it is not watched; so a restarted driver watches the same pins.
    let codes = unsafe persistentMemory(information)
    var watched: UInt8 = 0
    for pin in 0..<8 where unsafe codes[pin] != 0 { watched |= 1 << UInt8(pin) }
    var pins = PL061(registers: MMIORegisters(address: information.registers[0]), watched: watched)
    try? interrupt.bind(server.notification, bits: 1)
    while true {
        let request = server.next()
        if request.delivery == .notification {
            let risen = pins.handleInterrupt()
            for pin in 0..<8 where risen & (1 << UInt8(pin)) != 0 {
                let key = unsafe RegisterMessage(SupervisorRequest.key, codes[pin])
                try? Endpoint(StartSlot.supervisor).send(key, deadline: .after(milliseconds: 100))
            }
            try? interrupt.acknowledge()
        }
        if request.delivery != .message { continue }
        switch request[0] {
        case GPIORequest.read:
            var message = RegisterMessage(0, UInt64(pins.levels), UInt64(pins.outputs), UInt64(pins.watched))
            message.setWord(4, 8)
            server.reply(message)
        case GPIORequest.write:
            let isFree = request[1] < 8 && pins.watched & (1 << UInt8(truncatingIfNeeded: request[1])) == 0
            if isFree { pins.write(Int(request[1]), high: request[2] != 0) }
            server.reply(RegisterMessage(isFree ? 0 : 1))
        case GPIORequest.watch:
            if request[1] < 8 {
                unsafe codes[Int(request[1])] = request[2]
                pins.watch(Int(request[1]))
            }
            server.reply(RegisterMessage(request[1] < 8 ? 0 : 1))
        default: server.reply(RegisterMessage(1))
        }
    }
}
