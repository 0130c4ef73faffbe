// The wait queue against a sorted array: every order of insertion, removal and re-keying serves by
// priority, and by arrival among equals.

import KernelABI
import Testing

@testable import KernelCore

/// Nodes, and the same queue as an array.
private struct QueueModel: ~Copyable {
    let memory: UnsafeMutablePointer<WaitNode>
    var queue = WaitQueue()
    var order: [(index: Int, key: UInt8)] = []

    init(count: Int) {
        memory = .allocate(capacity: count)
        for index in 0..<count { (memory + index).initialize(to: WaitNode()) }
    }
    deinit { memory.deallocate() }

    func node(_ index: Int) -> Ref<WaitNode> { Ref(memory + index) }

    mutating func insert(_ index: Int, key: UInt8) {
        queue.insert(node(index), key: key)
        let place = order.firstIndex { $0.key < key } ?? order.count
        order.insert((index, key), at: place)
    }
    mutating func remove(_ index: Int) {
        queue.remove(node(index))
        order.removeAll { $0.index == index }
    }
    mutating func rekey(_ index: Int, key: UInt8) {
        queue.rekey(node(index), key: key)
        order.removeAll { $0.index == index }
        let place = order.firstIndex { $0.key < key } ?? order.count
        order.insert((index, key), at: place)
    }
    func check(sourceLocation: SourceLocation = #_sourceLocation) {
        var inspection = Inspection()
        let nodes = inspection.inspect(queue, "queue")
        #expect(inspection.violations == [], sourceLocation: sourceLocation)
        #expect(nodes == order.map { node($0.index) }, sourceLocation: sourceLocation)
        #expect(queue.isEmpty == order.isEmpty, sourceLocation: sourceLocation)
    }
}

@Suite struct WaitQueueTests {
    @Test func servesByKeyAndThenByArrival() {
        var model = QueueModel(count: 6)
        for (index, key) in [5, 9, 5, 1, 9, 5].enumerated() { model.insert(index, key: UInt8(key)) }
        model.check()
        var served: [Int] = []
        while let node = model.queue.first {
            model.queue.remove(node)
            for index in 0..<6 where model.node(index) == node { served.append(index) }
        }
        #expect(served == [1, 4, 0, 2, 5, 3])
    }

    /// All priorities at once, in orders that a tree without balance could suffer from. `LoopBound`
    /// counts the nodes visited.
    @Test(arguments: [1, 255, 128, 37]) func takesAllPrioritiesInAnyOrder(stride: Int) {
        var model = QueueModel(count: 512)
        for step in 0..<256 { model.insert(step, key: UInt8(truncatingIfNeeded: step * stride)) }
        for step in 256..<512 { model.insert(step, key: UInt8(truncatingIfNeeded: step)) }
        model.check()
        for step in Swift.stride(from: 0, to: 512, by: 3) { model.remove(step) }
        model.check()
        for step in Swift.stride(from: 1, to: 512, by: 3) {
            model.rekey(step, key: UInt8(truncatingIfNeeded: step * 7))
        }
        model.check()
        while let first = model.order.first { model.remove(first.index) }
        model.check()
    }

    /// All orders of removing five nodes, two of which are equals: each case of removal, at the
    /// root and below.
    @Test func removesInEveryOrder() {
        func visit(_ left: [Int], _ done: [Int]) {
            if left.isEmpty {
                var model = QueueModel(count: 5)
                for (index, key) in [0x80, 0x40, 0xc0, 0x80, 0x60].enumerated() {
                    model.insert(index, key: UInt8(key))
                }
                for index in done {
                    model.remove(index)
                    model.check()
                }
                return
            }
            for index in left { visit(left.filter { $0 != index }, done + [index]) }
        }
        visit([0, 1, 2, 3, 4], [])
    }

    @Test(arguments: [(1, 8), (2, 256), (3, 3)] as [(UInt64, Int)]) func agreesWithAnArray(
        seed: UInt64, keys: Int
    ) {
        var random = SeededGenerator(seed: seed)
        var model = QueueModel(count: 64)
        var queued: Set<Int> = []
        for _ in 0..<3000 {
            let index = Int.random(in: 0..<64, using: &random)
            let key = UInt8(Int.random(in: 0..<keys, using: &random) * (256 / keys))
            if !queued.contains(index) {
                model.insert(index, key: key)
                queued.insert(index)
            } else if Bool.random(using: &random) {
                model.remove(index)
                queued.remove(index)
            } else {
                model.rekey(index, key: key)
            }
            model.check()
        }
    }
}
