// Tasks that put the supervision to the test, for Tests/OnTarget/system/hogs.txt: the name says
// what a task does. It waits until somebody starts it again (`restart NAME`), does it once, and
// waits from then on.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(Hog_main) func hog(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    let name = Name(information.name)
    // It faults at once when it is told to, though it is loaded late.
    if name.word0 & 0xffff_ffff == nest & 0xffff_ffff && name != Name("nester") {
        try? Thread(StartSlot.thread).setPriority(200, maximum: 200)
    }
    if information.generation == 2 {
        if name == Name("greedy") { crashAndCompute() }
        if name == Name("fury") { compute(milliseconds: 3000) }
        if name == Name("hider") { computeHidden() }
        if name == Name("busy") { computeInTurns() }
        if name == Name("sleeper") { waitForEver() }
        if name == Name("nester") { crashTheNest() }
        if name == Name("undertaker") { endOthers() }
        if name == Name("nagger") { nag() }
        if name == Name("thrifty") {
            compute(milliseconds: 1000)
            log("thrifty has computed")
        }
        if name == Name("drudge") { compute(milliseconds: 3000) }
        if name == Name("mute") { for _ in 0..<4 { log("nobody reads this") } }
    }
    while true { server.reply(RegisterMessage(server.next()[0])) }
}

var supervisor: SupervisorClient { SupervisorClient(Endpoint(StartSlot.supervisor)) }

/// Has a driver crash, and keeps the processor from everything that is less urgent than this task.
private func crashAndCompute() {
    guard let clock = number(of: Name("pl031")) else { return log("there is no pl031") }
    try? supervisor.crash(task: clock)
    log("greedy computes")
    compute(milliseconds: 3000)
    log("greedy has computed")
}

/// Has nine tasks crash, the least urgent first: each is loaded anew a millisecond later, and
/// meanwhile the next one is.
private func crashTheNest() {
    var places: [UInt64] = []
    for index in 0..<9 as Range<UInt64> {
        guard let place = number(of: Name(nest + index << 32, 0, 0, 0)) else {
            return log("there is no nest")
        }
        places.append(place)
    }
    for place in places {
        try? supervisor.crash(task: place)
        // It faults now.
        _ = try? Notification(StartSlot.notification).wait(deadline: .after(.microseconds(50)))
    }
    log("nine tasks crashed")
}

/// `nest1`.
let nest: UInt64 = 0x31_7473_656e

private func compute(milliseconds: UInt64) {
    let end = Instant.after(milliseconds: milliseconds)
    while Instant.now < end {}
}

/// Waits itself, while a thread that it made computes.
private func computeHidden() {
    do throws(KernelError) {
        _ = try Thread.start("hidden", priority: 65) { _ in
            compute(milliseconds: 600)
            try? Notification(StartSlot.notification).signal(1)
            return 0
        }
    } catch { return log("hider: the kernel refuses") }
    Notification(StartSlot.notification).pause()
    log("hider has computed")
}

/// Can run at nearly each moment, and lets others run between.
private func computeInTurns() {
    for _ in 0..<14 {
        compute(milliseconds: 50)
        Notification(StartSlot.notification).pause(until: .after(milliseconds: 1))
    }
    log("busy has computed")
}

/// Asks the supervisor ten times a second for what it may not do.
private func nag() -> Never {
    while true {
        try? supervisor.kill(task: 1)
        Notification(StartSlot.notification).pause(until: .after(milliseconds: 100))
    }
}

/// Shows no sign of life.
private func waitForEver() -> Never {
    while true { Notification(StartSlot.notification).pause() }
}

func number(of name: Name) -> UInt64? {
    var number: UInt16 = 1
    while let record = try? InspectionClient().task(number, by: .never) {
        if Name(record.name.nameWords) == name { return UInt64(number) }
        number += 1
    }
    return nil
}
