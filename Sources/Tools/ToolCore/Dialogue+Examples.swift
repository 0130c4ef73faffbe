// The examples of a page as dialogues: what the page says that the shell answers, the
// shell must say.
//
// A fenced block with lines `> COMMAND` is a dialogue. The lines behind a command must come as they
// stand, one after the other; but any number stands for any other, blanks for any blanks, and a
// line `...` for any lines. A comment line before the block says more:
//
//   <!-- on MACHINE -->            the block belongs to another machine of QEMU's than virt,
//                                  or to a board (rpi3, rpi4)
//   <!-- cores N -->               the kernel runs on N cores
//   <!-- counted -->               waiting takes no time, see `Dialogue.Setup`
//   <!-- not a test: REASON -->    the block is not compared

extension Dialogue {
    /// The dialogues of a page in Markdown; their names begin with `prefix`.
    public static func examples(_ text: String, prefix: String) -> [Dialogue] {
        var dialogues: [Dialogue] = []
        var block: [String]?
        var setup = Setup()
        var isTest = true
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("```") {
                if let lines = block {
                    if isTest && lines.contains(where: { $0.hasPrefix("> ") }) {
                        let name = "\(prefix)-\(dialogues.count + 1)"
                        dialogues.append(Dialogue(name: name, setup, example: lines))
                    }
                    (setup, isTest) = (Setup(), true)
                }
                block = block == nil ? [] : nil
            } else if block != nil {
                block?.append(line)
            } else if let machine = line.after("<!-- on ")?.before(" -->") {
                setup.machine = machine
            } else if let count = line.after("<!-- cores ")?.before(" -->").flatMap({ Int($0) }) {
                setup.cores = count
            } else if line == "<!-- counted -->" {
                setup.isCounted = true
            } else if line.hasPrefix("<!-- not a test: ") {
                isTest = false
            }
        }
        return dialogues
    }

    private init(name: String, _ setup: Setup, example lines: [String]) {
        self.init(name: name)
        self.setup = setup
        var answer: [String] = []
        var isOff = false
        func step() -> [Step] { answer.isEmpty ? [] : [.expect(Dialogue.pattern(answer))] }
        for line in lines {
            if let command = line.after("> ") {
                steps += step() + [.type(command)]
                answer = []
                isOff = command.contains("poweroff")
            } else if !steps.isEmpty {
                // What stands before the first command was there before it.
                answer.append(line)
            }
        }
        steps += step()
        if !isOff { steps.append(.type("poweroff")) }
    }

    /// The pattern of an answer's lines.
    static func pattern(_ lines: [String]) -> String {
        // A line of the log takes the place of a prompt, which it clears first; one of the kernel's
        // console comes behind it.
        let start = "(?:[^\\n]*\\x1b\\[K|> )?"
        var text = "^"
        for (index, line) in lines.enumerated() {
            if line == "..." {
                text += "(?:.*\\n)*?"
            } else {
                text += start + pattern(line) + (index == lines.count - 1 ? "$" : "\\n")
            }
        }
        return text
    }

    private static func pattern(_ line: String) -> String {
        var pattern = ""
        var rest = Substring(line)
        while let first = rest.first {
            if first == " " {
                rest = rest.drop { $0 == " " }
                pattern += " +"
            } else if rest.hasPrefix("0x") {
                // A list of addresses has any length.
                while rest.hasPrefix("0x") {
                    rest = rest.dropFirst(2).drop { $0.isHexDigit }
                    if rest.hasPrefix(" 0x") { rest = rest.dropFirst() }
                }
                pattern += "0x[0-9a-f]+(?: 0x[0-9a-f]+)*"
            } else if first.isNumber && first.isASCII {
                rest = rest.drop { $0.isNumber }
                pattern += "[0-9]+"
            } else {
                if "\\^$.|?*+()[]{}".contains(first) { pattern += "\\" }
                pattern.append(first)
                rest = rest.dropFirst()
            }
        }
        // Numbers to the right may need more or fewer blanks, also at the line's start.
        return pattern.hasPrefix(" +") ? " *" + pattern.dropFirst(2) : pattern
    }
}

extension String {
    fileprivate func before(_ end: String) -> String? {
        hasSuffix(end) ? String(dropLast(end.count)) : nil
    }
}
