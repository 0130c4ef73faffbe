// Panic and fault reports as they come, line by line: which addresses of a line are worth a look,
// and in whose ELF file.
//
// The kernel reports in Sources/Kernel/KernelImage/Panic.swift, the supervisor in
// Sources/Services/Supervisor. Both put the program counter behind `pc`, the link register behind
// `lr`, and return addresses behind `stack`, all starting with 0x. A task's own text stands in
// quotation marks, and is not read.

/// An address of a report.
public struct ReportedAddress: Equatable {
    /// What it is: `pc`, `lr`, or `#n` for the n-th of a stack.
    public var label: String
    /// As the report writes it.
    public var text: String
    public var value: UInt64
    /// A return address stands behind the call that it belongs to.
    public var isReturn: Bool

    public init(label: String, text: String, value: UInt64, isReturn: Bool) {
        self.label = label
        self.text = text
        self.value = value
        self.isReturn = isReturn
    }

    /// The address to look up: of the instruction that was running, or that called.
    public var place: UInt64 { isReturn ? value &- 4 : value }
    /// Whether it lies in the kernel's half of the address space.
    public var isKernel: Bool { value >> 63 == 1 }
}

/// Reads a console's lines and knows whose report they belong to.
public struct FaultReport {
    /// The task whose fault was reported last, without the number of a driver's instance.
    public private(set) var task: String?

    public init() {}

    /// The addresses of the next line.
    public mutating func read(_ line: String) -> [ReportedAddress] {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "\r" }).map(
            String.init
        )
        .prefix { !$0.hasPrefix("\"") }
        if let verb = words.firstIndex(where: { $0 == "faulted:" || $0 == "hangs:" }), verb > 0 {
            task = words[verb - 1].split(separator: ".").first.map(String.init)
        }
        var found: [ReportedAddress] = []
        var label = ""
        var depth = 0
        for word in words {
            guard word.hasPrefix("0x"), let value = UInt64(word.dropFirst(2), radix: 16) else {
                label = word
                depth = 0
                continue
            }
            switch label {
            case "pc":
                found.append(
                    ReportedAddress(label: label, text: word, value: value, isReturn: false))
            case "lr":
                found.append(
                    ReportedAddress(label: label, text: word, value: value, isReturn: true))
            case "stack":
                found.append(
                    ReportedAddress(
                        label: "#\(depth)", text: word, value: value, isReturn: depth > 0))
                depth += 1
            default: break
            }
        }
        return found
    }
}
