// The ELF reader: a good file gives its segments; each way to be bad gives its own error; noise
// never gets through.
import Testing

@testable import ServiceCores

private struct File {
    var bytes = [UInt8](repeating: 0, count: 64 + 2 * 56 + 100)
    init() {
        bytes.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
        put(16, 2, 2)
        put(18, 183, 2)
        put(24, 0x20_0000, 8)
        put(32, 64, 8)
        put(54, 56, 2)
        put(56, 2, 2)
        segment(0, flags: 5, offset: 176, address: 0x20_0000, fileSize: 60, memorySize: 60)
        segment(1, flags: 6, offset: 236, address: 0x20_1000, fileSize: 40, memorySize: 5000)
    }
    mutating func put(_ offset: Int, _ value: UInt64, _ size: Int) {
        for index in 0..<size {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
        }
    }
    mutating func segment(
        _ index: Int, flags: UInt64, offset: UInt64, address: UInt64, fileSize: UInt64,
        memorySize: UInt64
    ) {
        let header = 64 + index * 56
        put(header, 1, 4)
        put(header + 4, flags, 4)
        put(header + 8, offset, 8)
        put(header + 16, address, 8)
        put(header + 32, fileSize, 8)
        put(header + 40, memorySize, 8)
    }
    func read() throws(ElfError) -> ElfImage {
        try ElfImage(bytes.span, permitted: 0x1_0000..<0x100_0000)
    }
}

@Suite struct ElfImageTests {
    private func error(_ change: (inout File) -> Void) -> ElfError? {
        var file = File()
        change(&file)
        do { _ = try file.read() } catch { return error }
        return nil
    }

    @Test func goodFileGivesItsSegments() throws {
        let image = try File().read()
        #expect(image.entry == 0x20_0000)
        #expect(image.segmentCount == 2)
        #expect(image.segment(0).isExecutable && !image.segment(0).isWritable)
        #expect(image.segment(1).isWritable && !image.segment(1).isExecutable)
        #expect(image.segment(1).fileOffset == 236)
        #expect(image.segment(1).fileSize == 40)
        #expect(image.segment(1).memorySize == 5000)
        #expect(image.segment(0).pageCount == 1)
        #expect(image.segment(1).pageCount == 2)
    }

    @Test func identityIsChecked() {
        #expect(error { $0.bytes[0] = 0 } == .wrongMagic)
        #expect(error { $0.bytes[4] = 1 } == .wrongClass)
        #expect(error { $0.bytes[5] = 2 } == .wrongClass)
        #expect(error { $0.put(18, 62, 2) } == .wrongMachine)
        #expect(error { $0.put(16, 3, 2) } == .wrongType)
        #expect(error { $0.put(54, 32, 2) } == .badHeaderSize)
        #expect(error { $0.bytes = [] } == .truncated)
    }

    /// Adds a third program header, for thread-local variables.
    private func locals(
        _ address: UInt64, given: UInt64, size: UInt64, alignment: UInt64 = 16
    ) -> ElfError? {
        error { file in
            // The headers move behind everything else.
            let table = file.bytes.count
            file.bytes += [UInt8](file.bytes[64..<176]) + [UInt8](repeating: 0, count: 56)
            file.put(32, UInt64(table), 8)
            file.put(56, 3, 2)
            file.put(table + 112, 7, 4)
            file.put(table + 112 + 16, address, 8)
            file.put(table + 112 + 32, given, 8)
            file.put(table + 112 + 40, size, 8)
            file.put(table + 112 + 48, alignment, 8)
        }
    }

    @Test func threadLocalsAreChecked() {
        #expect(locals(0x20_1000, given: 40, size: 1008) == nil)
        #expect(locals(0x20_1000 + 4960, given: 40, size: 40) == nil)
        #expect(locals(0, given: 0, size: 8) == nil, "nothing to copy")
        #expect(locals(0x20_1000, given: 40, size: 1009) == .badThreadLocals)
        #expect(locals(0x20_1000, given: 40, size: ~0) == .badThreadLocals)
        #expect(locals(0x20_1000, given: 41, size: 40) == .badThreadLocals)
        #expect(locals(0x20_1000, given: 40, size: 40, alignment: 32) == .badThreadLocals)
        #expect(locals(0x20_1000, given: 40, size: 40, alignment: ~0) == .badThreadLocals)
        #expect(locals(0x20_1000 + 4961, given: 40, size: 40) == .badThreadLocals)
        #expect(locals(0x1f_fff0, given: 40, size: 40) == .badThreadLocals)
        #expect(locals(~0 - 8, given: 40, size: 40) == .badThreadLocals)
        #expect(locals(~0, given: 1, size: 1) == .badThreadLocals)
        let two = error { file in
            file.put(64, 7, 4)
            file.put(120, 7, 4)
        }
        #expect(two == .badThreadLocals)
    }

    @Test func segmentsAreChecked() {
        #expect(error { $0.put(56, 0, 2) } == .noSegments)
        #expect(error { $0.put(32, 10_000, 8) } == .truncated)
        #expect(error { $0.put(32, ~0, 8) } == .truncated)
        #expect(error { $0.put(64, 3, 4) } == .needsLoader)
        #expect(error { $0.put(64 + 4, 7, 4) } == .writableAndExecutable(segment: 0))
        #expect(error { $0.put(64 + 8, 250, 8) } == .outsideFile(segment: 0))
        #expect(error { $0.put(64 + 8, ~0, 8) } == .outsideFile(segment: 0))
        #expect(error { $0.put(64 + 32, 61, 8) } == .fileLargerThanMemory(segment: 0))
        #expect(error { $0.put(64 + 16, 0x1000, 8) } == .badAddress(segment: 0))
        #expect(error { $0.put(64 + 16, ~0 & ~4095, 8) } == .badAddress(segment: 0))
        #expect(error { $0.put(64 + 40, ~0, 8) } == .badAddress(segment: 0))
        #expect(error { $0.put(64 + 16, 0x20_0010, 8) } == .misaligned(segment: 0))
        #expect(error { $0.put(64 + 40, 4097, 8) } == .overlap(segment: 1))
        #expect(error { $0.put(120 + 16, 0x1f_f000, 8) } == .overlap(segment: 1))
        #expect(error { $0.put(120 + 16, 0x1f_e000, 8) } == nil)
        #expect(error { $0.put(24, 0x20_1000, 8) } == .badEntry)
        #expect(error { $0.put(24, 0x20_0002, 8) } == .badEntry)
    }

    @Test func moreSegmentsThanTheLimitAreRefused() {
        var file = File()
        file.bytes = Array(file.bytes[..<64]) + [UInt8](repeating: 0, count: 56 * 9)
        file.put(56, 9, 2)
        for index in 0..<9 {
            let address = 0x20_0000 + UInt64(index) * 4096
            file.segment(index, flags: 5, offset: 0, address: address, fileSize: 1, memorySize: 1)
        }
        #expect(throws: ElfError.tooManySegments) { try file.read() }
    }

    @Test func everyShorterFileIsRefused() {
        let whole = File()
        for length in 0..<276 {
            #expect(
                error { $0.bytes = Array(whole.bytes.prefix(length)) } != nil, "\(length) bytes")
        }
        #expect(error { $0.bytes = Array(whole.bytes.prefix(276)) } == nil)
    }

    /// One to eight bytes in a row at every place, with every extreme value.
    @Test func extremeFieldsNeverGetThrough() {
        let whole = File()
        for width in [1, 2, 4, 8] {
            for at in 0...(176 - width) {
                for value in [0, 1, 0x7f, 0x80, 0xff] as [UInt8] {
                    var file = whole
                    for index in 0..<width { file.bytes[at + index] = value }
                    if let image = try? file.read() { check(image, file.bytes.count) }
                }
            }
        }
    }
    private func check(_ image: ElfImage, _ count: Int) {
        var executable = false
        for index in 0..<image.segmentCount {
            let segment = image.segment(index)
            #expect(segment.fileOffset >= 0 && segment.fileOffset + segment.fileSize <= count)
            #expect(segment.virtualAddress >= 0x1_0000 && segment.pageEnd <= 0x100_0000)
            #expect(
                segment.virtualAddress % 4096 == 0 && UInt64(segment.fileSize) <= segment.memorySize
            )
            #expect(!(segment.isWritable && segment.isExecutable))
            for other in 0..<index {
                let earlier = image.segment(other)
                #expect(
                    earlier.pageEnd <= segment.virtualAddress
                        || segment.pageEnd <= earlier.virtualAddress)
            }
            let end = segment.virtualAddress + segment.memorySize
            if segment.isExecutable && image.entry >= segment.virtualAddress && image.entry < end {
                executable = true
            }
        }
        #expect(executable)
    }

    @Test func noiseNeverGivesASegmentOutsideTheFileOrTheRange() {
        var generator = Generator(state: 7)
        for _ in 0..<20_000 {
            var file = File()
            for _ in 0..<(1 + Int(generator.next() % 4)) {
                let position = Int(generator.next() % UInt64(file.bytes.count))
                file.bytes[position] = UInt8(truncatingIfNeeded: generator.next())
            }
            file.bytes.removeLast(Int(generator.next() % 3) * 40)
            guard let image = try? file.read() else { continue }
            check(image, file.bytes.count)
        }
    }
}

/// A small generator with a fixed seed, so that a failure can be repeated (xorshift64*).
struct Generator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return (state &* 0x2545_f491_4f6c_dd1d) >> 16
    }
}
