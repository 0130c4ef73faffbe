// The threads that the manifest lists for a task: what the root task writes behind the start
// information, and `Thread.start` reads.

import KernelABI

/// A thread of the manifest: four words of its name, zero-padded, and then one that says how it
/// runs.
public struct ListedThread: Sendable {
    public var name: InlineArray<4, UInt64>
    public var priority: UInt8
    /// nil: where the thread runs that starts it.
    public var core: UInt8?
    public var stackBytes: UInt32

    /// Words of a thread in the table, which starts with their number.
    public static var words: Int { 5 }

    public init(
        name: InlineArray<4, UInt64>, priority: UInt8, core: UInt8?, stackBytes: UInt32
    ) {
        self.name = name
        self.priority = priority
        self.core = core
        self.stackBytes = stackBytes
    }

    /// The word behind the name.
    public var word: UInt64 {
        UInt64(priority) | UInt64(core ?? .max) << 8 | UInt64(stackBytes) << 32
    }
    private init(name: InlineArray<4, UInt64>, word: UInt64) {
        let core = UInt8(truncatingIfNeeded: word >> 8)
        self.init(
            name: name, priority: UInt8(truncatingIfNeeded: word), core: core == .max ? nil : core,
            stackBytes: UInt32(truncatingIfNeeded: word >> 32))
    }

    /// The thread of that name in the task's table; nil: the manifest lists none.
    ///
    /// - Complexity: O(threads), of which there are 16 at most.
    static func find(_ wanted: InlineArray<4, UInt64>) -> ListedThread? {
        // Safety: the table lies in a page that is mapped for good.
        guard let table = unsafe UnsafePointer<UInt64>(bitPattern: UInt(resources.listed)) else {
            return nil
        }
        for number in 0..<min(Int(unsafe table[0]), ThreadMemory.maximumCount) {
            let at = 1 + words * number
            let name: InlineArray<4, UInt64> = unsafe [
                table[at], table[at + 1], table[at + 2], table[at + 3],
            ]
            if name[0] == wanted[0] && name[1] == wanted[1] && name[2] == wanted[2]
                && name[3] == wanted[3]
            {
                return unsafe ListedThread(name: name, word: table[at + 4])
            }
        }
        return nil
    }
}

extension StaticString {
    /// The first 32 bytes in four words, zero-padded.
    var nameWords: InlineArray<4, UInt64> {
        var words = InlineArray<4, UInt64>(repeating: 0)
        for index in 0..<min(utf8CodeUnitCount, 32) {
            // Safety: the index stays below the number of bytes.
            words[index >> 3] |= UInt64(unsafe utf8Start[index]) << UInt64(8 * (index & 7))
        }
        return words
    }
}
