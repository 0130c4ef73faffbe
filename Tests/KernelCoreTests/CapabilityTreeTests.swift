// Random copies, moves, deletions and revocations of one object's capabilities, compared with a
// tree of parents.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct CapabilityTreeTests {
    static let first: UInt32 = 2000
    static let count: UInt32 = 48

    /// Each occupied slot's parent; the object's first capability has none.
    struct Tree {
        var parents: [UInt32: UInt32?] = [:]

        func isBelow(_ slot: UInt32, _ other: UInt32) -> Bool {
            var at: UInt32? = parents[slot] ?? nil
            while let parent = at {
                if parent == other { return true }
                at = parents[parent] ?? nil
            }
            return false
        }
        func depth(_ slot: UInt32) -> Int {
            var depth = 0
            var at: UInt32? = parents[slot] ?? nil
            while let parent = at {
                depth += 1
                at = parents[parent] ?? nil
            }
            return depth
        }
        mutating func revoke(_ slot: UInt32) {
            for other in parents.keys.filter({ isBelow($0, slot) }) { parents[other] = nil }
        }
        mutating func move(_ slot: UInt32, to target: UInt32) {
            for (other, parent) in parents where parent == slot { parents[other] = .some(target) }
            parents[target] = parents[slot]
            parents[slot] = nil
        }
    }

    @Test(arguments: [1, 2, 3], [nil, 0, 2]) func agreesWithATreeOfParents(
        seed: UInt64, period: Int?
    ) {
        let s = TestSystem()
        s.inspectionPeriod = 2
        var random = SeededGenerator(seed: seed)
        var tree = Tree()
        let own = Slot.ownTable.index
        func pick() -> UInt32 {
            CapabilityTreeTests.first
                + UInt32.random(in: 0..<CapabilityTreeTests.count, using: &random)
        }
        for _ in 0..<1500 {
            let slot = pick()
            let target = pick()
            if tree.parents.isEmpty {
                let made = s.perform(
                    .retype, TestSystem.ram, UInt64(ObjectKind.notification.rawValue), 1, s.own,
                    UInt64(slot), s.none)
                #expect(made.error == nil)
                tree.parents[slot] = .some(nil)
                continue
            }
            let isThere = tree.parents[slot] != nil
            let isFree = tree.parents[target] == nil
            var error: KernelError? = isThere ? nil : .invalidCapability
            let result: Results
            switch random.next() % 12 {
            case 0..<7:
                let isPeer = random.next() % 2 == 1
                if isThere && !isFree { error = .slotOccupied }
                let parent = isPeer ? tree.parents[slot].flatMap { $0 } ?? slot : slot
                if error == nil, tree.depth(parent) >= Limits.derivationDepth {
                    error = .derivationTooDeep
                }
                result = s.perform(
                    .copy, own, UInt64(slot), s.own, UInt64(target), 31, isPeer ? 1 : 0)
                if error == nil { tree.parents[target] = .some(parent) }
            case 7, 8:
                if isThere && !isFree { error = .slotOccupied }
                result = s.perform(.move, own, UInt64(slot), s.own, UInt64(target))
                if error == nil { tree.move(slot, to: target) }
            default:
                let isDelete = random.next() % 3 > 0
                // Mostly leaves, so that the tree grows.
                if isThere, random.next() % 3 > 0,
                    tree.parents.keys.contains(where: { tree.isBelow($0, slot) })
                {
                    continue
                }
                s.hardware.queriesLeft = period
                s.hardware.ghostPeriod = period
                result = s.perform(isDelete ? .delete : .revoke, own, UInt64(slot))
                s.hardware.queriesLeft = nil
                if isThere { tree.revoke(slot) }
                if isThere && isDelete { tree.parents[slot] = nil }
            }
            #expect(result.error == error)
            for offset in 0..<CapabilityTreeTests.count {
                let place = CapabilityTreeTests.first + offset
                let depth = tree.parents[place] == nil ? nil : tree.depth(place)
                let actual = s.isEmpty(place) ? nil : Int(s.capability(place).pointee.depth)
                if actual != depth {
                    let (found, expected) = (actual ?? -1, depth ?? -1)
                    Issue.record("slot \(place) has depth \(found), not \(expected) (-1: empty)")
                    return
                }
            }
        }
        s.inspectTables()
    }
}
