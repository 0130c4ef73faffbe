// Where the words stand that do not count in a state's hash.

import HardwareInterface
import KernelABI

@testable import KernelCore

extension Machine {
    func lineAddress(_ line: Int) -> UnsafeMutableRawPointer {
        withUnsafeMutablePointer(to: &kernel.pointee.tables.pointee.lines[line]) {
            UnsafeMutableRawPointer($0)
        }
    }

    /// The kernel's books, and the clock, from which the others count.
    var bookkeeping: [UnsafeRawPointer] {
        var words: [UnsafeRawPointer] = []
        withUnsafePointer(to: &hardware.pointee.now) { words.append(UnsafeRawPointer($0)) }
        withUnsafePointer(to: &hardware.pointee.looks) { words.append(UnsafeRawPointer($0)) }
        withUnsafePointer(to: &hardware.pointee.interruptAtLook) {
            words.append(UnsafeRawPointer($0))
        }
        withUnsafePointer(to: &kernel.pointee.core.lastSwitch) {
            words.append(UnsafeRawPointer($0))
        }
        withUnsafePointer(to: &kernel.pointee.core.current) { words.append(UnsafeRawPointer($0)) }
        withUnsafePointer(to: &kernel.pointee.statistics) {
            for index in 0..<MemoryLayout<Statistics>.size / 8 {
                words.append(UnsafeRawPointer($0) + 8 * index)
            }
        }
        return words
    }
}

extension System {
    /// The books about each thread and interrupt.
    var bookkeeping: [UnsafeRawPointer] {
        var words: [UnsafeRawPointer] = []
        for thread in threads {
            withUnsafePointer(to: &thread.ref.address.pointee.processorTime) {
                words.append(UnsafeRawPointer($0))
            }
            withUnsafePointer(to: &thread.ref.address.pointee.switches) {
                words.append(UnsafeRawPointer($0))
            }
        }
        if plan.hasInterrupts {
            let interrupt: Ref<Interrupt> = machine.object(interrupt)
            withUnsafePointer(to: &interrupt.address.pointee.count) {
                words.append(UnsafeRawPointer($0))
            }
        }
        return words
    }

    /// For each thread the keys of its nodes: of callers, of waiters, of deadlines.
    func keyAddresses(_ thread: Int) -> [UnsafeRawPointer] {
        let ref = threads[thread].ref
        return [ref.callerNode, ref.waitNode, ref.deadlineNode].map { node in
            withUnsafePointer(to: &node.address.pointee.key) { UnsafeRawPointer($0) }
        }
    }
    /// Whether each of these nodes stands in a queue.
    func areQueued(_ thread: Int) -> [Bool] {
        let ref = threads[thread].ref
        let waitsReady = ref.pointee.endpoint.map { $0.pointee.readyServer == ref } ?? false
        return [
            ref.pointee.blockedOn.map { $0.pointee.soleCaller != ref } ?? false,
            (ref.pointee.endpoint != nil && !waitsReady) || ref.pointee.notification != nil,
            ref.pointee.scheduling.hasDeadline,
        ]
    }
}
