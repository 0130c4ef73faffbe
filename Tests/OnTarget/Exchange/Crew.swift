// A task that is killed while its threads hold, wait for and were just given what it shares, and
// the heir of all that, for the test `the-dead-hold-nothing`. Before that the crew tries to harm
// the heir, and the heir tries to harm the crew.
//
// On one core the priorities say what happens when: the heir (33), the crew's first thread (32),
// which never stops, the crew's reader (30), the heir's reader (25).

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// A word of the memory that both share: what the other one waits for.
private enum Sign: Int {
    case crewReady = 0
    case heirReady = 1
    case crewBusy = 2
}
private enum CrewCell {
    static let mutex = 0
    static let semaphore = 1
}
/// The crew's shares, by their order in system.toml.
private enum CrewShare {
    static let state = 0
    static let ring = 2
}
/// The number of the heir's first thread in the mutex set, as the second writer.
private let heirParticipant = ShareLimits.participants

private func word(_ sign: Sign) throws(KernelError) -> UnsafeMutablePointer<UInt64> {
    // Safety: the memory has three words.
    unsafe UnsafeMutablePointer<UInt64>(
        bitPattern: UInt(try SharedMemory.open("crew").address) + UInt(8 * sign.rawValue)
    ).unsafelyUnwrapped
}
private func set(_ sign: Sign) throws(KernelError) { unsafe try word(sign).pointee = 1 }
private func wait(for sign: Sign) throws(KernelError) {
    while unsafe try word(sign).pointee == 0 { rest(milliseconds: 1) }
}
private func rest(milliseconds: UInt64) {
    Notification(StartSlot.notification).pause(until: .after(milliseconds: milliseconds))
}

private func semaphore() throws(KernelError) -> Semaphore {
    Semaphore(try SharedMemory.open("crew").cell(CrewCell.semaphore))
}

/// Runs a thread's body; a refusal is told.
private func tell(_ body: () throws(KernelError) -> UInt64) -> UInt64 {
    do throws(KernelError) { return try body() } catch {
        log("the kernel refuses: error \(error.rawValue)")
        return 0
    }
}

// The crew

func serveInCrew() throws(KernelError) -> Never {
    tryToHarm()
    let threads = [
        try Thread.start("keeper", priority: 34) { _ in
            tell { () throws(KernelError) in
                let mutexes = try SharedMemory.open("crew").mutexes
                if try mutexes.lock(CrewCell.mutex) { log("crew: the mutex was a dead one's") }
                while true { rest(milliseconds: 1000) }
            }
        },
        try Thread.start("sleeper", priority: 34) { _ in
            tell { () throws(KernelError) in
                try semaphore().take()
                log("crew: took the unit")
                return 0
            }
        },
        try Thread.start("reader", priority: 30) { _ in
            tell { () throws(KernelError) in
                let message = try MessageQueue<UInt64>.open("posts").receive()
                log("crew: took \(message)")
                return 0
            }
        },
    ]
    rest(milliseconds: 20)
    try set(.crewReady)
    try wait(for: .heirReady)
    let bits = try Notification(StartSlot.share(CrewShare.ring)).poll()
    log("crew: \(threads.count) threads; the ring's signals are \(hex: bits)")
    try set(.crewBusy)
    while true { rest(milliseconds: 0) }
}

/// Takes the heir's number in the mutex set from it, and asks the root task for what is not its
/// own.
private func tryToHarm() {
    let mutexes = MutexSet(StartSlot.share(CrewShare.state))
    var refused = 0
    do throws(KernelError) { try mutexes.leave(heirParticipant) } catch {
        if error == .missingRights { refused += 1 }
    }
    do throws(KernelError) { try mutexes.join(.current, as: heirParticipant) } catch {
        if error == .missingRights { refused += 1 }
    }
    let requests: [(place: UInt8, share: UInt8)] = [(16, 0), (0, 2), (0, 8), (.max, .max)]
    for request in requests {
        do throws(SystemError) {
            try SharesClient().join(request.place, share: request.share, by: .never)
        } catch {
            if error.of(RootError.self) != nil { refused += 1 }
        }
    }
    do throws(SystemError) { try TasksClient().kill(1, by: .never) } catch {
        if error == .kernel(.invalidCapability) { refused += 1 }
    }
    log("crew: \(refused) refusals of 7")
}

// The heir

func setUpForCrew() throws(KernelError) { try semaphore().setUp(units: 0) }

func inherit() throws(KernelError) {
    let state = try SharedMemory.open("crew")
    let queue = try MessageQueue<UInt64>.open("posts")
    let semaphore = try semaphore()
    try wait(for: .crewReady)
    try Notification(Slot(StartSlot.share(CrewShare.ring).index + 1)).signal(.max)
    let late = try Thread.start("late", priority: 25) { _ in
        tell { () throws(KernelError) in try MessageQueue<UInt64>.open("posts").receive() }
    }
    // Behind the crew's reader.
    rest(milliseconds: 5)
    try set(.heirReady)
    try wait(for: .crewBusy)
    // The crew's reader is woken, and does not run.
    try queue.send(42)
    log("heir: waits for the crew's end")
    let wasLeft = try state.mutexes.lock(CrewCell.mutex)
    try semaphore.give()
    try semaphore.take(deadline: .immediately)
    let message = try late.join(deadline: .after(milliseconds: 2000))
    log("heir: has the mutex (\(wasLeft ? 1 : 0)), the unit and message \(message)")
}

// A task that is killed while its threads run on other cores, and hold and take mutexes.

func runOnOtherCores() throws(KernelError) {
    let threads = [
        try Thread.start("lap") { _ in
            tell { () throws(KernelError) in
                let mutexes = try SharedMemory.open("track").mutexes
                while true {
                    for _ in 0..<2000 {
                        _ = try mutexes.lock(0)
                        try mutexes.unlock(0)
                    }
                    rest(milliseconds: 1)
                }
            }
        },
        try Thread.start("keeper") { _ in
            tell { () throws(KernelError) in
                let wasLeft = try SharedMemory.open("track").mutexes.lock(1)
                log("runner: keeps the mutex (\(wasLeft ? 1 : 0))")
                while true { rest(milliseconds: 1) }
            }
        },
    ]
    for thread in threads { _ = try thread.join() }
}
