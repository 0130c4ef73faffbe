// The ready queue against an array of arrays.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct ReadyQueueTests {
    @Test(arguments: [7, 8]) func agreesWithArrays(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let lists = UnsafeMutablePointer<PriorityHeads>.allocate(capacity: 1)
        UnsafeMutableRawPointer(lists).initializeMemory(
            as: UInt8.self, repeating: 0, count: MemoryLayout<PriorityHeads>.size)
        let memory = UnsafeMutablePointer<KernelThread>.allocate(capacity: 40)
        for index in 0..<40 {
            (memory + index).initialize(to: KernelThread(header: ObjectHeader(.thread, size: 1024)))
        }
        defer {
            lists.deallocate()
            memory.deallocate()
        }
        var queue = ReadyQueue(heads: Ref(lists))
        var model = [[Int]](repeating: [], count: 256)
        // The borders of the bitmap's words are among them.
        let priorities = [0, 1, 62, 63, 64, 65, 127, 128, 191, 192, 254, 255]
        for _ in 0..<5000 {
            let index = Int.random(in: 0..<40, using: &random)
            let thread = Ref(memory + index)
            let present = Int(thread.effective)
            if model[present].contains(index) {
                queue.remove(thread)
                model[present].removeAll { $0 == index }
            } else {
                let priority = priorities.randomElement(using: &random) ?? 0
                thread.pointee.scheduling.effective = UInt8(priority)
                let atHead = Bool.random(using: &random)
                queue.insert(thread, atHead: atHead)
                if atHead {
                    model[priority].insert(index, at: 0)
                } else {
                    model[priority].append(index)
                }
            }
            let top = model.lastIndex { !$0.isEmpty }
            #expect(queue.top == top ?? -1)
            let limits = (queue.isSurpassed(by: queue.top), queue.isSurpassed(by: queue.top + 1))
            #expect(limits == (false, true))
            #expect(queue.first == top.map { Ref(memory + model[$0][0]) })
        }
    }

    @Test func onlyMoreUrgentOnesSurpassWhatWasLeftOut() {
        let lists = UnsafeMutablePointer<PriorityHeads>.allocate(capacity: 1)
        UnsafeMutableRawPointer(lists).initializeMemory(
            as: UInt8.self, repeating: 0, count: MemoryLayout<PriorityHeads>.size)
        defer { lists.deallocate() }
        var queue = ReadyQueue(heads: Ref(lists))
        let before = queue.isSurpassed(by: 0)
        queue.leaveOut(below: 41)
        let watched = queue.isSurpassed(by: 255)
        let lower = queue.isSurpassed(by: 20, least: 40)
        let equal = queue.isSurpassed(by: 20, least: 41)
        #expect(before && !watched && !lower && equal)
    }
}
