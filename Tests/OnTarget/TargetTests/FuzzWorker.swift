// What the sacrificial task does: system calls with any numbers, any slots, any register values and
// any contents of the IPC buffer, and instructions that fault in between. Half of what it asks for
// means something: pure noise is refused at the first check.
//
// It keeps its state in the page that it shares with the test, so that a thread that is started
// anew goes on.

import CTargetTests
import KernelABI
import UserRuntime

/// Slots of the sandbox's table, as the test fills it.
enum FuzzSlot {
    static var table: UInt32 { 1 }
    static var space: UInt32 { 2 }
    /// The threads that call: to look at, not to change.
    static var workers: UInt32 { 3 }
    /// A thread with which everything may be done.
    static var victim: UInt32 { 7 }
    static var endpoints: UInt32 { 8 }
    static var replies: UInt32 { 12 }
    static var notifications: UInt32 { 14 }
    static var timers: UInt32 { 17 }
    static var untyped: UInt32 { 19 }
    static var device: UInt32 { 20 }
    static var frames: UInt32 { 21 }
    static var pageTables: UInt32 { 23 }
    static var interrupts: UInt32 { 25 }
    static var interruptControl: UInt32 { 27 }
    static var systemControl: UInt32 { 28 }
    static var handler: UInt32 { 29 }
    static var asidPool: UInt32 { 30 }
    static var asidControl: UInt32 { 31 }
    static var budget: UInt32 { 32 }
    /// A set that all callers have joined, and one with which everything may be done.
    static var mutexSets: UInt32 { 33 }
    /// From here on the task's own.
    static var free: UInt32 { 35 }
}

/// Words of the shared page.
enum FuzzWord {
    static var quota: UInt64 { 0 }
    /// How often the kernel broke its promise, and the first time: control word, what, result.
    static var broken: UInt64 { 1 }
    static var brokenControl: UInt64 { 2 }
    static var brokenWhat: UInt64 { 3 }
    static var brokenResult: UInt64 { 4 }
    /// Eight words a thread: state of its generator, calls, successes, odd instructions.
    static func of(_ thread: UInt64, _ word: UInt64) -> UInt64 { 16 + thread * 8 + word }
}

private func shared(_ word: UInt64) -> UInt64 { peek(SandboxAddress.shared + 8 * word) }
private func setShared(_ word: UInt64, _ value: UInt64) {
    poke(SandboxAddress.shared + 8 * word, value)
}

/// The threads' code: call until the quota is reached.
let fuzzWorker: @convention(c) (UInt64) -> Void = { number in
    let worker = FuzzWorker(number: number & 3)
    while shared(FuzzWord.of(worker.number, 1)) < shared(FuzzWord.quota) { worker.step() }
    endThread()
}

struct FuzzWorker {
    let number: UInt64

    func step() {
        if random(16) == 0 {
            add(3)
            oddInstruction(random(UInt64(oddInstructions)), random(2) == 0 ? address() : edge())
            return
        }
        // The last thread has no buffer.
        if number < 3 && random(4) == 0 { fillBuffer() }
        var registers = request()
        add(1)
        let control = registers.x0
        let what = unsafe checkedSystemCall(&registers)
        if registers.x0 & 0xff == 0 { add(2) }
        // An unknown call is a fault: its registers are the handler's to change, and it has
        // no result.
        if ControlWord(raw: control).systemCall != nil { verify(control, registers, what) }
    }
    private func add(_ word: UInt64) {
        let at = FuzzWord.of(number, word)
        setShared(at, shared(at) + 1)
    }

    // What the kernel promises of every call

    private func verify(_ control: UInt64, _ registers: CallRegisters, _ what: UInt64) {
        var what = what
        let isInvoke = control >> 40 & 0x7f == UInt64(SystemCall.invoke.rawValue)
        let result = ResultWord(raw: registers.x0)
        if let error = result.error {
            // Only the error, and what retype and the address space's methods tell with it.
            if registers.x0 != UInt64(error.rawValue) { what |= 8 }
            let rest =
                registers.x4 | registers.x5 | registers.x6 | registers.x7 | registers.x8
                | registers.x9
            let x3 = isInvoke ? 0 : registers.x3
            if registers.x1 | registers.x2 | x3 | rest | registers.x10 != 0 {
                what |= 16
            }
        } else if !result.isSuccess {
            what |= 32
        } else if isInvoke ? registers.x0 != 0 : result.length > 128 || result.capabilityCount > 4 {
            what |= 64
        }
        if what == 0 { return }
        setShared(FuzzWord.broken, shared(FuzzWord.broken) + 1)
        if shared(FuzzWord.broken) > 1 { return }
        setShared(FuzzWord.brokenControl, control)
        setShared(FuzzWord.brokenWhat, what)
        setShared(FuzzWord.brokenResult, registers.x0)
    }

    // Values

    /// xorshift64*; below `limit`.
    func random(_ limit: UInt64) -> UInt64 { (next() >> 8) % limit }
    private func next() -> UInt64 {
        let at = FuzzWord.of(number, 0)
        var x = shared(at)
        x ^= x >> 12
        x ^= x << 25
        x ^= x >> 27
        setShared(at, x)
        return x &* 0x2545_f491_4f6c_dd1d
    }
    private func edge() -> UInt64 {
        switch random(16) {
        case 0: return 0
        case 1: return 1
        case 2: return ~0
        case 3: return 1 << 63
        case 4: return ~0 >> 1
        case 5: return 0xffff_ffff_c000_0000 + random(0x20_0000)
        case 6: return 0xffff_ff80_0000_0000
        case 7: return Limits.userEnd - random(2)
        case 8: return 0xfff + random(3)
        case 9: return UInt64(Slot.none.index) - random(2)
        case 10: return 1 << 31
        case 11: return 1 << random(64)
        case 12: return next()
        case 13: return address()
        default: return random(80)
        }
    }
    /// Pages that the task may map, its code, the null page, and others' memory; never its stacks
    /// and its state.
    private func address() -> UInt64 {
        switch random(8) {
        case 0: return 0x40_0000 + random(64)
        case 1: return 0xffff_ffff_c000_0000
        case 2: return random(4096)
        case 3: return SandboxAddress.buffers + random(2) * 0x2000 + 0xff8
        default: return 0x0080_0000 + random(4) << 12 + random(2) * random(4096)
        }
    }
    private func instant() -> UInt64 {
        switch random(32) {
        case 0: return ~0
        case 1: return edge()
        case 2..<12: return 0
        case 12..<16: return Instant.now.ticks &- random(100)
        default: return Instant.now.ticks + random(1000)
        }
    }
    private func slot(_ first: UInt32, _ count: UInt64) -> UInt64 {
        switch random(16) {
        case 0: return edge()
        case 1: return random(64)
        case 2: return UInt64(FuzzSlot.free) + random(8)
        default: return UInt64(first) + random(count)
        }
    }
    private func anySlot() -> UInt64 { slot(0, UInt64(FuzzSlot.free)) }
    private func freeSlot() -> UInt64 { UInt64(FuzzSlot.free) + random(8) }
    private func endpoint() -> UInt64 { slot(FuzzSlot.endpoints, 4) }
    private func reply() -> UInt64 { slot(FuzzSlot.replies, 2) }
    private func notification() -> UInt64 { slot(FuzzSlot.notifications, 3) }

    private func fillBuffer() {
        let base = SandboxAddress.buffers + number * 0x2000
        for index in 0..<4 as Range<UInt64> {
            poke(base + UInt64(IPCBuffer.sendSlots) + 8 * index, anySlot())
            poke(
                base + UInt64(IPCBuffer.receiveSlots) + 8 * index,
                random(4) == 0 ? edge() : freeSlot())
        }
        poke(base + UInt64(IPCBuffer.loanAddress), random(4) == 0 ? edge() : address())
        poke(base + UInt64(IPCBuffer.loanLength), random(4) == 0 ? edge() : random(9000))
        poke(base + UInt64(IPCBuffer.loanRights), random(8))
        // The area of the registers too, and the words of messages.
        poke(base + random(512) * 8, edge())
    }

    // Requests

    private func request() -> CallRegisters {
        var registers = random(5) < 2 ? message() : invocation()
        if random(12) == 0 {
            registers.x0 = random(2) == 0 ? next() : registers.x0 ^ 1 << random(64)
        }
        switch random(24) {
        case 0: registers.x1 = edge()
        case 1: registers.x2 = edge()
        case 2: registers.x3 = edge()
        case 3: registers.x4 = edge()
        case 4: registers.x5 = edge()
        case 5: registers.x6 = edge()
        case 6: registers.x7 = edge()
        default: break
        }
        return registers
    }

    private func message() -> CallRegisters {
        let call = random(13)
        var registers = CallRegisters()
        registers.x2 = instant()
        registers.x3 = edge()
        registers.x10 = edge()
        var target = endpoint()
        switch SystemCall(rawValue: UInt8(call)) {
        case .receive, .replyAndReceive: registers.x1 = reply()
        case .reply: target = reply()
        case .signal, .wait, .poll:
            target = notification()
            registers.x1 = edge()
            if random(3) == 0 {
                target = slot(FuzzSlot.mutexSets, 2)
                registers.x1 = random(5) | random(3) << 32
            }
        case .lock, .unlock:
            target = slot(FuzzSlot.mutexSets, 2)
            registers.x1 = random(5) | number << 16
        default: break
        }
        registers.x0 = target & 0xffff_ffff | call << 40 | random(10) << 32
        if random(4) == 0 {
            registers.x0 |= random(140) << 32 | random(6) << 48 | ControlWord.extendedBit
        }
        if random(16) == 0 { registers.x0 |= ControlWord.loanBit | ControlWord.extendedBit }
        if random(8) > 0 { registers.x0 |= ControlWord.timedBit }
        return registers
    }

    /// A method of an object, with arguments that it might take.
    private func invocation() -> CallRegisters {
        var method = random(96)
        while Method(rawValue: UInt8(method)) == nil && random(8) > 0 { method = random(96) }
        var registers = CallRegisters()
        let (target, arguments) =
            Method(rawValue: UInt8(method)).map(wanted) ?? (anySlot(), [edge(), edge(), edge()])
        registers.x0 =
            target & 0xffff_ffff | UInt64(SystemCall.invoke.rawValue) << 40 | method << 32
        registers.x1 = arguments[0]
        registers.x2 = arguments[1]
        registers.x3 = arguments[2]
        registers.x4 = freeSlot()
        registers.x5 = random(2) == 0 ? UInt64(Slot.none.index) : random(32)
        registers.x6 = random(4) == 0 ? random(16) << 12 : edge()
        registers.x7 = edge()
        let isSpace = arguments[0] == UInt64(ObjectKind.addressSpace.rawValue)
        switch Method(rawValue: UInt8(method)) {
        case .createASIDPool:
            registers.x4 = UInt64(Slot.ownTable.index)
            registers.x5 = freeSlot()
        case .retype where isSpace: registers.x5 = slot(FuzzSlot.asidPool, 1)
        default: break
        }
        return registers
    }

    private func wanted(_ method: Method) -> (UInt64, InlineArray<3, UInt64>) {
        let own = UInt64(Slot.ownTable.index)
        switch method {
        case .retype:
            let kinds: InlineArray<12, UInt64> = [
                1, 2, 3, 4, 5 | 4 << 8, 6, 7, 8 | 12 << 8, 9 | 12 << 8, 11, 17, 18 | 2 << 8,
            ]
            return (slot(FuzzSlot.untyped, 2), [kinds[Int(random(12))], 1 + random(3), own])
        case .reclaim: return (slot(FuzzSlot.untyped, 1), [edge(), edge(), edge()])
        case .untypedInformation: return (slot(FuzzSlot.untyped, 2), [edge(), edge(), edge()])
        case .copy, .mint, .move: return (own, [anySlot(), own, freeSlot()])
        case .delete, .revoke:
            return (own, [random(8) == 0 ? anySlot() : freeSlot(), edge(), edge()])
        case .describe: return (own, [anySlot(), edge(), edge()])
        case .configure:
            return (
                slot(FuzzSlot.victim, 1),
                [slot(FuzzSlot.table, 1), slot(FuzzSlot.space, 1), frame()]
            )
        case .setPriority: return (thread(), [random(130), random(130), edge()])
        case .setSlice, .resume, .suspend, .readRegisters, .writeRegisters, .threadInformation:
            return (thread(), [edge(), edge(), edge()])
        case .setCore: return (thread(), [random(9), edge(), edge()])
        case .bindBudget: return (thread(), [slot(FuzzSlot.budget, 1), edge(), edge()])
        case .bindOverrun: return (slot(FuzzSlot.budget, 1), [notification(), edge(), edge()])
        case .bindAbandonment: return (reply(), [notification(), edge(), edge()])
        case .budgetInformation: return (slot(FuzzSlot.budget, 1), [edge(), edge(), edge()])
        case .bindPage: return (slot(FuzzSlot.mutexSets, 2), [frame(), edge(), edge()])
        case .join: return (slot(FuzzSlot.mutexSets, 2), [random(5), thread(), edge()])
        case .leave: return (slot(FuzzSlot.mutexSets, 2), [random(5), edge(), edge()])
        case .setEntry: return (thread(), [address(), address(), edge()])
        case .bindNotification: return (thread(), [notification(), edge(), edge()])
        case .map: return (slot(FuzzSlot.space, 1), [frame(), address(), random(8)])
        case .unmap: return (slot(FuzzSlot.space, 1), [frame(), edge(), edge()])
        case .protect: return (slot(FuzzSlot.space, 1), [frame(), random(8), edge()])
        case .attachTable:
            return (slot(FuzzSlot.space, 1), [slot(FuzzSlot.pageTables, 2), edge(), edge()])
        case .frameInformation: return (frame(), [edge(), edge(), edge()])
        case .maintainCache: return (frame(), [random(5), random(5000), random(5000)])
        case .bindServer: return (endpoint(), [thread(), edge(), edge()])
        case .close: return (endpoint(), [edge(), edge(), edge()])
        case .loanRead, .loanWrite: return (reply(), [random(9000), address(), random(9000)])
        case .createInterrupt:
            return (
                slot(FuzzSlot.interruptControl, 1),
                [34 + random(200), random(3), slot(FuzzSlot.untyped, 1)]
            )
        case .createASIDPool:
            return (slot(FuzzSlot.asidControl, 1), [edge(), edge(), slot(FuzzSlot.untyped, 1)])
        case .bindInterrupt:
            return (slot(FuzzSlot.interrupts, 2), [notification(), edge(), edge()])
        case .acknowledge, .interruptInformation:
            return (slot(FuzzSlot.interrupts, 2), [edge(), edge(), edge()])
        case .bindTimer: return (slot(FuzzSlot.timers, 2), [notification(), edge(), edge()])
        case .arm: return (slot(FuzzSlot.timers, 2), [instant(), random(3) * random(5000), edge()])
        case .cancelTimer: return (slot(FuzzSlot.timers, 2), [edge(), edge(), edge()])
        case .setBudget:
            return (slot(FuzzSlot.systemControl, 1), [slot(FuzzSlot.budget, 1), edge(), edge()])
        case .consoleWrite, .powerOff, .reboot, .statistics, .resetStatistics, .trace:
            return (slot(FuzzSlot.systemControl, 1), [edge(), edge(), edge()])
        // Only a Raspberry Pi 3 has such a capability: here it is always another's.
        case .readRegister, .writeRegister: return (frame(), [edge(), edge(), edge()])
        }
    }
    private func frame() -> UInt64 { slot(FuzzSlot.frames, 2) }
    private func thread() -> UInt64 { slot(FuzzSlot.workers, 5) }
}
