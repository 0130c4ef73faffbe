// Two threads for the floating-point tests, and every way from one to the other.

import KernelABI
import Testing

@testable import KernelCore

/// A way from one running thread to another.
enum Way: CaseIterable {
    case call, longCall, reply, longReply, send, signal, wake, interrupt, timer, yield, slice,
        fault, resume, block
    case timeOut, suspend, restart
}

/// Two threads, of which each may use floating point: `first` runs, and `second` runs after `go`.
final class WayPair {
    let s: TestSystem
    let way: Way
    private(set) var first: TestThread
    private(set) var second: TestThread
    private var endpoint: UInt32 = 0
    private var reply: UInt32 = 0
    private var note: UInt32 = 0
    private var object: UInt32 = 0
    static let line = 40

    init(_ way: Way, fast: Bool, firstUses: Bool, secondUses: Bool) {
        s = TestSystem(fast: fast)
        self.way = way
        let isSecondUrgent: Bool
        switch way {
        case .signal, .wake, .interrupt, .timer, .timeOut, .fault: isSecondUrgent = true
        default: isSecondUrgent = false
        }
        let equals = way == .yield || way == .slice
        first = s.makeThread(priority: 20)
        second = s.makeThread(priority: isSecondUrgent ? 30 : equals ? 20 : 10)
        endpoint = s.make(.endpoint)
        reply = s.make(.reply)
        note = s.make(.notification)
        s.perform(.bindServer, endpoint, UInt64(server.slot))
        switch way {
        case .fault: s.perform(.configure, first.slot, s.none, s.none, s.none, UInt64(endpoint))
        case .resume: s.perform(.configure, second.slot, s.none, s.none, s.none, UInt64(endpoint))
        case .slice: s.perform(.setSlice, first.slot, 1000)
        case .restart:
            object = s.make(.untyped, sizeBits: 16)
            for _ in 0..<8 { _ = s.make(.endpoint, from: object) }
        default: break
        }
        prepare(uses: firstUses, secondUses)
    }
    /// The thread that is bound to the endpoint as its server.
    private var server: TestThread {
        switch way {
        case .reply, .longReply, .resume: first
        default: second
        }
    }
    private func prepare(uses firstUses: Bool, _ secondUses: Bool) {
        s.start(second)
        s.go()
        if secondUses { s.useFloatingPoint(second) }
        switch way {
        case .call, .longCall, .send, .fault: s.receive(second, endpoint, reply: reply)
        case .signal: s.wait(second, note)
        case .wake:
            // Its bound notification wakes the second in `receive`.
            s.perform(.bindNotification, second.slot, UInt64(note))
            s.receive(second, endpoint, reply: reply)
        case .interrupt:
            object = s.makeInterrupt(line: WayPair.line, signalling: note)
            s.wait(second, note)
        case .timer:
            object = s.makeTimer(signalling: note)
            s.perform(.arm, object, s.hardware.now + 500)
            s.wait(second, note)
        case .timeOut: s.wait(second, note, deadline: s.hardware.now + 500)
        case .reply, .longReply, .resume:
            // The second calls, or faults, while the first waits to serve.
            s.start(first)
            if firstUses { s.useFloatingPoint(first) }
            s.receive(first, endpoint, reply: reply)
            switch way {
            case .reply: s.call(second, endpoint)
            case .longReply: s.call(second, endpoint, length: 20)
            default: s.fault(second)
            }
            return
        case .yield, .slice, .block, .suspend, .restart: break
        }
        s.start(first)
        if way == .yield || way == .slice { s.yield(second) }
        if firstUses { s.useFloatingPoint(first) }
    }

    func go() {
        switch way {
        case .call: s.call(first, endpoint)
        case .longCall: s.call(first, endpoint, length: 120)
        case .reply: s.replyAndReceive(first, endpoint, reply: reply, [0])
        case .longReply: s.replyAndReceive(first, endpoint, reply: reply, length: 120)
        case .resume: s.replyAndReceive(first, endpoint, reply: reply, [FaultReply.retry.rawValue])
        case .send:
            s.send(first, endpoint)
            s.wait(first, note)
        case .signal, .wake: s.signal(first, note, bits: 1)
        case .interrupt: s.raise(line: WayPair.line)
        case .timer, .timeOut: s.advance(by: 600)
        case .yield: s.yield(first)
        case .slice: s.advance(by: 2000)
        case .fault: s.fault(first)
        case .block: s.wait(first, note)
        case .suspend: s.invoke(first, .suspend, first.slot)
        case .restart:
            // The root task interrupts the first thread's long call, and stops the thread.
            let interfered = s.interfere(after: 2) {
                s.invoke(first, .reclaim, object)
            } _: {
                s.perform(.suspend, first.slot)
            }
            #expect(interfered)
        }
    }
}
