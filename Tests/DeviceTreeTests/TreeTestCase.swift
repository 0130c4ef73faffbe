// What all tests of trees need: sources compiled by dtc, changed in some places, read from
// aligned memory.

import DeviceTree
import Foundation
import TreeReport
import XCTest

class TreeTestCase: XCTestCase {
    /// The folder of tree sources.
    static let sources = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("dts")

    /// Compile a source with dtc.
    func compile(_ name: String) throws -> [UInt8] {
        try compile(TreeTestCase.sources.appendingPathComponent(name))
    }

    func compile(_ source: URL) throws -> [UInt8] {
        let output = FileManager.default.temporaryDirectory.appendingPathComponent(
            "\(UUID().uuidString).dtb")
        defer { try? FileManager.default.removeItem(at: output) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-o", output.path,
            source.path,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return [UInt8](try Data(contentsOf: output))
    }

    /// Read a tree from 8-byte aligned memory, and describe the machine.
    @discardableResult
    func describe<T>(
        _ bytes: [UInt8], _ body: (DeviceTree, borrowing MachineDescription) throws -> T
    ) throws -> T {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(bytes.count, 8), alignment: 8)
        defer { memory.deallocate() }
        memory.copyBytes(from: bytes)
        let tree = try DeviceTree(at: UnsafeRawPointer(memory.baseAddress!), limit: bytes.count)
        return try body(tree, try tree.describeMachine { RangeList.places($0) })
    }

    func cause(_ bytes: [UInt8]) -> DeviceTreeError.Cause? {
        do {
            try describe(bytes) { _, _ in }
            return nil
        } catch { return (error as? DeviceTreeError)?.cause }
    }

    /// The GICv2 tree with texts, each of which occurs in it once, replaced.
    func compile(
        replacing text: String, with replacement: String, and more: (String, String)...
    ) throws -> [UInt8] {
        var source = try String(
            contentsOf: TreeTestCase.sources.appendingPathComponent("qemu-virt-gicv2.dts"),
            encoding: .utf8)
        for (text, replacement) in [(text, replacement)] + more {
            XCTAssertEqual(
                source.components(separatedBy: text).count, 2, "\(text) does not occur once")
            source = source.replacingOccurrences(of: text, with: replacement)
        }
        let changed = FileManager.default.temporaryDirectory.appendingPathComponent(
            "\(UUID().uuidString).dts")
        defer { try? FileManager.default.removeItem(at: changed) }
        try source.write(to: changed, atomically: true, encoding: .utf8)
        return try compile(changed)
    }
}

extension TreeReport {
    /// Without any driver.
    init(_ bytes: [UInt8]) { self.init(bytes) { _ in nil } }
}

extension RangeList {
    /// Places that stay until the tests end.
    static func places(_ count: Int) -> Places {
        let places = Places.allocate(capacity: count)
        places.initialize(repeating: RegisterRange(base: 0, size: 0))
        return places
    }
    /// With places for `count` ranges.
    init(_ count: Int, whenFull overflow: Overflow) {
        self.init(RangeList.places(count + 1), whenFull: overflow)
    }
}
extension MemoryMap {
    init(whenFull overflow: RangeList.Overflow) {
        self.init(RangeList.places(65), whenFull: overflow)
    }
}
