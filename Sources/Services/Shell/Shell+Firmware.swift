// The shell's command `board`: what the board's firmware knows.

import Interfaces
import ServiceCores

extension Shell {
    mutating func board() {
        let firmware: FirmwareClient
        do throws(SystemError) {
            firmware = try FirmwareClient(finding: Shell.slot(3), by: Shell.patience)
        } catch {
            return say(error == .noService ? "no firmware that can be asked" : error.text)
        }
        line("board        ") { out throws(SystemError) in
            let code = try firmware.boardRevision(by: Shell.patience)
            let board = BoardRevision(code: code)
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
            out.hexadecimal(UInt64(code))
            out.add(")")
        }
        line("serial       ") { out throws(SystemError) in
            out.hexadecimal(try firmware.serialNumber(by: Shell.patience), digits: 16)
        }
        line("firmware     ") { out throws(SystemError) in
            out.hexadecimal(UInt64(try firmware.firmwareRevision(by: Shell.patience)), digits: 8)
        }
        line("temperature  ") { out throws(SystemError) in
            let temperature = UInt64(try firmware.temperature(by: Shell.patience))
            out.decimal(temperature / 1000)
            out.add(".")
            out.decimal(temperature % 1000 / 100)
            out.add(" C")
        }
        for (title, clock) in [
            ("arm clock    ", .arm), ("core clock   ", .core), ("uart clock   ", .uart),
        ] as [(StaticString, FirmwareClock)] {
            line(title) { out throws(SystemError) in
                out.decimal(UInt64(try firmware.rate(of: clock, by: Shell.patience)))
                out.add(" Hz")
            }
        }
        for (title, owner) in [
            ("arm memory   ", .arm), ("video memory ", .videoCore),
        ] as [(StaticString, FirmwareMemory)] {
            line(title) { out throws(SystemError) in
                let memory = try firmware.memory(of: owner, by: Shell.patience)
                out.size(UInt64(memory.bytes))
                out.add(" at ")
                out.hexadecimal(UInt64(memory.start))
            }
        }
    }

    /// Shows a line, or why there is no answer.
    private mutating func line(
        _ title: StaticString, _ write: (inout Text) throws(SystemError) -> Void
    ) {
        terminal.out.add(title)
        do throws(SystemError) {
            try write(&terminal.out)
            terminal.out.newLine()
        } catch { say(error, FirmwareError.self) }
    }
}
