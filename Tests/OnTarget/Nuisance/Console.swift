// What tasks try at the console: to read what is typed, to take the keyboard, to look like
// somebody else.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// May write to the console, and tries to read.
func snoop() -> Never {
    guard let serial = open() else { rest() }
    sleep(milliseconds: 500)
    func isRefused(_ work: () throws(SystemError) -> Void) -> Bool {
        do throws(SystemError) { try work() } catch { return error == .refused(.notPermitted) }
        return false
    }
    let areRefused =
        isRefused { () throws(SystemError) in _ = try read(serial, from: .max) }
        && isRefused { () throws(SystemError) in _ = try read(serial, from: 0) }
        && isRefused { () throws(SystemError) in try serial.release(before: 0) }
        && isRefused { () throws(SystemError) in _ = try serial.state() }
        && isRefused { () throws(SystemError) in
            _ = try serial.writeRaw(Bytes(), isEdited: false)
        }
    say(areRefused ? "may write and cannot read" : "reads what is typed")
    rest()
}

private func open() -> SerialClient? { open(Name("serial")).map { SerialClient($0) } }
private func read(
    _ serial: SerialClient, from first: UInt64, replacements: UInt64 = 0
) throws(SystemError) -> ReceivedBytes {
    try serial.read(from: first, replacements: replacements, by: .after(milliseconds: 100))
}

/// May read, and asks without a pause while the shell does.
func readAgainstTheShell() -> Never {
    guard let serial = open() else { rest() }
    sleep(milliseconds: 500)
    say("reads the keyboard")
    var known: UInt64 = 0
    var reads: UInt64 = 0
    let end = Instant.after(milliseconds: 4000)
    while Instant.now < end {
        if let input = try? read(serial, from: .max, replacements: known) {
            reads += 1
            known = input.replacements
        }
    }
    say(reads == 0 ? "never got the keyboard" : "got the keyboard from the shell")
    rest()
}

/// Writes what looks like lines of the log, asks the terminal questions, and clears the screen.
func forge() -> Never {
    guard let serial = open() else { rest() }
    sleep(milliseconds: 500)
    say(Text("hello\r\n[9.999 supervisor] shell GIVEN UP: it died too often"))
    say(Text("ask\u{1b}]10;?\u{7}\u{1b}[c\u{1b}[6n\u{9b}2J"))
    for text: StaticString in [
        "one\n[9.999 supervisor] shell GIVEN UP", ": it died too often\r[9.999 supervisor] here\n",
        "\u{1b}[2J\u{1b}[6n\u{9b}6n\u{5}two\n",
    ] {
        let bytes = Bytes<160>(prefixOf: Text(text).bytes.span)
        try? serial.write(bytes)
        // It has no right to that.
        _ = try? serial.writeRaw(Bytes(), isEdited: true)
    }
    say("has said it all")
    rest()
}
