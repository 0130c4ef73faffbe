// Tasks that put the supervision to the test, for Tests/OnTarget/system/hogs.txt: the name says what a task does. It waits until
// somebody starts it again (`restart NAME`), does it once, and waits from then on.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(Hog_main) func hog(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    let name = Name(
        information.name[0], information.name[1], information.name[2], information.name[3])
    if information.generation == 2 {
        if name == Name("greedy") { crashAndCompute() }
        if name == Name("fury") { compute(for: 3) }
        if name == Name("mute") { for _ in 0..<4 { say("nobody reads this") } }
    }
    while true { server.reply(RegisterMessage(server.next()[0])) }
}

/// Has a driver crash, and keeps the processor from everything that is less urgent than this task.
private func crashAndCompute() {
    guard let clock = number(of: Name("pl031")) else { return say("there is no pl031") }
    _ = try? Endpoint(StartSlot.supervisor).call(RegisterMessage(SupervisorRequest.crash, clock))
    say("greedy computes")
    compute(for: 3)
    say("greedy has computed")
}

private func compute(for seconds: UInt64) {
    let end = Instant.after(milliseconds: seconds * 1000)
    while Instant.now < end {}
}

private func number(of name: Name) -> UInt64? {
    for number in 1...64 as ClosedRange<UInt64> {
        let request = RegisterMessage(UInt64(FactoryOperation.task.rawValue), number)
        guard let record = try? Endpoint(StartSlot.factory).call(request), record[0] == 0 else { return nil }
        if Name(record.word(7), record.word(8), record.word(9), record.word(10)) == name { return number }
    }
    return nil
}

private func say(_ text: StaticString) { log(Text(text).bytes.span) }
