// Tasks that exchange items through what the manifest shares, for
// Tests/OnTarget/system/exchange.txt: the task's name says which side it is.
//
// `source` numbers items by the ring's own count, so an item that is lost or comes twice is seen by
// `sink`, whatever dies when. Both count in shared memory under a mutex: two counts that are equal
// unless their holder died meanwhile.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

private struct Request: BitwiseCopyable {
    var items: UInt64
    var generation: UInt64
    var unused: UInt64 = 0
}

/// Items between two counts, and between two lines of the log.
private let batch: UInt32 = 64
private let report: UInt32 = 256

@c(Exchange_main) func exchange(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let name = Name(information.name)
    if name == Name("tower") { keepBells(information) }
    if name == Name("ringer") && information.generation > 1 { startTower() }
    if name == Name("guest") && information.generation > 1 {
        do throws(SystemError) { try visitBells() } catch { log("no bells at all: \(error.text)") }
    }
    if (name == Name("visitor-1") || name == Name("visitor-2")) && information.generation > 1 {
        awaitBells()
    }
    do throws(KernelError) {
        if name == Name("source") { try produce(information) }
        if name == Name("sink") { try consume(information) }
        if name == Name("crew") { try serveInCrew() }
        // A test starts the second lives of these: what they do takes much time of the processor.
        let isFirst = information.generation == 1
        if name == Name("heir") { try isFirst ? setUpForCrew() : inherit() }
        if name == Name("runner") && !isFirst { try runOnOtherCores() }
        if name == Name("snoop") { try snoop(information) }
    } catch { log("the kernel refuses: error \(error.rawValue)") }
    while true { Notification(StartSlot.notification).pause() }
}

/// Publishes an item each millisecond, and counts and tells each batch. Its first life ends while
/// it holds the mutex.
private func produce(_ information: StartInformation) throws(KernelError) -> Never {
    var ring = try RingProducer<UInt64>.open("samples")
    let queue = try MessageQueue<Request>.open("requests")
    try publishForSnoop()
    log("source: \(ring.published) items published before")
    let work = try Periodic(
        every: .milliseconds(1), timer: Timer(StartSlot.timer),
        notification: Notification(StartSlot.notification))
    for _ in work {
        let number = ring.published
        if !ring.push(UInt64(number)) { continue }
        if number % batch != batch - 1 { continue }
        try count(endsBetween: information.generation == 1 && number > 100)
        let request = Request(items: UInt64(number) + 1, generation: information.generation)
        // A queue that nobody empties keeps the first ones.
        do throws(KernelError) { try queue.send(request, deadline: .immediately) } catch {
            if error != .timedOut { throw error }
        }
    }
    fatalError("the timer is gone")
}

/// Checks all items.
private func consume(_ information: StartInformation) throws(KernelError) -> Never {
    var ring = try RingConsumer<UInt64>.open("samples")
    let queue = try MessageQueue<Request>.open("requests")
    log("sink: goes on with item \(ring.released)")
    while true {
        try ring.waitForItem()
        let number = ring.released
        guard let item = ring.pop() else { continue }
        if item != UInt64(number) { log("sink: item \(item) in the place of \(number)") }
        if number % batch != batch - 1 { continue }
        try count(endsBetween: false)
        if number % report != report - 1 { continue }
        var told: Request?
        while let request = try? queue.receive(deadline: .immediately) { told = request }
        let (items, life) = (told?.items ?? 0, told?.generation ?? 0)
        log("sink: \(number + 1) items in order, told of \(items) in life \(life)")
    }
}

/// Adds 1 to both counts.
private func count(endsBetween: Bool) throws(KernelError) {
    let state = try SharedMemory.open("state")
    let mutexes = try state.mutexes
    // Safety: the memory has two words.
    let counts = unsafe UnsafeMutablePointer<UInt64>(
        bitPattern: UInt(state.address)
    ).unsafelyUnwrapped
    let holderDied = try mutexes.lock(1)
    if unsafe counts[0] != counts[1] {
        if !holderDied { log("the counts are wrong") }
        unsafe counts[1] = counts[0]
        log("what the dead holder left half done is mended")
    }
    unsafe counts[0] += 1
    if endsBetween { fatalError("the end of the first life") }
    unsafe counts[1] += 1
    try mutexes.unlock(1)
}

private func publishForSnoop() throws(KernelError) {
    var ring = try RingProducer<UInt64>.open("spoilt")
    ring.push(7)
}

/// Asks for what it does not share, and then writes where it only reads.
private func snoop(_ information: StartInformation) throws(KernelError) {
    let state = try SharedMemory.open("state")
    var refusals: [KernelError] = []
    note(&refusals) { () throws(KernelError) in _ = try state.mutexes }
    note(&refusals) { () throws(KernelError) in _ = try RingConsumer<UInt64>.open("samples") }
    note(&refusals) { () throws(KernelError) in _ = try RingProducer<UInt64>.open("spoilt") }
    note(&refusals) { () throws(KernelError) in _ = try RingConsumer<UInt32>.open("spoilt") }
    note(&refusals) { () throws(KernelError) in _ = try MessageQueue<UInt64>.open("spoilt") }
    let expected: [KernelError] = [
        .notPermitted, .invalidCapability, .notPermitted, .invalidArgument, .wrongKind,
    ]
    log(refusals == expected ? "snoop: five refusals" : "snoop: other refusals")
    var ring = try RingConsumer<UInt64>.open("spoilt")
    // Safety: none; a reader writes, and faults.
    if information.generation == 1 {
        unsafe UnsafeMutablePointer<UInt64>(bitPattern: UInt(state.address))?.pointee = 1
    }
    try ring.waitForItem()
    _ = unsafe ring.pop { item in
        unsafe UnsafeMutablePointer(mutating: item).pointee = 1
        return true
    }
    log("snoop: wrote where it only reads")
}

private func note(_ refusals: inout [KernelError], _ body: () throws(KernelError) -> Void) {
    do throws(KernelError) { try body() } catch { refusals.append(error) }
}
