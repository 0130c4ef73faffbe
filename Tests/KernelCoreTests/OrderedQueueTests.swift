// The ordered queue against a sorted array: every order of insertion, removal and re-keying leaves a balanced tree that
// serves by key, and by arrival among equals.

import KernelABI
import Testing

@testable import KernelCore

/// Nodes of one live object, and the same queue as an array.
private struct QueueModel: ~Copyable {
    let memory: UnsafeMutablePointer<QueueNode>
    let owner: UnsafeMutablePointer<ObjectHeader>
    var queue = OrderedQueue()
    var order: [(index: Int, key: UInt64)] = []

    init(count: Int) {
        memory = .allocate(capacity: count)
        owner = .allocate(capacity: 1)
        owner.initialize(to: ObjectHeader(.thread, size: 1))
        for index in 0..<count {
            (memory + index).initialize(to: QueueNode())
            (memory + index).pointee.owner = Ref(owner)
        }
    }
    deinit {
        memory.deallocate()
        owner.deallocate()
    }

    func node(_ index: Int) -> Ref<QueueNode> { Ref(memory + index) }

    mutating func insert(_ index: Int, key: UInt64) {
        queue.insert(node(index), key: key)
        let place = order.firstIndex { $0.key < key } ?? order.count
        order.insert((index, key), at: place)
    }
    mutating func remove(_ index: Int) {
        queue.remove(node(index))
        order.removeAll { $0.index == index }
    }
    mutating func rekey(_ index: Int, key: UInt64) {
        queue.rekey(node(index), key: key)
        order.removeAll { $0.index == index }
        let place = order.firstIndex { $0.key < key } ?? order.count
        order.insert((index, key), at: place)
    }
    func check(sourceLocation: SourceLocation = #_sourceLocation) {
        var inspection = Inspection()
        inspection.kinds[UInt(bitPattern: owner)] = .thread
        let nodes = inspection.inspect(queue, "queue")
        #expect(inspection.violations == [], sourceLocation: sourceLocation)
        #expect(nodes == order.map { node($0.index) }, sourceLocation: sourceLocation)
        #expect(queue.isEmpty == order.isEmpty, sourceLocation: sourceLocation)
    }
}

@Suite struct OrderedQueueTests {
    @Test func servesByKeyAndThenByArrival() {
        var model = QueueModel(count: 6)
        for (index, key) in [5, 9, 5, 1, 9, 5].enumerated() { model.insert(index, key: UInt64(key)) }
        model.check()
        var served: [Int] = []
        while let node = model.queue.first {
            model.queue.remove(node)
            for index in 0..<6 where model.node(index) == node { served.append(index) }
        }
        #expect(served == [1, 4, 0, 2, 5, 3])
    }

    @Test func keepsItsBalanceInSortedOrders() {
        for direction in [1, -1] {
            var model = QueueModel(count: 200)
            for step in 0..<200 { model.insert(step, key: UInt64(1000 + direction * step)) }
            model.check()
            // 1.44·log2(200) is 11.
            #expect(model.queue.root.map { $0.pointee.height } ?? 99 <= 11)
            for step in stride(from: 0, to: 200, by: 2) { model.remove(step) }
            model.check()
        }
    }

    /// All orders of removing five nodes of a full tree: each case of removal, at the root and below.
    @Test func removesInEveryOrder() {
        func visit(_ left: [Int], _ done: [Int]) {
            if left.isEmpty {
                var model = QueueModel(count: 5)
                for index in 0..<5 { model.insert(index, key: UInt64((index * 3) % 5)) }
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

    @Test(arguments: [1, 2, 3]) func agreesWithAnArray(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var model = QueueModel(count: 64)
        var queued: Set<Int> = []
        for _ in 0..<3000 {
            let index = Int.random(in: 0..<64, using: &random)
            let key = UInt64.random(in: 0..<8, using: &random)
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

/// A repeatable source of numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
