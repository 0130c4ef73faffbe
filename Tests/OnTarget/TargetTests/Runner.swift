// The harness: which tests run, what they found, and the lines that the host reads.

import KernelABI
import UserRuntime

/// What went wrong in a test.
struct Failure: Error {
    var line: UInt
    var text: StaticString
    var value: UInt64
}

/// What a test needs of the clock.
enum TestClock {
    /// The test holds on any machine, however loaded.
    case any
    /// The test meets instants that lie a few instructions apart, or counts the instructions of a
    /// time. The clock must advance by instructions: QEMU with `-icount shift=0`, where the command
    /// line says `clock=instructions`.
    case instructions
}

/// Runs tests and counts.
struct Runner {
    let console = SystemControl(RootSlot.systemControl)
    /// Memory of the running test; reclaimed after it.
    let memory = Untyped(Slot(600))
    private let boot: BootInformation
    /// The cores that run, and those that the command line asks for.
    let coreCount: (told: UInt64, wanted: UInt64)
    private var filter = CommandLine()
    private var clock: TestClock = .any
    private var seed: UInt64 = 1
    private var number: UInt64 = 0
    private var passed: UInt64 = 0
    private var failed: UInt64 = 0
    private var skipped: UInt64 = 0

    init(boot: UnsafePointer<BootInformation>) {
        self.boot = unsafe boot.pointee
        filter.read(self.boot, "test=")
        var option = CommandLine()
        option.read(self.boot, "seed=")
        seed = option.number ?? seed
        option.read(self.boot, "cores=")
        // Safety: the kernel mapped all pages up to there.
        let told = unsafe UnsafeRawPointer(boot).load(
            fromByteOffset: self.boot.coreCountOffset, as: UInt64.self)
        coreCount = (told, option.number ?? 1)
        option.read(self.boot, "clock=")
        if option.equals("instructions") { clock = .instructions }
        takeMemory(self.boot)
    }

    /// 8 MiB for the tests, out of the first region of RAM that has it.
    private func takeMemory(_ boot: BootInformation) {
        let count = UInt32(truncatingIfNeeded: boot.untypedCount)
        for index in 0..<count {
            let region = Untyped(Slot(RootSlot.firstUntyped.index + index))
            guard let information = try? region.information(), !information.isDevice,
                information.sizeBits >= 24
            else { continue }
            if (try? region.retype(.untyped, sizeBits: 23, index: memory.slot)) != nil { return }
        }
        console.write("swiftlet-tests: no memory for the tests\n")
    }

    /// Run a test, if it was asked for and the clock is the one that it needs.
    mutating func test(
        _ name: StaticString, clock needed: TestClock = .any,
        _ body: (inout Checks) throws(Failure) -> Void
    ) {
        if !filter.accepts(name) { return }
        number += 1
        if needed == .instructions && clock != .instructions {
            report("ok ", name)
            console.write(" # SKIP it counts instructions\n")
            skipped += 1
            return
        }
        var checks = Checks(memory: memory, boot: boot, seed: seed)
        do throws(Failure) {
            try body(&checks)
            report("ok ", name)
            console.write("\n")
            passed += 1
        } catch {
            report("not ok ", name)
            console.write(": line ")
            console.write(decimal: UInt64(error.line))
            console.write(", ")
            console.write(error.text)
            console.write(", got ")
            console.write(decimal: error.value)
            console.write("\n")
            failed += 1
        }
        checks.restoreMain()
        if (try? memory.reclaim()) == nil {
            console.write("swiftlet-tests: the test's memory was not reclaimed\n")
        }
        checks.clearSlots()
    }

    private func report(_ prefix: StaticString, _ name: StaticString) {
        console.write(prefix)
        console.write(decimal: number)
        console.write(" - ")
        console.write(name)
    }

    func finish() {
        console.write("swiftlet-tests: ")
        console.write(decimal: passed)
        console.write(" passed, ")
        console.write(decimal: failed)
        console.write(" failed, ")
        console.write(decimal: skipped)
        console.write(" skipped\n")
        try? console.powerOff(status: failed == 0 && passed > 0 ? 0 : 1)
    }
}

extension SystemControl {
    func write(decimal value: UInt64) {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        var rest = value
        var count = 0
        repeat {
            let digit = 48 + rest % 10
            digits.2 = digits.2 << 8 | digits.1 >> 56
            digits.1 = digits.1 << 8 | digits.0 >> 56
            digits.0 = digits.0 << 8 | digit
            rest /= 10
            count += 1
        } while rest > 0
        unsafe withUnsafeBytes(of: &digits) { bytes in
            unsafe write(UnsafeRawBufferPointer(rebasing: bytes[0..<count]))
        }
    }
    /// A line of a test: a text and some numbers.
    func write<let count: Int>(_ text: StaticString, _ values: InlineArray<count, UInt64>) {
        write(text)
        for index in values.indices {
            write(" ")
            write(decimal: values[index])
        }
        write("\n")
    }
}

/// The value of an option on the command line.
@safe struct CommandLine {
    private var text: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    private var count: Int { unsafe text.count }

    /// Find `key` in the tree's strings: the command line is the only property that can hold it.
    mutating func read(_ boot: BootInformation, _ key: StaticString) {
        // Safety: the kernel mapped the tree there, for good, and says how long it is.
        guard let start = unsafe UnsafeRawPointer(bitPattern: UInt(boot.deviceTreeAddress)) else {
            return
        }
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: Int(boot.deviceTreeSize))
        let width = key.utf8CodeUnitCount
        unsafe text = UnsafeRawBufferPointer(start: nil, count: 0)
        var at = 0
        while at + width < bytes.count {
            var length = 0
            while length < width, unsafe bytes[at + length] == key.utf8Start[length] { length += 1 }
            if length == width {
                var end = at + width
                while end < bytes.count, unsafe bytes[end] > 32 { end += 1 }
                unsafe text = UnsafeRawBufferPointer(rebasing: bytes[(at + width)..<end])
                return
            }
            at += 1
        }
    }

    /// The value as a decimal number.
    var number: UInt64? {
        var value: UInt64 = 0
        for index in 0..<count {
            let digit = unsafe text[index]
            guard digit >= 48, digit < 58 else { return nil }
            value = value &* 10 &+ UInt64(digit - 48)
        }
        return count == 0 ? nil : value
    }

    func equals(_ word: StaticString) -> Bool { count == word.utf8CodeUnitCount && matches(word) }

    func accepts(_ name: StaticString) -> Bool {
        if count == 0 || equals("all") { return true }
        let isPrefix = count <= name.utf8CodeUnitCount && matches(name)
        return isPrefix && (count == name.utf8CodeUnitCount || endsInPoint)
    }
    private var endsInPoint: Bool { unsafe text[count - 1] == UInt8(ascii: ".") }
    private func matches(_ name: StaticString) -> Bool {
        for index in 0..<min(count, name.utf8CodeUnitCount)
        where unsafe text[index] != name.utf8Start[index] {
            return false
        }
        return true
    }
}
