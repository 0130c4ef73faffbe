// Transfers of a card's client, against a model of the driver's service: which requests they make,
// and where they end.

import CUserEntry
import Interfaces
import Testing

/// A driver, as a client's calls see it. Each block's bytes are the low byte of its number.
private final class ModelDriver {
    struct Piece: Equatable {
        var isRead: Bool
        var first: UInt64
        var count: Int
    }
    var blocks: UInt64 = 4096
    var medium: UInt64 = 77
    /// Answers this many requests for blocks, and then fails.
    var answers = Int.max
    /// What it fails with: its own error, or the kernel's.
    var error = BlockError.timeOut
    var kernelError: KernelError?
    private(set) var pieces: [Piece] = []
    private(set) var signsOfLife = 0
    private let buffer = UnsafeMutablePointer<UInt64>.allocate(capacity: 512)

    /// From here on this thread's calls go to the driver, for good.
    init() {
        buffer.initialize(repeating: 0, count: 512)
        swiftlet_model_kernel(
            { context, registers in
                let driver = Unmanaged<ModelDriver>.fromOpaque(context).takeUnretainedValue()
                driver.answer(registers)
            }, Unmanaged.passRetained(self).toOpaque(),
            IPCBuffer.threadPointer(UInt64(UInt(bitPattern: buffer))))
    }

    private func answer(_ registers: UnsafeMutablePointer<UInt64>) {
        if ControlWord(raw: registers[0]).systemCall != .call {
            registers[0] = 0
            signsOfLife += 1
        } else if registers[3] == 1 {
            registers[0] = ResultWord(.message, message: 4 << 32).raw
            (registers[3], registers[4], registers[5], registers[6]) = (0, medium, blocks, 0)
        } else {
            registers[0] = ResultWord(.message, message: 1 << 32).raw
            let error = move(registers)
            registers[3] = error.map { 0x1_0000 | UInt64($0.rawValue) } ?? 0
            if let kernelError, error != nil { registers[0] = UInt64(kernelError.rawValue) }
        }
    }

    private func move(_ registers: UnsafeMutablePointer<UInt64>) -> BlockError? {
        let length = Int(buffer[IPCBuffer.loanLength / 8])
        let piece = Piece(isRead: registers[3] == 2, first: registers[4], count: length / 512)
        pieces.append(piece)
        if pieces.count > answers { return error }
        if registers[5] != medium { return .noMedium }
        if piece.first >= blocks || piece.count > blocks - piece.first { return .outOfRange }
        return length % 512 == 0 && fill(piece) ? nil : .badRequest
    }

    /// Reads into the loan, or compares it. Returns whether it has the right bytes.
    private func fill(_ piece: Piece) -> Bool {
        let loan = UnsafeMutablePointer<UInt8>(bitPattern: UInt(buffer[IPCBuffer.loanAddress / 8]))!
        for index in 0..<piece.count * 512 {
            let byte = UInt8(truncatingIfNeeded: piece.first + UInt64(index / 512))
            if piece.isRead {
                loan[index] = byte
            } else if loan[index] != byte {
                return false
            }
        }
        return true
    }
}

@Suite struct BlockDeviceTests {
    private let driver = ModelDriver()
    private var card = BlockDevice(BlockClient(Endpoint(StartSlot.firstFree)))
    private var bytes = [UInt8](repeating: 0xee, count: 130 * 512)

    private mutating func read(_ first: UInt64, _ count: Int) -> BlockTransfer {
        read(first, bytes: count * 512)
    }
    private mutating func read(_ first: UInt64, bytes count: Int) -> BlockTransfer {
        var memory = bytes
        defer { bytes = memory }
        var all = memory.mutableSpan
        var part = all._mutatingExtracting(first: count)
        return card.read(from: first, into: &part)
    }
    private mutating func write(_ first: UInt64, _ count: Int) -> BlockTransfer {
        write(first, bytes: count * 512)
    }
    private mutating func write(_ first: UInt64, bytes count: Int) -> BlockTransfer {
        let memory = bytes
        return card.write(at: first, from: memory.span.extracting(first: count))
    }
    private func failure(_ error: BlockError, after count: Int = 0) -> BlockTransfer {
        BlockTransfer(count: count, failure: .service(error.rawValue))
    }

    @Test(arguments: [0, 1, 7, 8, 9, 120, 130]) mutating func aTransferIsMadeOfPieces(
        _ count: Int
    ) throws {
        let medium = Medium(number: 77, blocks: 4096, isReadOnly: false)
        #expect(try card.information() == medium)
        #expect(read(5, count) == BlockTransfer(count: count))
        #expect(bytes[..<(count * 512)].enumerated().allSatisfy { $1 == UInt8(5 + $0 / 512) })
        #expect(bytes[(count * 512)...].allSatisfy { $0 == 0xee })
        #expect(write(5, count) == BlockTransfer(count: count))
        var next: UInt64 = 5
        for piece in driver.pieces.prefix(driver.pieces.count / 2) {
            #expect(piece.first == next && piece.count <= Medium.blocksAtOnce)
            next += UInt64(piece.count)
        }
        #expect(next == UInt64(5 + count))
        #expect(driver.pieces.allSatisfy { $0.count > 0 })
    }

    @Test mutating func aFailureTellsWhatWasMovedBefore() throws {
        _ = try card.information()
        driver.answers = 2
        #expect(read(0, 120) == failure(.timeOut, after: 16))
        #expect(driver.pieces.count == 3)
        driver.kernelError = .peerDied
        #expect(write(16, 8) == BlockTransfer(failure: .kernel(.peerDied)))
        driver.kernelError = nil
        driver.answers = .max
        #expect(read(4090, 20) == failure(.outOfRange))
        #expect(read(.max, 20) == failure(.outOfRange))
    }

    @Test mutating func aTransferDoesNotGoOnWithAnotherCard() throws {
        #expect(read(0, 1) == failure(.noMedium))
        _ = try card.information()
        #expect(read(0, 1).failure == nil)
        driver.medium = 78
        #expect(write(0, 120) == failure(.noMedium))
        _ = try card.information()
        #expect(read(0, 1).failure == nil)
    }

    @Test(arguments: [1, 511, 513]) mutating func aPartOfABlockIsNotAskedFor(count: Int) throws {
        _ = try card.information()
        #expect(read(0, bytes: count) == failure(.badRequest))
        #expect(write(0, bytes: count) == failure(.badRequest))
        #expect(driver.pieces.isEmpty)
    }
}
