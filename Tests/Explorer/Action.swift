// The steps of threads and hardware in an explored system, and the form in which a regression test
// writes them.

import HardwareInterface
import KernelABI

@testable import KernelCore

/// A way to wait: for ever, or with a deadline one tick or two ticks ahead.
enum Wait: UInt8 {
    case forever, timed, late
    /// The ticks until the deadline; nil: it has none.
    var ticks: UInt64? { self == .forever ? nil : UInt64(rawValue) }
}

/// One step. Numbers are places in the system's lists of threads, endpoint capabilities and so on.
enum Action: Equatable {
    // The running thread's calls
    case call(Int, Wait)
    case send(Int, Wait)
    case receive(Int, Int, Wait)
    case reply(Int)
    case replyAndReceive(Int, Int, Wait)
    /// `call` and `replyAndReceive` with more words than registers hold.
    case longCall(Int)
    case longReplyAndReceive(Int, Int)
    case signal(Int)
    case wait(Int, Wait)
    case poll(Int)
    /// Takes a mutex and gives it back: by the word, and by the kernel if that fails.
    case lock(Int, Wait)
    case unlock(Int)
    case yield
    case setPriority(Int, UInt64)
    case setSlice(Int, UInt64)
    case suspend(Int)
    case resume(Int)
    /// Moves a thread to a core.
    case setCore(Int, Int)
    /// Gives a budget another limit, in ticks. Period and background priority stay.
    case setBudget(Int, UInt64)
    /// Makes a thread share a budget; nil: none.
    case bindBudget(Int, Int?)
    /// Destroys what has memory of its own: a thread, a budget or an address space.
    case destroy
    /// Gives a thread the address space that has memory of its own, or the root task's.
    case useSpace(Int, isOwn: Bool)
    case deleteReply(Int)
    /// Removes the capabilities that were copied from this one.
    case revoke(Int)
    case close(Int)
    case bindServer(Int, Int)
    /// Sets the timer, so many ticks ahead, once or with that period.
    case arm(UInt64, isPeriodic: Bool)
    case cancelTimer
    case acknowledge
    // Other steps of the running thread
    case fault
    /// Answers a fault: `FaultReply` as a number.
    case answerFault(Int, Int, UInt64)
    case compute
    /// Goes on with a call that was interrupted.
    case restart
    /// A pending interrupt is taken.
    case take
    /// The inter-processor interrupt arrives that is on its way.
    case request
    /// The lock comes back, which the core passed in the middle of its scheduling loop.
    case goOn
    // The hardware
    case interrupt
    case tick

    /// Returns whether the hardware does it, independent of the running thread.
    var isHardware: Bool { self == .interrupt || self == .tick }
}

extension System {
    /// The system call that an action of the running thread is; nil where it is none.
    func arguments(_ action: Action, of thread: Int) -> [UInt64]? {
        let token = Token.message(of: thread)
        switch action {
        case .call(let endpoint, let wait):
            return timed(.call, endpoints[endpoint], 0, wait, [token])
        case .send(let endpoint, let wait):
            return timed(.send, endpoints[endpoint], 0, wait, [token])
        case .receive(let endpoint, let reply, let wait):
            return timed(.receive, endpoints[endpoint], replies[reply], wait, [])
        case .reply(let reply):
            return [
                ControlWord(.reply, Slot(replies[reply]), length: 1).raw, 0, 0,
                Token.answer(of: thread),
            ]
        case .replyAndReceive(let endpoint, let reply, let wait):
            return timed(
                .replyAndReceive, endpoints[endpoint], replies[reply], wait,
                [Token.answer(of: thread)])
        case .longCall(let endpoint):
            return [
                ControlWord(.call, Slot(endpoints[endpoint]), length: 11).raw, 0, 0, token, 1, 2, 3,
                4, 5, 6, 7,
            ]
        case .longReplyAndReceive(let endpoint, let reply):
            let control = ControlWord(.replyAndReceive, Slot(endpoints[endpoint]), length: 9).raw
            return [
                control, UInt64(replies[reply]), 0, Token.answer(of: thread), 7, 6, 5, 4, 3, 2, 1,
            ]
        case .signal(let notification):
            return [
                ControlWord(.signal, Slot(notifications[notification])).raw, Token.bit(of: thread),
            ]
        case .wait(let notification, let wait):
            return timed(.wait, notifications[notification], 0, wait, [])
        case .poll(let notification):
            return [ControlWord(.poll, Slot(notifications[notification])).raw]
        case .lock(let mutex, let wait):
            var values = timed(.lock, mutexSet, 0, wait, [])
            values[1] = MutexArgument(mutex: mutex, participant: thread).raw
            return values
        case .unlock(let mutex):
            let argument = MutexArgument(mutex: mutex, participant: thread)
            return [ControlWord(.unlock, Slot(mutexSet)).raw, argument.raw]
        case .yield: return [ControlWord(.yield, Slot(0)).raw]
        case .answerFault(let endpoint, let reply, let answer):
            let control = ControlWord(.replyAndReceive, Slot(endpoints[endpoint]), length: 2).raw
            return [control, UInt64(replies[reply]), 0, answer, 0x4000]
        case .fault, .compute, .restart, .take, .request, .goOn, .interrupt, .tick: return nil
        default: return invocation(action)
        }
    }

    private func timed(
        _ call: SystemCall, _ slot: UInt32, _ second: UInt32, _ wait: Wait, _ words: [UInt64]
    ) -> [UInt64] {
        let deadline = wait.ticks.map { machine.now + $0 }
        let control = ControlWord(call, Slot(slot), length: words.count).by(
            Instant(ticks: deadline ?? ~0))
        return [control.raw, UInt64(second), deadline ?? 0] + words
    }

    private func invocation(_ action: Action) -> [UInt64]? {
        func invoke(
            _ method: Method, _ slot: UInt32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
            _ d: UInt64 = 0
        ) -> [UInt64] {
            [ControlWord(invoke: method, Slot(slot)).raw, a, b, c, d]
        }
        switch action {
        case .setPriority(let thread, let priority):
            return invoke(.setPriority, threads[thread].slot, priority, 63)
        case .setSlice(let thread, let slice): return invoke(.setSlice, threads[thread].slot, slice)
        case .suspend(let thread): return invoke(.suspend, threads[thread].slot)
        case .destroy: return invoke(.reclaim, arena)
        case .resume(let thread): return invoke(.resume, threads[thread].slot)
        case .setCore(let thread, let core):
            return invoke(.setCore, threads[thread].slot, UInt64(core))
        case .setBudget(let number, let limit):
            let budget = plan.budgets[number]
            return invoke(
                .setBudget, RootSlot.systemControl.index, UInt64(budgets[number]), limit,
                budget.period, budget.background)
        case .bindBudget(let thread, let budget):
            let slot = budget.map { UInt64(budgets[$0]) } ?? machine.none
            return invoke(.bindBudget, threads[thread].slot, slot)
        case .useSpace(let thread, let isOwn):
            let space = isOwn ? space : RootSlot.addressSpace.index
            return [
                ControlWord(invoke: .configure, Slot(threads[thread].slot)).raw, machine.none,
                UInt64(space), machine.none, machine.none,
            ]
        case .revoke(let endpoint):
            return invoke(.revoke, Slot.ownTable.index, UInt64(endpoints[endpoint]))
        case .deleteReply(let reply):
            return invoke(.delete, Slot.ownTable.index, UInt64(replies[reply]))
        case .close(let endpoint): return invoke(.close, endpoints[endpoint])
        case .bindServer(let endpoint, let thread):
            return invoke(.bindServer, endpoints[endpoint], UInt64(threads[thread].slot))
        case .arm(let ticks, let isPeriodic):
            return invoke(.arm, timer, machine.now + ticks, isPeriodic ? ticks : 0)
        case .cancelTimer: return invoke(.cancelTimer, timer)
        case .acknowledge: return invoke(.acknowledge, interrupt)
        default: return nil
        }
    }

    /// Performs one step of the acting core: one entry into the kernel, or the passing of a tick.
    ///
    /// - Parameter isWaited: the core had to wait for the lock before this call.
    /// - Returns: whether a fast path did it.
    @discardableResult func perform(
        _ action: Action, fast: Bool, isWaited: Bool = false
    ) -> Bool {
        func trap() -> Bool {
            if !isWaited { return machine.trap(fast: fast) }
            machine.waitedTrap()
            return false
        }
        switch action {
        case .interrupt:
            machine.hardware.pointee.raised |= Lines.bit(Lines.first)
            // Quiet until the driver acknowledges: it stays raised.
            return machine.isInterruptPending ? machine.takeInterrupt(fast: fast) : false
        case .take: return machine.takeInterrupt(fast: fast)
        case .request:
            machine.takeRequest()
            return false
        case .goOn:
            machine.goOn()
            return false
        case .tick:
            machine.board.pointee.now += 1
            // On several cores each takes its timer's interrupt when it comes to it.
            return plan.cores == 1 && machine.isInterruptPending
                ? machine.takeInterrupt(fast: fast) : false
        case .restart: return trap()
        case .fault:
            machine.fault()
            return false
        case .compute:
            machine.useFloatingPoint(UInt64(runningIndex ?? 0) + 1)
            return false
        default:
            guard let thread = runningIndex, let arguments = arguments(action, of: thread) else {
                return false
            }
            if exchangesWord(action, of: thread) { return false }
            machine.setArguments(threads[thread].ref, arguments)
            return trap()
        }
    }

    /// Takes a free mutex, or gives one back for which nobody has waited, as user code does.
    ///
    /// - Returns: false if the kernel must do it.
    private func exchangesWord(_ action: Action, of thread: Int) -> Bool {
        let own = MutexWord(holder: thread, isContended: false)
        switch action {
        case .lock(let mutex, _): return exchange(mutex, .free, for: own)
        case .unlock(let mutex): return exchange(mutex, own, for: .free)
        default: return false
        }
    }
    private func exchange(_ mutex: Int, _ old: MutexWord, for new: MutexWord) -> Bool {
        let set: Ref<MutexSet> = machine.object(mutexSet)
        guard let word = set.word(mutex), word.pointee == old else { return false }
        word.pointee = new
        return true
    }

    /// The step as a host test writes it.
    func words(_ action: Action, of thread: Int?) -> String {
        let s = thread.map { "t\($0)" } ?? "idle"
        func by(_ wait: Wait) -> String {
            wait.ticks.map { ", deadline: s.hardware.now + \($0)" } ?? ""
        }
        func invoke(_ method: String, _ rest: String) -> String {
            "s.invoke(\(s), .\(method), \(rest))"
        }
        switch action {
        case .call(let e, let wait): return "s.call(\(s), e\(e), [1]\(by(wait)))"
        case .send(let e, let wait): return "s.send(\(s), e\(e), [1]\(by(wait)))"
        case .receive(let e, let r, let wait):
            return "s.receive(\(s), e\(e), reply: r\(r)\(by(wait)))"
        case .reply(let r): return "s.reply(\(s), r\(r), [2])"
        case .replyAndReceive(let e, let r, let wait):
            return "s.replyAndReceive(\(s), e\(e), reply: r\(r), [2]\(by(wait)))"
        case .longCall(let e): return "s.call(\(s), e\(e), [], length: 11)"
        case .longReplyAndReceive(let e, let r):
            return "s.replyAndReceive(\(s), e\(e), reply: r\(r), [], length: 9)"
        case .answerFault(let e, let r, let answer):
            return "s.replyAndReceive(\(s), e\(e), reply: r\(r), [\(answer), 0x4000])"
        case .signal(let n): return "s.signal(\(s), n\(n), bits: 1)"
        case .wait(let n, let wait): return "s.wait(\(s), n\(n)\(by(wait)))"
        case .poll(let n): return "s.poll(\(s), n\(n))"
        case .lock(let m, let wait): return "m.lock(\(s), \(m)\(by(wait)))"
        case .unlock(let m): return "m.unlock(\(s), \(m))"
        case .yield: return "s.yield(\(s))"
        case .setPriority(let t, let p): return invoke("setPriority", "t\(t).slot, \(p), 63")
        case .setSlice(let t, let slice): return invoke("setSlice", "t\(t).slot, \(slice)")
        case .suspend(let t): return invoke("suspend", "t\(t).slot")
        case .setCore(let t, let core): return invoke("setCore", "t\(t).slot, \(core)")
        case .setBudget(let b, let limit):
            let rest = "\(limit), \(plan.budgets[b].period), \(plan.budgets[b].background)"
            return invoke("setBudget", "RootSlot.systemControl.index, UInt64(b\(b)), \(rest)")
        case .bindBudget(let t, let b):
            return invoke("bindBudget", "t\(t).slot, \(b.map { "UInt64(b\($0))" } ?? "s.none")")
        case .useSpace(let t, let isOwn):
            let space = isOwn ? "UInt64(space)" : "UInt64(RootSlot.addressSpace.index)"
            return invoke("configure", "t\(t).slot, s.none, \(space), s.none, s.none")
        case .revoke(let e): return invoke("revoke", "Slot.ownTable.index, UInt64(e\(e))")
        case .destroy: return invoke("reclaim", "arena")
        case .resume(let t): return invoke("resume", "t\(t).slot")
        case .deleteReply(let r): return invoke("delete", "Slot.ownTable.index, UInt64(r\(r))")
        case .close(let e): return invoke("close", "e\(e)")
        case .bindServer(let e, let t): return invoke("bindServer", "e\(e), UInt64(t\(t).slot)")
        case .arm(let ticks, let isPeriodic):
            return invoke("arm", "timer, s.hardware.now + \(ticks), \(isPeriodic ? ticks : 0)")
        case .cancelTimer: return invoke("cancelTimer", "timer")
        case .acknowledge: return invoke("acknowledge", "interrupt")
        case .fault: return "s.fault(\(s))"
        case .compute: return "s.useFloatingPoint(\(s))"
        case .restart: return "// \(s) performs its call again"
        case .take: return "// the pending interrupt is taken"
        case .request: return "// the inter-processor interrupt arrives"
        case .goOn: return "// the lock comes back"
        case .interrupt: return "s.raise(line: \(Lines.first))"
        case .tick: return "s.advance(by: 1)"
        }
    }
}

/// The words that messages carry: each names its sender.
enum Token {
    static func message(of thread: Int) -> UInt64 { 0x100 + UInt64(thread) }
    static func answer(of thread: Int) -> UInt64 { 0x200 + UInt64(thread) }
    static func bit(of thread: Int) -> UInt64 { 1 << UInt64(thread) }
    static var interruptBit: UInt64 { 1 << 40 }
    static var timerBit: UInt64 { 1 << 41 }
    static var overrunBit: UInt64 { 1 << 42 }
    static var abandonmentBit: UInt64 { 1 << 43 }
}
