// Snapshots of a system: the parts of the arena that its steps change, saved, put back, and hashed.
//
// The hash covers the content that decides what can happen next. Instants count by their distance
// from now. Accounts, keys of nodes in no queue and the urgency of finished updates do not count.

import Foundation
import KernelABI

@testable import KernelCore

/// The changing parts of a system's arena.
struct SnapshotArea {
    struct Range {
        let start: UnsafeMutableRawPointer
        let words: Int
    }
    private(set) var ranges: [Range] = []
    private(set) var words = 0
    let memory: UnsafeMutableRawPointer
    /// Words that never count, by their place in a snapshot.
    private(set) var ignored: [Bool] = []
    private let untouched: [UInt64]

    init(_ system: System) {
        let machine = system.machine
        memory = machine.memory
        var parts: [(UnsafeMutableRawPointer, Int)] = [
            (UnsafeMutableRawPointer(machine.board), MemoryLayout<BoardState>.size),
            (machine.kernel.pointee.shared.pointee.updates.heads.raw, 8 * Priorities.count),
            (machine.updatesAddress, MemoryLayout<PriorityLists>.size),
            (machine.lineAddress(Lines.first), MemoryLayout<InterruptLine>.size),
            (machine.urgencyAddress(Lines.first), 8), (machine.homeAddress(Lines.first), 8),
        ]
        for core in machine.cores {
            parts += [
                (UnsafeMutableRawPointer(core.hardware), MemoryLayout<HardwareState>.size),
                (UnsafeMutableRawPointer(core.kernel), MemoryLayout<Kernel<ModelHardware>>.size),
                (core.kernel.pointee.core.ready.threads.heads.raw, 8 * Priorities.count),
                (core.kernel.pointee.own.raw, MemoryLayout<Core>.size),
            ]
        }
        // The objects stand one behind the other at the low end of the untyped memory.
        let region: Ref<Untyped> = machine.object(Machine.untyped)
        parts.append((memory + Machine.untypedOffset, region.pointee.low))
        // Each capability heads the list of the senders that are queued with it. A thread that dies
        // has memory of its own. Its capabilities, and that of the memory, are derived from those
        // of the root task, so the snapshot then holds all slots, and that task's thread and space.
        var firstSlot = 32
        if system.arena != 0 {
            let arena: Ref<Untyped> = machine.object(system.arena)
            let start = memory + Int(arena.pointee.physicalBase - ModelHardware.ramBase)
            parts.append((start, arena.pointee.low))
            parts.append(machine.deadlineNumbers)
            parts.append((machine.asidPool.raw, MemoryLayout<ASIDPool>.size))
            parts.append((machine.root.raw, MemoryLayout<KernelThread>.size))
            if let space = machine.root.spaceSlot.addressSpace {
                parts.append((space.raw, MemoryLayout<AddressSpace>.size))
            }
            firstSlot = 0
        }
        let slots = Int(machine.nextSlot) - firstSlot
        parts.append((machine.table.slot(firstSlot).raw, slots * 64))
        for buffer in system.buffers {
            let frame: Ref<Frame> = machine.object(buffer)
            let page = memory + Int(frame.pointee.physical - ModelHardware.ramBase)
            parts.append((page, 128))
            parts.append((page + IPCBuffer.floatingPoint + HardwareState.registerOffset, 8))
        }
        if system.plan.mutexes > 0 {
            let frame: Ref<Frame> = machine.object(system.mutexFrame)
            let page = memory + Int(frame.pointee.physical - ModelHardware.ramBase)
            parts.append((page, system.plan.mutexes * MutexWord.stride))
        }
        for (start, bytes) in parts {
            precondition(Int(bitPattern: start) % 8 == 0)
            ranges.append(Range(start: start, words: (bytes + 7) / 8))
        }
        words = ranges.reduce(0) { $0 + $1.words }
        untouched = SnapshotArea.rest(memory, ranges)
        ignored = Array(repeating: false, count: words)
        for address in machine.bookkeeping + system.bookkeeping { ignore(address) }
    }

    /// The place of an address in a snapshot.
    func place(_ address: UnsafeRawPointer) -> Int? {
        var base = 0
        for range in ranges {
            let offset = address - UnsafeRawPointer(range.start)
            if offset >= 0 && offset < range.words * 8 { return base + offset / 8 }
            base += range.words
        }
        return nil
    }
    private mutating func ignore(_ address: UnsafeRawPointer) {
        guard let place = place(address) else { preconditionFailure("a word outside the snapshot") }
        ignored[place] = true
    }

    func save(to target: UnsafeMutablePointer<UInt64>) {
        var at = target
        for range in ranges {
            memcpy(at, range.start, range.words * 8)
            at += range.words
        }
    }
    func restore(from source: UnsafePointer<UInt64>) {
        var at = source
        for range in ranges {
            memcpy(range.start, at, range.words * 8)
            at += range.words
        }
    }

    /// Whether no step has changed a byte outside the snapshot.
    var isComplete: Bool { SnapshotArea.rest(memory, ranges) == untouched }

    /// Digests of the arena's pages, without what lies in the ranges.
    private static func rest(_ memory: UnsafeMutableRawPointer, _ ranges: [Range]) -> [UInt64] {
        var copy = [UInt64](repeating: 0, count: Machine.bytes / 8)
        copy.withUnsafeMutableBytes { _ = memcpy($0.baseAddress!, memory, Machine.bytes) }
        for range in ranges {
            let first = (range.start - memory) / 8
            for index in first..<first + range.words { copy[index] = 0 }
        }
        return stride(from: 0, to: copy.count, by: 512).map { page in
            copy[page..<page + 512].reduce(0) { mix($0, $1) }
        }
    }
}

@inline(__always) func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    let product = (hash ^ word).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
    return product.high ^ product.low &+ 0x632b_e59b_d9b4_e019
}

/// Priorities that explored systems use.
enum Priorities { static let count = 16 }

extension SnapshotArea {
    /// The canonical hash of a saved state.
    ///
    /// - Parameter dead: words that do not count in this state.
    func hash(_ saved: UnsafePointer<UInt64>, now: UInt64, dead: [Int]) -> UInt64 {
        var skipped = dead.makeIterator()
        var skip = skipped.next() ?? Int.max
        var hash: UInt64 = 0x51_7cc1
        let low = Instants.start - Instants.span
        ignored.withUnsafeBufferPointer { ignored in
            for index in 0..<words {
                if index >= skip {
                    skip = skipped.next() ?? Int.max
                    continue
                }
                if ignored[index] { continue }
                var word = saved[index]
                if word &- low < 2 * Instants.span {
                    word = distance(word, now)
                } else if ~word &- low < 2 * Instants.span {
                    word = ~distance(~word, now)
                }
                hash = mix(hash, word)
            }
        }
        return hash
    }
    /// An instant's distance from now; long past is as long as long past.
    @inline(__always) private func distance(_ instant: UInt64, _ now: UInt64) -> UInt64 {
        UInt64(bitPattern: max(Int64(bitPattern: instant &- now), -4))
    }
}
