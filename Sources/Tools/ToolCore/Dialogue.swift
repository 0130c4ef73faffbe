// A test of the whole system as a dialogue: what is typed at the console, and what must be
// read there.
//
// A file holds several tests. Lines that are blank or start with `#` say nothing; every other line
// is a word and its text:
//
//   test NAME          a new test; what follows up to the next `test` is its own
//   machine, cpu, memory, card, date, padding, append, run, counted, image, tree, damage
//                      the machine, see `Dialogue.Setup`
//   type TEXT          wait for the prompt, then type the text and Enter
//   keys TEXT          type at once, without Enter; \e, \r, \b, \\ and \xNN as usual
//                      (\x01\x01: QEMU takes the first ^A)
//   monitor COMMAND    tell it to QEMU's monitor
//   expect PATTERN     wait until this regular expression matches a line behind what was
//                      matched before
//   absent PATTERN     no line of the whole run may match it
//   place PATTERN      what `swiftlet symbolicate` finds at an address of the run must match it
//   status N           wait for the end; the system must have ended with this status
//                      (`panic`: in a panic, `reboot`: anew, `none`: without a word, as when
//                      a watchdog rings)
//
// A dialogue that ends in a panic is held by `swiftlet run`, whose exit status and trace are part
// of the test; nothing is typed.

public struct Dialogue: Equatable {
    /// What is booted, and how.
    public struct Setup: Equatable {
        public var machine: String?
        public var processor: String?
        public var memory: String?
        /// Cores that run.
        public var cores = 1
        /// Bytes of an empty card in the board's slot, a power of two; nil: no card.
        public var card: UInt64?
        /// What the machine's clock shows at first, in UTC: `2106-02-07T06:28:12`.
        public var date: String?
        /// The kernel's command line.
        public var append = ""
        /// How many options `x=y` stand before it.
        public var padding = 0
        /// Shell commands, for the kernel's command line too.
        public var commands = ""
        /// QEMU's clock counts instructions, and leaps while nothing runs: waiting takes no time.
        public var isCounted = false
        /// Another image than the system's own.
        public var image: String?
        /// A device tree's source to compile and use in place of QEMU's own.
        public var tree: String?
        /// A function of the kernel, whose first instruction becomes a trap.
        public var damage: String?
    }
    public enum Step: Equatable {
        case type(String)
        case keys([UInt8])
        case expect(String)
    }
    public enum End: Equatable {
        case status(Int)
        case panic
        case reboot
        case none
    }
    public var name: String
    public var setup = Setup()
    public var steps: [Step] = []
    public var absent: [String] = []
    public var places: [String] = []
    public var end = End.status(0)

    /// The tests of a file.
    /// - Throws: `ToolError` with the line's number.
    public static func read(_ text: String) throws -> [Dialogue] {
        var tests: [Dialogue] = []
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            if line.trimmed.isEmpty || line.hasPrefix("#") { continue }
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            let rest = words.count == 2 ? words[1] : ""
            if words[0] == "test", !rest.isEmpty {
                tests.append(Dialogue(name: rest))
            } else if tests.isEmpty {
                throw ToolError("line \(index + 1): a file of dialogues starts with `test NAME`")
            } else if try !tests[tests.count - 1].take(words[0], rest) {
                throw ToolError("line \(index + 1): \"\(line)\" is no step of a dialogue")
            }
        }
        return tests
    }

    init(name: String) { self.name = name }

    /// Takes one line; false when it is none that is known.
    private mutating func take(_ word: String, _ text: String) throws -> Bool {
        if word == "counted" {
            setup.isCounted = true
            return text.isEmpty
        }
        if text.isEmpty && word != "type" { return false }
        switch word {
        case "machine": setup.machine = text
        case "image": setup.image = text
        case "cpu": setup.processor = text
        case "memory": setup.memory = text
        case "cores":
            guard let count = Int(text), (1...8).contains(count) else { return false }
            setup.cores = count
        case "card":
            guard let bytes = UInt64(text), bytes.nonzeroBitCount == 1 else { return false }
            setup.card = bytes
        case "date": setup.date = text
        case "append": setup.append = text
        case "padding":
            guard let count = Int(text), count > 0 else { return false }
            setup.padding = count
        case "run": setup.commands = text
        case "tree": setup.tree = text
        case "damage": setup.damage = text
        case "type": steps.append(.type(text))
        case "keys": steps.append(.keys(try Dialogue.bytes(text)))
        case "monitor": steps.append(.keys([1, 0x63] + Array(text.utf8) + [13, 1, 0x63]))
        case "expect": steps.append(.expect(text))
        case "absent": absent.append(text)
        case "place": places.append(text)
        case "status":
            if text == "panic" {
                end = .panic
            } else if text == "reboot" {
                end = .reboot
            } else if text == "none" {
                end = .none
            } else if let status = Int(text) {
                end = .status(status)
            } else {
                return false
            }
        default: return false
        }
        return true
    }

    /// The bytes of a text with escapes.
    static func bytes(_ text: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte != 0x5c {
                bytes.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "e"): bytes.append(27)
            case UInt8(ascii: "r"): bytes.append(13)
            case UInt8(ascii: "b"): bytes.append(127)
            case UInt8(ascii: "\\"): bytes.append(0x5c)
            case UInt8(ascii: "x"):
                let digits = String(decoding: rest.prefix(2), as: UTF8.self)
                guard let value = UInt8(digits, radix: 16) else {
                    throw ToolError("\\x wants two hexadecimal digits: \(text)")
                }
                bytes.append(value)
                rest = rest.dropFirst(2)
            default: throw ToolError("an unknown escape: \(text)")
            }
        }
        return bytes
    }
}

extension Substring {
    var trimmed: String { String(self).trimmed }
}
