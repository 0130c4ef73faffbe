// The entries of `opens`: `clock`, `clock.set`, `gpio:17,20-22`, `gpio.1.write:3`.

import ServiceCores

/// What is wrong with an entry of `opens`.
struct OpensError: Error {
    let text: String
    init(_ text: String) { self.text = text }
}

/// One entry: a service, or one instance of it; one of its methods; the resources that it may use.
struct OpensEntry {
    let text: String
    let service: Name
    /// nil: the methods that are open to each client.
    let method: String?
    /// Bit n: a number that the methods may name; 0: all.
    let resources: UInt64

    init(_ text: String) throws(OpensError) {
        self.text = text
        let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var words = halves[0].split(separator: ".", omittingEmptySubsequences: false)
        var service = String(words.removeFirst())
        if let number = words.first, !number.isEmpty, number.allSatisfy(\.isNumber) {
            service += ".\(number)"
            words.removeFirst()
        }
        guard let name = Name(bytes: Array(service.utf8).span) else {
            throw OpensError("a service's name has 1 to 32 bytes")
        }
        if words.count > 1 || words.first?.isEmpty == true {
            throw OpensError("an entry is SERVICE or SERVICE.METHOD, with :NUMBERS or without")
        }
        self.service = name
        method = words.first.map(String.init)
        resources = halves.count == 1 ? 0 : try OpensEntry.numbers(halves[1])
    }

    /// What a message says of an entry that is wrong.
    func refusal(_ error: OpensError) -> String { OpensEntry.refusal(of: text, error) }
    static func refusal(of text: String, _ error: OpensError) -> String {
        "opens \"\(text)\": \(error.text)"
    }

    private static func numbers(_ text: Substring) throws(OpensError) -> UInt64 {
        var bits: UInt64 = 0
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
                .map { UInt64($0) }
            guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1],
                first <= last, last <= 63
            else { throw OpensError("numbers are 0 to 63, as in \"gpio:17,20-22\"") }
            for number in first...last { bits |= 1 << number }
        }
        return bits
    }
}

extension [ServiceAccess] {
    /// Adds an entry. What several entries allow of one service, they allow together.
    mutating func add(_ entry: OpensEntry, _ methods: MethodList) throws(OpensError) {
        if !unite(with: try methods.access(entry)) {
            throw OpensError(
                "all entries for a method of \(entry.service.text) name numbers, or none does")
        }
    }
}

extension Fields {
    func readOpens(_ key: Key) throws -> [OpensEntry] {
        try texts(key).map { text in
            do throws(OpensError) { return try OpensEntry(text) } catch {
                throw self.error(key, OpensEntry.refusal(of: text, error))
            }
        }
    }
}
