// What tasks try at the console: to read what is typed, to take the keyboard, to look like
// somebody else.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// May write to the console, and tries to read.
func snoop() -> Never {
    guard let serial = open(Name("serial")) else { rest() }
    sleep(milliseconds: 500)
    let requests = [
        RegisterMessage(SerialRequest.read, SerialRequest.fromOldest, 0),
        RegisterMessage(SerialRequest.read, 0, 0),
        RegisterMessage(SerialRequest.release, 0), RegisterMessage(SerialRequest.state),
    ]
    let isRefused = requests.allSatisfy { ask(serial, $0) == SerialRequest.notPermitted }
    say(isRefused ? "may write and cannot read" : "reads what is typed")
    rest()
}

/// May read, and asks without a pause while the shell does.
func readAgainstTheShell() -> Never {
    guard let serial = open(Name("serial")) else { rest() }
    sleep(milliseconds: 500)
    say("reads the keyboard")
    var known: UInt64 = 0
    var reads: UInt64 = 0
    let end = Instant.after(milliseconds: 4000)
    while Instant.now < end {
        let request = RegisterMessage(SerialRequest.read, SerialRequest.fromOldest, known)
        let reply = try? serial.call(request, deadline: .after(milliseconds: 100))
        if let reply, reply[0] == 0 {
            reads += 1
            known = reply[1]
        }
    }
    say(reads == 0 ? "never got the keyboard" : "got the keyboard from the shell")
    rest()
}

/// Writes what looks like lines of the log, asks the terminal questions, and clears the screen.
func forge() -> Never {
    guard let serial = open(Name("serial")) else { rest() }
    sleep(milliseconds: 500)
    say(Text("hello\r\n[9.999 supervisor] shell GIVEN UP: it died too often"))
    say(Text("ask\u{1b}]10;?\u{7}\u{1b}[c\u{1b}[6n\u{9b}2J"))
    for text: StaticString in [
        "one\n[9.999 supervisor] shell GIVEN UP", ": it died too often\r[9.999 supervisor] here\n",
        "\u{1b}[2J\u{1b}[6n\u{9b}6n\u{5}two\n",
    ] {
        let bytes = Text(text).bytes
        let head = RegisterMessage(
            SerialRequest.write | SerialRequest.edited | UInt64(bytes.count) << 8)
        _ = try? serial.call(head, bytes: bytes.span, deadline: .after(milliseconds: 1000))
    }
    say("has said it all")
    rest()
}
