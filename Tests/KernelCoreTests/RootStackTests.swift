// How much of the root task's stack was in use.

import KernelABI
import Testing

@testable import RootTask

/// Memory in the place of the root task's stack: nobody's frames lie in it. It is never freed, as
/// little as a stack is.
struct ModelStack {
    let words: UnsafeMutablePointer<UInt64>
    private static let count = Int(BootInformation.stackBytes) / 8
    /// In use: the last page.
    var stack: RootStack {
        RootStack(
            bottom: UInt(bitPattern: words), used: UInt(bitPattern: words + ModelStack.count - 1))
    }

    init() {
        words = UnsafeMutableRawPointer.allocate(byteCount: ModelStack.count * 8, alignment: 4096)
            .bindMemory(to: UInt64.self, capacity: ModelStack.count)
        words.initialize(repeating: 0, count: ModelStack.count)
    }
    /// Writes the word that lies so many bytes below the stack's end.
    func write(_ depth: Int) { words[ModelStack.count - depth / 8] = 1 }
}

@Suite struct RootStackTests {
    @Test func theDeepestWordCounts() {
        let model = ModelStack()
        var stack = model.stack
        #expect(stack.usedBytes() == 0)
        // A frame may leave out a page; what was in use counts also where it is zero again.
        for depth in [8, 1000, 4096, 4104, 12_288, 8192, 20_480, 131_072] {
            let before = stack.usedBytes()
            if depth == 131_072 { for page in 6..<32 { model.write(page * 4096) } }
            model.write(depth)
            #expect(stack.usedBytes() == max(before, UInt32(depth)), "\(depth)")
        }
    }
}
