// The task around a UART: the service `serial`.

import DriverCores
import Interfaces
import MMIO
import SerialService

@c(SerialDriver_main) func serialDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let registers = MMIORegisters(address: information.registers[0])
    // Safety: a page is 512 words, of which each ring takes 136.
    let memory = unsafe persistentMemory(information)
    let received = unsafe ByteRing(memory: UnsafeMutableBufferPointer(rebasing: memory[0..<256]))
    let pending = unsafe ByteRing(memory: UnsafeMutableBufferPointer(rebasing: memory[256..<512]))
    // The order of `compatible` in the manifest: a PL011, then a mini-UART.
    if information.variant == 0 {
        let port = PL011(registers: registers)
        let line = SerialLine(port: port, received: received, pending: pending)
        SerialService(line, waiting: information.waiting).serve(information)
    } else {
        let port = MiniUART(registers: registers)
        let line = SerialLine(port: port, received: received, pending: pending)
        SerialService(line, waiting: information.waiting).serve(information)
    }
}
