// Where an instruction comes from: the innermost function with its line, and the functions that it
// was inlined into.

/// A line of a source file, in a function.
public struct SourceFrame: Hashable, Sendable {
    public var function: String
    public var file: String
    public var line: Int
    public var column: Int
    public init(function: String, file: String, line: Int, column: Int = 0) {
        self.function = function
        self.file = file
        self.line = line
        self.column = column
    }
    /// The file without its folders.
    public var place: String { "\(file.split(separator: "/").last ?? "?"):\(line)" }
}

/// Frames of addresses, innermost first.
public struct SourceLines {
    private var frames: [UInt64: [SourceFrame]] = [:]
    /// Names as they stand in the source.
    public private(set) var readable: [String: String] = [:]
    public init(_ frames: [UInt64: [SourceFrame]] = [:]) { self.frames = frames }
    public subscript(_ address: UInt64) -> [SourceFrame] { frames[address] ?? [] }

    /// Reads what `llvm-symbolizer --inlines --output-style=LLVM` prints for these addresses, in
    /// their order.
    ///
    /// - Parameter symbols: further names to make readable.
    public init(
        addresses: [UInt64], symbolizer text: String, root: String, symbols: Set<String>,
        demangled: (Set<String>) -> [String: String]
    ) {
        var all: [[SourceFrame]] = []
        var names: Set<String> = []
        var current: [SourceFrame] = []
        var function = ""
        let prefix = Array((root.hasSuffix("/") ? root : root + "/").utf8)
        var isName = true
        for line in text.utf8.split(separator: 10, omittingEmptySubsequences: false) {
            if line.isEmpty {
                if !current.isEmpty { all.append(current) }
                current = []
                isName = true
            } else if isName {
                function = String(Substring(line))
                names.insert(function)
                isName = false
            } else {
                var parts = line.split(separator: 58)
                let column = parts.popLast().flatMap { Int(Substring($0)) } ?? 0
                let number = parts.popLast().flatMap { Int(Substring($0)) } ?? 0
                var file = Array(parts.joined(separator: [58]))[...]
                if file.starts(with: prefix) { file = file.dropFirst(prefix.count) }
                current.append(
                    SourceFrame(
                        function: function, file: String(decoding: file, as: UTF8.self),
                        line: number, column: column))
                isName = true
            }
        }
        if !current.isEmpty { all.append(current) }
        readable = demangled(names.union(symbols))
        for (address, list) in zip(addresses, all) {
            frames[address] = list.map { frame in
                var frame = frame
                frame.function = readable[frame.function] ?? frame.function
                return frame
            }
        }
    }
}
