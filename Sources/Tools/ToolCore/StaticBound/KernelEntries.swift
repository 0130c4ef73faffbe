// The kernel's entries: the start of each, and the knowledge about the machine there.

import KernelABI

/// One row of the table: the longest masked section of an entry.
public struct EntryBound {
    public var name: String
    public var path: Path
}

/// A way into the kernel.
struct KernelEntry {
    var name: String
    var start: UInt64
    var state: AbstractState
    /// Functions that this kind of entry does not run.
    var excluded: Set<String> = []
}

extension LongestPaths {
    static let vectorBytes: UInt64 = 128

    /// All entries but boot's.
    func entries() throws -> [KernelEntry] {
        guard let vectors = code.image.address(of: vectorTable),
            let idle = try afterWait()
        else { throw ToolError("the kernel has no vectors") }
        return systemCalls(vectors + 8 * LongestPaths.vectorBytes) + faults(vectors)
            + interrupts("user", vectors + 9 * LongestPaths.vectorBytes) + interrupts("idle", idle)
            + furtherEntries()
    }

    /// The entries of several cores that lead into the kernel from within, each with its symbol:
    /// all calls that found the kernel lock taken, whose arguments are in memory; and the
    /// interrupts that are pending where a core leaves the kernel.
    private static let further = [
        (name: "any call that waited for the lock", symbol: "swiftlet_shared_waited_call"),
        (name: "interrupt: any, at an exit", symbol: "swiftlet_shared_pending"),
        (name: "interrupt: any, at an exit to idle", symbol: "swiftlet_shared_idle_pending"),
    ]
    private static let furtherSymbols = Set(further.map(\.symbol))
    private func furtherEntries() -> [KernelEntry] {
        if !isShared { return [] }
        return LongestPaths.further.compactMap { entry in
            guard let start = code.image.address(of: entry.symbol) else { return nil }
            var state = entryState(.unknown)
            state[0] = .place(.runningThread, 0)
            return KernelEntry(name: entry.name, start: start, state: state)
        }
    }

    /// The longest hand-over of the kernel lock: from the store that releases it to the grant.
    public func handOver() -> Int {
        let starts = [
            "shared_pass_first", "shared_pass_last", "shared_pass_idle", "swiftlet_shared_release",
        ]
        let scope = Scope(excluded: ["swiftlet_shared_wait_lock"])
        return starts.compactMap { name in
            code.image.address(of: name).flatMap {
                lengths(from: $0, AbstractState(), scope).inner?.length
            }
        }.max() ?? 0
    }

    /// The longest round in which a core waits for the kernel lock, from one look for its grant to
    /// the next.
    public func waitingRound() -> Int {
        code.image.address(of: "swiftlet_shared_wait_lock")
            .flatMap { lengths(from: $0, AbstractState()).inner?.length } ?? 0
    }

    private var vectorTable: String { isShared ? "swiftlet_shared_vectors" : "swiftlet_vectors" }

    /// Behind the idle loop's `wfi`.
    private func afterWait() throws -> UInt64? {
        let name = isShared ? "swiftlet_shared_wait" : "swiftlet_idle"
        guard let idle = code.image.address(of: name) else { return nil }
        for address in stride(from: idle, to: code.image.extent(idle).upperBound, by: 4)
        where try code.instruction(address).flow == .wait { return address + 4 }
        return nil
    }

    private func entryState(_ syndrome: AbstractValue) -> AbstractState {
        var state = AbstractState()
        state.systemRegisters[AbstractState.threadRegister] = .place(.runningThread, 0)
        state.systemRegisters[AbstractState.syndromeRegister] = syndrome
        return state
    }

    /// `svc`: an exception class in bits 26–31 of the syndrome.
    private func call(
        _ name: String, _ start: UInt64, known: UInt64, value: UInt64
    ) -> KernelEntry {
        var state = entryState(.bits(known: ~0x3ff_ffff, value: 0x15 << 26))
        state[0] = .fromBits(known, value)
        return KernelEntry(name: name, start: start, state: state)
    }

    private func systemCalls(_ start: UInt64) -> [KernelEntry] {
        var entries: [KernelEntry] = []
        // Bits 40–46 are the call, bits 32–39 the method of `invoke`.
        for number in UInt8.min...127 {
            guard let call = SystemCall(rawValue: number), call != .invoke else { continue }
            entries.append(
                self.call("\(call)", start, known: 0x7f << 40, value: UInt64(number) << 40))
        }
        for (known, value) in others(atLeast: 11, bits: 7, setBits: 0) {
            entries.append(
                call("unknown system call", start, known: known << 40, value: value << 40))
        }
        let invoke = UInt64(SystemCall.invoke.rawValue) << 40
        var methods: UInt64 = 0
        while let method = Method(rawValue: UInt8(methods)) {
            entries.append(
                call("invoke \(method)", start, known: 0x7fff << 32, value: invoke | methods << 32))
            methods += 1
        }
        for (known, value) in others(atLeast: methods, bits: 8, setBits: 8) {
            entries.append(
                call(
                    "invoke, unknown method", start, known: 0x7f << 40 | known << 32,
                    value: invoke | value << 32))
        }
        return entries
    }

    /// All numbers of so many bits from `first` on, as sets of numbers in which at most `setBits`
    /// bits are unknown: the smaller the sets, the more comparisons they decide.
    private func others(
        atLeast first: UInt64, bits: Int, setBits: Int
    ) -> [(known: UInt64, value: UInt64)] {
        var sets: [(known: UInt64, value: UInt64)] = []
        var at = first
        let end: UInt64 = 1 << UInt64(bits)
        while at < end {
            let size: UInt64 = 1 << UInt64(min(at.trailingZeroBitCount, bits, setBits))
            sets.append(((end - 1) & ~(size - 1), at))
            at += size
        }
        return sets
    }

    private func faults(_ vectors: UInt64) -> [KernelEntry] {
        let synchronous = vectors + 8 * LongestPaths.vectorBytes
        var entries: [KernelEntry] = []
        for exceptionClass in 0..<64 as Range<UInt64> where exceptionClass != 0x15 {
            let name =
                switch exceptionClass {
                case 0x07: "floating-point trap"
                case 0x20, 0x24: "fault: page"
                case 0x22, 0x26: "fault: alignment"
                case 0x3c: "fault: breakpoint"
                case 0x00, 0x0e: "fault: illegal instruction"
                default: "fault: other"
                }
            entries.append(
                KernelEntry(
                    name: name, start: synchronous,
                    state: entryState(.bits(known: ~0x3ff_ffff, value: exceptionClass << 26))))
        }
        entries.append(
            KernelEntry(
                name: "system error", start: vectors + 11 * LongestPaths.vectorBytes,
                state: entryState(.unknown)))
        return entries
    }

    private func interrupts(_ from: String, _ start: UInt64) -> [KernelEntry] {
        KernelGoals.interruptKinds.map { kind in
            KernelEntry(
                name: "interrupt: \(kind.name), \(from)", start: start, state: entryState(.unknown),
                excluded: kind.excluded)
        } + [
            KernelEntry(name: "interrupt: any, \(from)", start: start, state: entryState(.unknown))
        ]
    }

    /// The longest path on which an interrupt of each kind resumes the most urgent thread of all,
    /// up to its first instruction: from the vector, or from a look between two steps, so that no
    /// step comes between. In sections `waiting`, from where a core that waited at an entry holds
    /// the kernel lock. The longest first.
    public func wakes() throws -> [EntryBound] {
        guard let vectors = code.image.address(of: vectorTable) else { return [] }
        let kinds = KernelGoals.interruptKinds.filter { $0.name != "spurious" }
        let interrupt = vectors + 9 * LongestPaths.vectorBytes
        let call = vectors + 8 * LongestPaths.vectorBytes
        // Nobody more urgent waits for the lock.
        let plain = KernelGoals.generalWake.union(KernelGoals.passing)
        let further = plain.union(LongestPaths.furtherSymbols)
        var entries = [
            ("user code", interrupt, entryState(.unknown), further),
            ("a look of the kernel", call, plainCall, further),
        ]
        if let exit = code.image.address(of: "shared_pending_last"), isShared {
            entries.append(("an exit", exit, entryState(.unknown), plain))
        }
        if sections == .waiting {
            entries = [("a wait for the lock", interrupt, entryState(.unknown), further)]
        }
        var found: [EntryBound] = []
        for (name, excluded) in kinds {
            for (from, start, state, without) in entries {
                let lengths = lengths(
                    from: start, state,
                    Scope(excluded: excluded.union(without), leavesKernel: true))
                guard let path = longest(of: lengths) else { continue }
                found.append(EntryBound(name: "\(name) wakes, from \(from)", path: path))
            }
        }
        return found.sorted { $0.path.length > $1.path.length }
    }

    /// A call that does little itself and ends in the scheduler's loop.
    private var plainCall: AbstractState {
        let control =
            UInt64(SystemCall.invoke.rawValue) << 40 | UInt64(Method.acknowledge.rawValue) << 32
        return call("", 0, known: 0x7fff << 32, value: control).state
    }

    /// The longest of the sections. A kernel that records them does not record the way from the
    /// vector to its first mark, nor from the last one to the exit. The way to a wait for the lock
    /// does not count.
    private func longest(of lengths: Lengths) -> Path? {
        sections == .recorded || sections == .waiting ? lengths.inner : lengths.longest
    }

    /// The longest masked section of each entry, up to where the scheduling loop begins, and the
    /// longest of that loop in a row of its own; the longest first.
    public func bounds() throws -> [EntryBound] {
        var longest: [String: Path] = [:]
        func note(_ path: Path, _ name: String) {
            if path.length > longest[name]?.length ?? -1 { longest[name] = path }
        }
        for entry in try entries() {
            var scope = Scope(excluded: entry.excluded)
            if !LongestPaths.further.contains(where: { $0.name == entry.name }) {
                scope.excluded.formUnion(LongestPaths.furtherSymbols)
            }
            guard let all = self.longest(of: lengths(from: entry.start, entry.state, scope)) else {
                continue
            }
            scope.endsInLoop = true
            let own = self.longest(of: lengths(from: entry.start, entry.state, scope))
            if let own { note(own, entry.name) }
            if all.length > own?.length ?? -1 { note(all, EntryKind.scheduling.name) }
        }
        // The kinds together are all interrupts: the row of any tells only where they are not.
        for from in ["user", "idle"] {
            let kinds = KernelGoals.interruptKinds.map {
                longest["interrupt: \($0.name), \(from)"]?.length ?? 0
            }
            let any = "interrupt: any, \(from)"
            if kinds.max() == longest[any]?.length { longest[any] = nil }
        }
        return longest.map { EntryBound(name: $0.key, path: $0.value) }
            .sorted { ($0.path.length, $1.name) > ($1.path.length, $0.name) }
    }
}
