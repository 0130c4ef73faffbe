// The shell's terminal: the serial driver's service, with the patience that outlives the driver.
//
// Every byte that the driver accepted is acknowledged only when the shell has taken it. A call that ends because the driver
// died is made again until a new driver answers: it finds the same bytes in the memory that survived.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

struct Terminal {
    private let serial = StartSlot.firstFree
    private var isOpen = false
    /// Number of the next byte to take; nil before the first read.
    private var next: UInt64?
    private var input: [UInt8] = []
    private var position = 0
    /// Text that waits to be sent.
    var out = Text()

    /// Waits until there is a serial driver.
    private mutating func open() {
        let name = Name("serial")
        while !isOpen {
            isOpen = openService([name.word0, name.word1, name.word2, name.word3], to: serial)
            if !isOpen { sleep(milliseconds: 20) }
        }
    }

    /// Sends what waits. Returns when the driver took all of it.
    mutating func flush() {
        open()
        let bytes = out.bytes
        var start = 0
        while start < bytes.count {
            let count = min(SerialRequest.maximumWrite, bytes.count - start)
            var message = RegisterMessage(SerialRequest.write | UInt64(count) << 8)
            message.setBytes(bytes.span.extracting(start..<(start + count)), at: 1)
            do throws(KernelError) {
                start += min(Int(try Endpoint(serial).call(message)[1]), count)
            } catch { sleep(milliseconds: 10) }
        }
        out.clear()
    }

    /// The next byte from the keyboard.
    mutating func byte() -> UInt8 {
        while position == input.count { fill() }
        position += 1
        return input[position - 1]
    }

    private mutating func fill() {
        open()
        input.removeAll(keepingCapacity: true)
        position = 0
        let request = RegisterMessage(SerialRequest.read, next ?? SerialRequest.fromOldest)
        do throws(KernelError) {
            let reply = try Endpoint(serial).call(request)
            if reply[0] != 0 { return sleep(milliseconds: 10) }
            let count = Int(reply[2])
            for index in 0..<count { input.append(reply.byte(index, at: 3)) }
            if count > 0 { next = reply[1] &+ UInt64(count) }
        } catch { sleep(milliseconds: 10) }
    }
}

/// Waits on the task's own notification, which nobody signals.
func sleep(milliseconds: UInt64) {
    _ = try? Notification(StartSlot.notification).wait(deadline: .after(milliseconds: milliseconds))
}
