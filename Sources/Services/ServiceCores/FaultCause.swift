// Why a task faulted, in words: from the fault message, and from what the task's trap left in its
// registers.

import KernelABI

/// A task's last words, with the place in the source that the trap names.
public struct TrapText: Equatable, Sendable {
    /// Cut, and printable: a task can put anything into its registers.
    public private(set) var text: [UInt8] = []
    public private(set) var file: [UInt8]
    public let line: UInt64
    /// The most bytes that are shown of a text, and of a file's name.
    public static let maximumText = 80
    public static let maximumFile = 32
    /// The registers that a trap uses, from x0 on.
    public typealias Registers = InlineArray<15, UInt64>

    /// - Parameters:
    ///   - registers: as `TrapCode.fatalError` says.
    ///   - read: the bytes at an address of the task's program, as many of them as may be read.
    public init(registers: Registers, read: (_ address: UInt64, _ count: Int) -> [UInt8]) {
        for index in 0..<Int(min(registers[1], UInt64(TrapText.maximumText))) {
            let word = registers[5 + index / 8]
            text.append(UInt8(truncatingIfNeeded: word >> UInt64(index % 8 * 8)))
        }
        file = read(registers[2], Int(min(registers[3], UInt64(TrapText.maximumFile))))
        line = registers[4] & 0xffff
        TrapText.makePrintable(&text)
        TrapText.makePrintable(&file)
    }

    private static func makePrintable(_ bytes: inout [UInt8]) {
        for index in 0..<bytes.count where bytes[index] < 32 || bytes[index] > 126 {
            bytes[index] = UInt8(ascii: "?")
        }
    }
}

/// The stack of a faulted thread.
public enum TaskStack: Sendable {
    /// It is mapped as a whole, and no other memory of the task lies below.
    case whole(Range<UInt64>)
    /// How much of the range is mapped, down from its end, only the task knows.
    case within(Range<UInt64>, stackPointer: UInt64)

    /// Bytes below a stack in which an access is taken for its overflow.
    public static let guardBytes: UInt64 = 1 << 20
    /// Bytes from the stack pointer down in which a function may write before it moves it.
    public static let frameBytes: UInt64 = 4096

    /// The bytes of the stack, if an access to memory that is not mapped was its overflow.
    func overflowed(at address: UInt64) -> UInt64? {
        switch self {
        case .whole(let stack):
            let isBelow =
                address < stack.lowerBound
                && stack.lowerBound - address <= TaskStack.guardBytes
            return isBelow ? stack.upperBound - stack.lowerBound : nil
        case .within(let range, let stackPointer):
            let isNear =
                range.contains(address) && stackPointer <= range.upperBound
                && address + TaskStack.frameBytes >= stackPointer
            return isNear ? range.upperBound - (address | 4095) - 1 : nil
        }
    }
}

/// The cause of a fault.
public enum FaultCause: Equatable, Sendable {
    case fault(FaultKind, address: UInt64)
    case trap(TrapCode)
    case fatalError(TrapText)
    /// Bytes that were asked for.
    case heapExhausted(UInt64)
    /// The kernel's error.
    case lockRefused(UInt64)
    /// Bytes of the whole stack.
    case stackOverflow(UInt64, address: UInt64)

    /// - Parameters:
    ///   - stack: that of the thread.
    ///   - registers: x0 to x14 of the task.
    ///   - read: see `TrapText`.
    public init(
        _ kind: FaultKind, address: UInt64, syndrome: UInt64, stack: TaskStack,
        registers: TrapText.Registers, read: (UInt64, Int) -> [UInt8]
    ) {
        let isPage = kind == .pageRead || kind == .pageWrite
        if isPage, let bytes = stack.overflowed(at: address) {
            self = .stackOverflow(bytes, address: address)
        } else if kind != .breakpoint {
            self = .fault(kind, address: address)
        } else {
            switch TrapCode(syndrome: syndrome) {
            case nil: self = .fault(kind, address: address)
            case .fatalError: self = .fatalError(TrapText(registers: registers, read: read))
            case .heapExhausted: self = .heapExhausted(registers[0])
            case .lockRefused: self = .lockRefused(registers[0])
            case .some(let code): self = .trap(code)
            }
        }
    }

    /// The cause in words, at most `maximumWords` bytes.
    public var words: [UInt8] {
        var words = Text()
        switch self {
        case .fault(let kind, let address):
            words.add(kind.text)
            words.add(", address ")
            words.hexadecimal(address)
        case .trap(let code): words.add(code.text)
        case .fatalError(let trap):
            words.add(TrapCode.fatalError.text)
            if !trap.file.isEmpty {
                words.add(" at ")
                words.add(trap.file)
                words.add(":")
                words.decimal(trap.line)
            }
        case .heapExhausted(let bytes):
            words.add(TrapCode.heapExhausted.text)
            words.add(", ")
            words.decimal(bytes)
            words.add(" bytes asked for")
        case .lockRefused(UInt64(KernelError.deadlock.rawValue)):
            words.add("the runtime's lock waits for the thread itself")
        case .lockRefused(let error):
            words.add(TrapCode.lockRefused.text)
            words.add(", kernel error ")
            words.decimal(error)
        case .stackOverflow(let bytes, let address):
            words.add("stack overflow, of ")
            words.decimal(bytes)
            words.add(" bytes, address ")
            words.hexadecimal(address)
        }
        return words.bytes
    }
    public static let maximumWords = 64

    /// What the task itself said; empty where it said nothing.
    public var saying: [UInt8] {
        if case .fatalError(let trap) = self { return trap.text }
        return []
    }
}
