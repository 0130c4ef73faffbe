// Whether each task fits its arena, and each arena the board: refused here, not at boot.

import KernelABI
import ServiceCores

extension Platform {
    /// Throws for the first task that cannot start with the memory that its file gives it.
    ///
    /// - Parameter entries: the files of the bundle.
    public func checkMemory(entries: [(name: String, bytes: [UInt8])]) throws {
        let files = Dictionary(
            entries.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first })
        for board in boards {
            let tasks = try tasks(of: board)
            let shares = shares(of: board).map(\.description)
            for task in tasks {
                guard let file = files[task.description.binary.text] else { continue }
                try task.checkArena(file, shares)
            }
            if let memory = board.file.boardMemory { try check(tasks, shares, memory, board) }
        }
    }

    private func check(
        _ tasks: [ListedTask], _ shares: [SharedDescription], _ memory: UInt64, _ board: Board
    ) throws {
        var atBoot = shares.reduce(0) { $0 + $1.memory }
        for task in tasks {
            let description = task.description
            let parts: [(TaskKey, UInt8)] = [
                (.arenaBits, description.arenaBits), (.untypedBits, description.untypedBits),
            ]
            for (key, bits) in parts where bits > 0 {
                let bytes = UInt64(1) << UInt64(bits)
                if bytes > memory {
                    throw task.error(
                        key,
                        "\(key.rawValue) = \(bits) is \(bytes) bytes; "
                            + "the board \(board.name) has \(memory)")
                }
                if description.start == .boot { atBoot += bytes }
            }
            if description.start != .boot { continue }
            atBoot += UInt64(description.persistentBytes)
            if atBoot > memory {
                throw task.error(
                    .arenaBits,
                    "up to this one the tasks that start at boot, and what is shared, take "
                        + "\(atBoot) bytes; "
                        + "the board \(board.name) has \(memory)")
            }
        }
    }
}

extension ListedTask {
    /// Throws where the task's parts are larger than its arena; a driver's registers count a page
    /// each, a device tree nothing.
    ///
    /// - Parameter shares: all of the board.
    func checkArena(_ file: [UInt8], _ shares: [SharedDescription]) throws {
        let image: ElfImage
        do throws(ElfError) {
            image = try ElfImage(file.span, permitted: 0..<UInt64(Limits.userEnd))
        } catch {
            throw self.error(
                .binary, "its binary \(description.binary.text) is not a task's ELF file: \(error)")
        }
        let need = ArenaNeed(
            description, image, registerPages: Int(description.registerCount),
            lines: Int(description.interruptCount), treeBytes: 0, shares: shares)
        let arena = 1 << Int(description.arenaBits)
        if Int(description.stackBytes) >= arena {
            throw self.error(
                .stack,
                "stack = \(description.stackBytes) does not fit its arena of \(arena) bytes "
                    + "(arena_bits = \(description.arenaBits))")
        }
        if Int(description.heapBytes) >= arena {
            throw self.error(
                .heap,
                "heap = \(description.heapBytes) does not fit its arena of \(arena) bytes "
                    + "(arena_bits = \(description.arenaBits))")
        }
        if need.holdingBits > Limits.tableBits.upperBound {
            let most = 1 << Limits.tableBits.upperBound
            throw self.error(
                .binary,
                "stack, heap and binary have \(need.heldCount) pages; a task has at most \(most)")
        }
        if need.bytes > arena {
            throw self.error(
                .arenaBits,
                "arena_bits = \(description.arenaBits) is \(arena) bytes; "
                    + "the task needs \(need.bytes): write \(need.arenaBits)")
        }
    }
}
