// The shell's command `board`: what the board's firmware knows.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// Tags of the firmware's property calls (its wiki, "Mailbox property interface").
private enum Tag {
    static var firmware: UInt64 { 0x0000_0001 }
    static var revision: UInt64 { 0x0001_0002 }
    static var serial: UInt64 { 0x0001_0004 }
    static var armMemory: UInt64 { 0x0001_0005 }
    static var videoCoreMemory: UInt64 { 0x0001_0006 }
    static var clockRate: UInt64 { 0x0003_0002 }
    static var temperature: UInt64 { 0x0003_0006 }
}

extension Shell {
    mutating func board() {
        guard let firmware = opened(Name("firmware"), 3) else {
            return say("no firmware that can be asked")
        }
        line("board        ", ask(firmware, Tag.revision)) { out, reply in
            let board = BoardRevision(code: UInt32(truncatingIfNeeded: reply[2]))
            out.add(board.name)
            if let minor = board.minor {
                out.add(" 1.")
                out.decimal(minor)
            }
            if let megabytes = board.megabytes {
                out.add(", ")
                out.decimal(megabytes)
                out.add(" MiB")
            }
            out.add(" (")
            out.hexadecimal(reply[2])
            out.add(")")
        }
        line("serial       ", ask(firmware, Tag.serial)) { out, reply in
            out.hexadecimal(reply[3] << 32 | reply[2], digits: 16)
        }
        line("firmware     ", ask(firmware, Tag.firmware)) { out, reply in
            out.hexadecimal(reply[2], digits: 8)
        }
        line("temperature  ", ask(firmware, Tag.temperature, 0)) { out, reply in
            out.decimal(reply[3] / 1000)
            out.add(".")
            out.decimal(reply[3] % 1000 / 100)
            out.add(" C")
        }
        line("arm clock    ", ask(firmware, Tag.clockRate, 3), Shell.hertz)
        line("core clock   ", ask(firmware, Tag.clockRate, 4), Shell.hertz)
        line("uart clock   ", ask(firmware, Tag.clockRate, 2), Shell.hertz)
        line("arm memory   ", ask(firmware, Tag.armMemory), Shell.region)
        line("video memory ", ask(firmware, Tag.videoCoreMemory), Shell.region)
    }

    private static func hertz(_ out: inout Text, _ reply: Received) {
        out.decimal(reply[3])
        out.add(" Hz")
    }
    private static func region(_ out: inout Text, _ reply: Received) {
        out.size(reply[3])
        out.add(" at ")
        out.hexadecimal(reply[2])
    }

    private func ask(_ firmware: Endpoint, _ tag: UInt64, _ argument: UInt64 = 0) -> Received? {
        ask(firmware, RegisterMessage(FirmwareRequest.ask, tag, argument))
    }

    private mutating func line(
        _ title: StaticString, _ reply: Received?, _ write: (inout Text, Received) -> Void
    ) {
        terminal.out.add(title)
        guard let reply else { return say("the driver does not answer") }
        if reply[0] != 0 { return say(FirmwareError(rawValue: reply[0])?.text ?? "refused") }
        write(&terminal.out, reply)
        terminal.out.newLine()
    }
}
