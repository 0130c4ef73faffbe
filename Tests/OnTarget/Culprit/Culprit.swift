// A task that does what a task must not do, for Tests/OnTarget/system/culprit.txt: its name
// says what. It waits until somebody starts it again (`restart NAME`), does it once, and waits
// from then on.

import CUserEntry
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(Culprit_main) func culprit(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let name = Name(information.name)
    if information.generation == 2 {
        if name == Name("returns") { return 7 }
        if name == Name("handlers") { takeHandlers() }
        if name == Name("limits") { changeLimits() }
        if name == Name("mute") { stayMute(information) }
        if name == Name("timeless") { serveWithoutTimer(information) }
        if name == Name("fatal") { fatalError("the culprit's own words") }
        if name == Name("forged") { sayUnprintable() }
        if name == Name("numbers") { sayNumbers(information) }
        if name == Name("broken") { precondition(information.generation == 1, "it ran before") }
        if name == Name("secret") { sayFromMemory() }
        if name == Name("bounds") {
            say("item", UInt64([1, 2, 3][Int(information.generation) + 1]))
        }
        if name == Name("overflow") {
            say("sum", UInt64(UInt8(information.generation) + UInt8(254)))
        }
        if name == Name("nothing") {
            say("found", Name.empty.optional(information.generation).unsafelyWanted)
        }
        if name == Name("heap") { fillHeap() }
        if name == Name("chatter") { chatter() }
        if name == Name("freed") { freeTwice() }
        if name == Name("stack") { say("depth", descend(information.generation)) }
        if name == Name("thread") { faultInThread { $0 == 0 ? 1 : descend($0) } }
        if name == Name("threadtext") { faultInThread { _ in fatalError("a thread's own words") } }
    }
    idle(information)
}

/// Waits for ever, with signs of life where the task is watched.
private func idle(_ information: StartInformation) -> Never {
    let half = Duration(ticks: information.heartbeatTicks / 2)
    while true {
        let deadline = half.ticks == 0 ? Instant.never : .after(half)
        _ = try? Notification(StartSlot.notification).wait(deadline: deadline)
        if half.ticks > 0 { showSignOfLife() }
    }
}

func say(_ text: StaticString, _ value: UInt64? = nil) {
    var line = Text(text)
    if let value {
        line.add(" ")
        line.decimal(value)
    }
    _ = logAndWait(line.bytes.span, deadline: .after(milliseconds: 2000))
}

/// Writes a line whenever the shell has had the processor for a moment: it never comes to the end
/// of what there is to read.
private func chatter() -> Never {
    var count: UInt64 = 0
    while true {
        count += 1
        say(count == 1000 ? "has written a thousand lines" : "chatter", count)
        Notification(StartSlot.notification).pause(until: .now + .microseconds(2))
    }
}

extension Name {
    fileprivate func optional(_ number: UInt64) -> UInt64? { number == 2 ? nil : number }
}
extension Optional where Wrapped == UInt64 {
    fileprivate var unsafelyWanted: UInt64 { self! }
}

// Threads

/// Faults in a thread that it starts, while its first thread waits.
private func faultInThread(_ body: @convention(c) (UInt64) -> UInt64) {
    do throws(KernelError) {
        let thread = try Thread.start("culprit", priority: 20, stackSize: 8192, context: 2, body)
        say("joined", try thread.join())
    } catch { say("no thread", UInt64(error.rawValue)) }
}

// Refusals

/// Lets the kernel refuse what a server cannot do without.
private func serveWithoutTimer(_ information: StartInformation) {
    // An empty slot stays empty.
    try? CapabilityTable.own.delete(StartSlot.timer)
    _ = Server(information)
}

// Texts of a trap

/// A text of control characters, longer than it can be, and the program's code as a file's name.
private func sayUnprintable() -> Never {
    let code = unsafe UnsafeRawPointer(bitPattern: UInt(TaskAddress.image.lowerBound))
    let bytes: UInt64 = 0x1b07_ff41_0a0d_5b00
    var text = SwiftletTrapText(
        w0: bytes, w1: bytes, w2: bytes, w3: bytes, w4: bytes, w5: bytes, w6: bytes, w7: bytes,
        w8: bytes, w9: bytes)
    unsafe swiftlet_trap_text(&text, ~0, code, ~0, ~0)
}
/// Memory that can be written, which the root task must not take for a constant.
private func sayFromMemory() -> Never {
    let heap = unsafe UnsafeRawPointer(bitPattern: UInt(TaskAddress.heap))
    var text = SwiftletTrapText()
    unsafe swiftlet_trap_text(&text, 0, heap, 16, 1)
}
/// A text that is built when it is needed.
private func sayNumbers(_ information: StartInformation) -> Never {
    let number = information.generation
    fatalError("item \(number) of \(-3), at \(hex: number << 20)")
}

// Memory

private func fillHeap() {
    var pieces: [[UInt8]] = []
    while true { pieces.append([UInt8](repeating: 1, count: 4000)) }
}

private func freeTwice() {
    let piece = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 64)
    say("misaligned", UInt64(UInt(bitPattern: piece) % 64))
    unsafe piece.deallocate()
    unsafe piece.deallocate()
}

@inline(never) private func descend(_ depth: UInt64) -> UInt64 {
    var words = InlineArray<32, UInt64>(repeating: depth)
    if depth == .max { return 0 }
    words[Int(depth % 32)] = descend(depth + 1)
    return words[Int(depth % 31)] + words[3]
}
