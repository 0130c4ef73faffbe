// Transfers of a card's client, against a model of the driver's service: which requests they make,
// and where they end.

import BlockClient
import CUserEntry
import KernelABI
import Protocols
import Testing
import UserRuntime

/// A driver, as a client's calls see it. Each block's bytes are the low byte of its number.
private final class ModelDriver {
    struct Piece: Equatable {
        var operation: UInt64
        var first: UInt64
        var count: UInt64
    }
    var blocks: UInt64 = 4096
    var medium: UInt64 = 77
    /// Answers this many requests for blocks, and then fails.
    var answers = Int.max
    /// What it fails with: a word of its reply, or the kernel's error.
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
        let isCall = ControlWord(raw: registers[0]).systemCall == .call
        registers[0] = isCall ? ResultWord(.message, message: 5 << 32).raw : 0
        if !isCall {
            signsOfLife += 1
        } else if registers[3] == BlockRequest.information {
            (registers[3], registers[4], registers[5]) = (0, 512, blocks)
            (registers[6], registers[7]) = (0, medium)
        } else {
            move(registers)
        }
    }

    private func move(_ registers: UnsafeMutablePointer<UInt64>) {
        let piece = Piece(operation: registers[3], first: registers[4], count: registers[5])
        pieces.append(piece)
        if pieces.count > answers {
            if let kernelError { registers[0] = UInt64(kernelError.rawValue) }
            registers[3] = error.rawValue
        } else if registers[6] != medium {
            registers[3] = BlockError.noMedium.rawValue
        } else if piece.first >= blocks || piece.count > blocks - piece.first {
            registers[3] = BlockError.outOfRange.rawValue
        } else {
            registers[3] = fill(piece) ? 0 : BlockError.badRequest.rawValue
        }
    }

    /// Reads into the loan, or compares it; whether it is as long as the piece, and has the right
    /// bytes.
    private func fill(_ piece: Piece) -> Bool {
        let length = Int(buffer[IPCBuffer.loanLength / 8])
        if length != Int(piece.count) * 512 { return false }
        let loan = UnsafeMutablePointer<UInt8>(bitPattern: UInt(buffer[IPCBuffer.loanAddress / 8]))!
        for index in 0..<length {
            let byte = UInt8(truncatingIfNeeded: piece.first + UInt64(index / 512))
            if piece.operation == BlockRequest.read {
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
    private var card = BlockDevice(Endpoint(StartSlot.firstFree))
    private var bytes = [UInt8](repeating: 0xee, count: 130 * 512)

    @Test(arguments: [0, 1, 7, 8, 9, 120, 130] as [UInt64]) mutating func aTransferIsMadeOfPieces(
        _ count: UInt64
    )
        throws
    {
        #expect(try card.information().blocks == 4096)
        #expect(card.read(5, count, into: &bytes) == BlockTransfer(count: count))
        #expect(bytes[..<(Int(count) * 512)].enumerated().allSatisfy { $1 == UInt8(5 + $0 / 512) })
        #expect(bytes[(Int(count) * 512)...].allSatisfy { $0 == 0xee })
        #expect(card.write(5, count, from: &bytes) == BlockTransfer(count: count))
        var next: UInt64 = 5
        for piece in driver.pieces.prefix(driver.pieces.count / 2) {
            #expect(piece.first == next && piece.count <= BlockRequest.maximumCount)
            next += piece.count
        }
        #expect(next == 5 + count)
        #expect(driver.pieces.allSatisfy { $0.count > 0 })
    }

    @Test mutating func aFailureTellsWhatWasMovedBefore() throws {
        _ = try card.information()
        driver.answers = 2
        #expect(
            card.read(0, 120, into: &bytes) == BlockTransfer(count: 16, failure: .device(.timeOut)))
        #expect(driver.pieces.count == 3)
        driver.kernelError = .peerDied
        #expect(card.write(16, 8, from: &bytes) == BlockTransfer(failure: .driver(.peerDied)))
        driver.answers = .max
        #expect(card.read(4090, 20, into: &bytes) == BlockTransfer(failure: .device(.outOfRange)))
        #expect(card.read(.max, 20, into: &bytes) == BlockTransfer(failure: .device(.outOfRange)))
    }

    @Test mutating func aTransferDoesNotGoOnWithAnotherCard() throws {
        #expect(card.read(0, 1, into: &bytes) == BlockTransfer(failure: .device(.noMedium)))
        _ = try card.information()
        #expect(card.read(0, 1, into: &bytes).failure == nil)
        driver.medium = 78
        #expect(card.write(0, 120, from: &bytes) == BlockTransfer(failure: .device(.noMedium)))
        _ = try card.information()
        #expect(card.read(0, 1, into: &bytes).failure == nil)
    }

    @Test mutating func moreThanTheArrayHoldsIsNotAskedFor() throws {
        _ = try card.information()
        for count in [131, .max] as [UInt64] {
            #expect(
                card.read(0, count, into: &bytes) == BlockTransfer(failure: .device(.badRequest)))
        }
        #expect(driver.pieces.isEmpty)
    }
}
