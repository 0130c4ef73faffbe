// The keys of a TOML table, each read with its type and its range: whatever is wrong is said with the table and the key.

import TOMLKit

/// One table. What has been asked for is known; `end` refuses the rest.
struct Fields {
    /// What the table is, for messages.
    var place: String
    private let table: TOMLTable
    private var known: Set<String> = []

    init(_ table: TOMLTable, _ place: String) {
        self.table = table
        self.place = place
    }

    /// Reads a text: `read` gets the whole file's table, which lives as long as that.
    static func read<Result>(toml: String, _ read: (inout Fields) throws -> Result) throws -> Result {
        let table: TOMLTable
        do { table = try TOMLTable(string: toml) } catch let error as TOMLParseError {
            throw ToolError(
                "line \(error.source.begin.line), column \(error.source.begin.column): \(error.description)")
        }
        return try withExtendedLifetime(table) {
            var fields = Fields(table, "")
            let result = try read(&fields)
            try fields.end()
            return result
        }
    }

    func error(_ text: String) -> ToolError { ToolError(place.isEmpty ? text : "\(place): \(text)") }

    private mutating func value(_ key: String) -> TOMLValueConvertible? {
        known.insert(key)
        return table[key]
    }

    mutating func text(_ key: String) throws -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string else { throw error("\(key) is a text in quotes") }
        return text
    }

    mutating func texts(_ key: String) throws -> [String] {
        guard let value = value(key) else { return [] }
        let texts = value.array?.map(\.string) ?? [nil]
        return try texts.map {
            guard let text = $0 else { throw error("\(key) is a list of texts in quotes") }
            return text
        }
    }

    /// - Throws: for a number that `N` cannot hold.
    mutating func number<N: FixedWidthInteger>(_ key: String) throws -> N? {
        guard let value = value(key) else { return nil }
        guard let number = value.int else { throw error("\(key) is a whole number") }
        guard let fitting = N(exactly: number) else { throw error("\(key) is \(number); it has \(N.min) to \(N.max)") }
        return fitting
    }

    /// The table below a key.
    mutating func fields(_ key: String) throws -> Fields? {
        guard let value = value(key) else { return nil }
        guard let table = value.table else { throw error("\(key) is a table") }
        return Fields(table, place.isEmpty ? key : "\(place): \(key)")
    }

    /// The tables of a list, each called by `key` and its number from 1.
    mutating func list(_ key: String) throws -> [Fields] {
        let tables = value(key).map { $0.array?.map(\.table) ?? [nil] } ?? []
        return try tables.enumerated().map { index, table in
            guard let table else { throw error("\(key) is a list of tables: write [[\(key)]]") }
            return Fields(table, "\(key) \(index + 1)")
        }
    }

    func required<Value>(_ key: String, _ value: Value?) throws -> Value {
        guard let value else { throw error("\(key) is missing") }
        return value
    }

    func end() throws {
        if let unknown = table.keys.filter({ !known.contains($0) }).min() { throw error("unknown key \"\(unknown)\"") }
    }
}
