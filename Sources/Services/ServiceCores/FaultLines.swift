// A task's fault as lines for people: what happened, the registers that say where, and the stack.
// The host command finds the places in the source by these lines (ToolCore/FaultReport.swift):
// `NAME faulted:` or `NAME hangs:`, then `pc`, `lr`, `stack`. What a task says of its end stands in
// quotation marks, and is not read there.

/// A report under construction; each line is short enough for a terminal.
public struct FaultLines: Equatable, Sendable {
    public private(set) var lines: [[UInt8]] = []
    /// Bytes of a line: with the log's head, less than one and a half rows of a terminal.
    public static let maximumLength = 104
    /// A fault, with its cause in words (`FaultCause.words`) and what the task itself said
    /// (`FaultCause.saying`).
    public init(_ name: Name, faulted cause: [UInt8], saying: [UInt8]) {
        var text = Text()
        text.add(name)
        text.add(" faulted:")
        // A long name leaves the cause a line of its own.
        if text.bytes.count + 1 + cause.count > FaultLines.maximumLength {
            lines.append(text.bytes)
            text = Text(" ")
        }
        text.add(" ")
        text.add(cause)
        lines.append(text.bytes)
        if saying.isEmpty { return }
        var said = Text("  text \"")
        said.add(saying)
        said.add("\"")
        lines.append(said.bytes)
    }

    /// A task whose fault nobody was told of.
    public init(unseen name: Name) {
        var text = Text()
        text.add(name)
        text.add(" faulted while the supervisor was dead")
        lines.append(text.bytes)
    }

    /// A task that shows no sign of life.
    public init(hangs name: Name) {
        var text = Text()
        text.add(name)
        text.add(" hangs: it shows no sign of life")
        lines.append(text.bytes)
    }

    /// The thread that faulted, unless it is the task's first: that has no name.
    public mutating func add(thread name: Name) {
        if name.isEmpty { return }
        var text = Text("  thread ")
        text.add(name)
        lines.append(text.bytes)
    }

    public mutating func add(programCounter: UInt64, linkRegister: UInt64) {
        var text = Text("  pc ")
        text.hexadecimal(programCounter)
        text.add(" lr ")
        text.hexadecimal(linkRegister)
        lines.append(text.bytes)
    }

    /// The other registers of a fault message, behind program counter and link register.
    public mutating func add(stackPointer: UInt64, framePointer: UInt64, syndrome: UInt64) {
        guard let last = lines.popLast() else { return }
        var text = Text()
        text.add(last)
        text.add(" sp ")
        text.hexadecimal(stackPointer)
        text.add(" fp ")
        text.hexadecimal(framePointer)
        text.add(" esr ")
        text.hexadecimal(syndrome)
        lines.append(text.bytes)
    }

    /// Where it was, and who called that: a task's stack, as many of its addresses as fit the line.
    /// An address that the log cut would name another place.
    public mutating func add(stack programCounter: UInt64, _ addresses: [UInt64]) {
        if addresses.isEmpty { return }
        var text = Text("  stack ")
        text.hexadecimal(programCounter)
        for address in addresses {
            var further = text
            further.add(" ")
            further.hexadecimal(address)
            if further.bytes.count > FaultLines.maximumLength { break }
            text = further
        }
        lines.append(text.bytes)
    }
}
