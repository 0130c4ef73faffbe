// What a request costs, and how late a more urgent task is beside a task that asks without a pause.
// Both count instructions: on QEMU with `-icount shift=0` a nanosecond of the counter is one.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// No request of an ordinary client may take more of a server at a stretch.
let mostInstructions: UInt64 = 50_000
/// A task that is more urgent than a flood, and less than the server, is at most that late, and
/// one request.
let mostLate: UInt64 = 1_500

/// The services that are flooded, one after the other, and when.
private let floods: [StaticString] = ["names", "log", "devices", "clock", "gpio", "supervisor"]
private func start(of flood: Int) -> Instant { instant(milliseconds: 4000 + 400 * UInt64(flood)) }
/// Milliseconds that one lasts. Each line of the log is printed, and the printing takes real time.
private func length(ofFloodAt service: Name) -> UInt64 { service == Name("log") ? 60 : 300 }

/// Memory to lend: what a device manager or a clock writes there, nobody reads.
private let loanBytes = 8192
func loan(
    _ bytes: inout [UInt8], _ rights: Rights = .write, length: Int = loanBytes
) -> Attachment {
    // Safety: the array lives, and does not grow, for as long as the program runs.
    let address = unsafe bytes.withUnsafeMutableBytes { UInt64(UInt(bitPattern: $0.baseAddress)) }
    return Attachment(lending: address, length: UInt64(length), rights)
}

private func reopen(_ name: Name) {
    // The slot is empty where the last attempt was refused.
    try? CapabilityTable.own.delete(slot(9))
    _ = openNow(name, to: slot(9))
}

/// So many bytes of a text again and again.
private func fill(_ text: StaticString, _ count: Int = 104) -> [UInt8] {
    let bytes = Text(text).bytes
    return (0..<count).map { bytes[$0 % bytes.count] }
}

/// The most instructions that one of `count` calls took.
func measure(_ count: Int = 20, _ body: () -> Void) -> UInt64 {
    var most: UInt64 = 0
    for _ in 0..<count {
        let before = Instant.now
        body()
        most = max(most, (Instant.now - before).nanoseconds)
    }
    return most
}

/// Says what each request costs that this board's services take.
func meter() -> Never {
    var meter = Meter()
    meter.awaitRest()
    meter.measureAll()
    say(
        meter.isWithin
            ? "every request is within 50000 instructions"
            : "a request takes more than 50000 instructions")
    rest()
}

private struct Meter {
    var isWithin = true
    /// When the next row begins, in milliseconds since the start.
    var time = 1510
    var bytes = [UInt8](repeating: 0, count: loanBytes)

    mutating func tell(
        _ what: StaticString, _ count: Int = 20, most limit: UInt64 = mostInstructions,
        _ body: () -> Void
    ) {
        // The first among them is the longest where a refusal is told in the log: log and console
        // work for that.
        let most = measure(count, body)
        if most > limit { isWithin = false }
        var line = Text(what)
        line.add(": ")
        line.decimal(most)
        say(line)
        awaitRest()
    }

    /// Waits until log and console are at rest, and no periodic task is at work: those of the
    /// system wake at multiples of 20 ms.
    mutating func awaitRest() {
        repeat { time += 20 } while instant(milliseconds: UInt64(time - 10)) <= .now
        sleep(until: instant(milliseconds: UInt64(time)))
    }

    mutating func call(
        _ what: StaticString, _ service: Endpoint?, _ message: RegisterMessage,
        _ attachment: Attachment = Attachment()
    ) {
        guard let service else { return }
        // Refusals are requests too.
        tell(what) { _ = try? service.call(message, attachment) }
    }

    mutating func measureAll() {
        measureSystem()
        measureDevices()
        measureConsole()
        measurePins()
        measureBoard()
        measureRoot()
        measureTasks()
    }

    private mutating func measureSystem() {
        tell("names.open") { reopen(Name("clock")) }
        tell("names.open, not permitted") { reopen(Name("firmware")) }
        call("names, unknown method", Endpoint(StartSlot.names), RegisterMessage(77))
        tell("log.appendAndWait, 104 bytes", 5) {
            _ = logAndWait(fill("a").span, deadline: .never)
        }
        tell("log.appendAndWait, wide characters", 5) {
            _ = logAndWait(fill("\u{1f600}").span, deadline: .never)
        }
        tell("log.appendAndWait, no text", 5) {
            _ = logAndWait(fill("\u{9b}").span, deadline: .never)
        }
        tell("log.appendAndWait, heads of lines", 5) {
            _ = logAndWait(fill("[1.").span, deadline: .never)
        }
        let log = LogClient(Endpoint(StartSlot.log))
        tell("log.appendAndWait, 232 bytes", 5, most: 2 * mostInstructions) {
            _ = logAndWait(fill("a", Line.capacity).span, deadline: .never)
        }
        tell("log.line") { _ = try? log.line(from: 0, by: .never) }
        let supervisor = SupervisorClient(Endpoint(StartSlot.supervisor))
        tell("supervisor.showLife") { showSignOfLife() }
        tell("supervisor.kill, refused") { try? supervisor.kill(task: 1, by: .never) }
        tell("supervisor.press, refused") { try? supervisor.press(key: 116, by: .never) }
        tell("supervisor.loseLines", 1) {
            try? supervisor.loseLines(1, opensLog: true, by: .never)
        }
        call("supervisor, unknown method", supervisor.endpoint, RegisterMessage(99, 1))
    }

    /// Whole listings, each piece of them.
    private mutating func measureDevices() {
        guard let devices = open(Name("devices"), 0).map({ DevicesClient($0) }) else { return }
        var bytes = bytes
        for (what, isTree) in [
            ("devices.tree, a piece", true), ("devices.list, a piece", false),
        ] as [(StaticString, Bool)] {
            var position: UInt64 = 0
            var isLast = false
            var most: UInt64 = 0
            while !isLast {
                var span = bytes.mutableSpan
                let before = Instant.now
                let piece =
                    isTree
                    ? try? devices.tree(from: position, into: &span, by: .never)
                    : try? devices.list(from: position, into: &span, by: .never)
                most = max(most, (Instant.now - before).nanoseconds)
                isLast = piece?.isLast ?? true
                position += UInt64(piece?.bytes ?? 0)
            }
            if most > mostInstructions { isWithin = false }
            var line = Text(what)
            line.add(": ")
            line.decimal(most)
            line.add(", of ")
            line.decimal(position)
            line.add(" bytes")
            say(line)
        }
        tell("devices.commandLine") {
            var span = bytes.mutableSpan
            _ = try? devices.commandLine(from: 0, into: &span, by: .never)
        }
        tell("devices.light") { _ = try? devices.light(0, by: .never) }
        tell("devices.light, none there") { _ = try? devices.light(.max, by: .never) }
        tell("devices.tree, nothing lent") {
            var span = bytes.mutableSpan
            var nothing = span._mutatingExtracting(first: 0)
            _ = try? devices.tree(from: 0, into: &nothing, by: .never)
        }
    }

    private mutating func measureConsole() {
        guard let serial = open(Name("serial"), 1).map({ SerialClient($0) }) else { return }
        for (what, text) in [
            ("serial.write, 160 bytes", "."), ("serial.write, wide characters", "\u{1f600}"),
            ("serial.write, no text", "\u{9b}"), ("serial.write, 80 lines", ".\n"),
        ] as [(StaticString, StaticString)] {
            let bytes = Bytes<160>(prefixOf: fill(text, SerialClient.maximumWrite).span)
            tell(what, 1) { try? serial.write(bytes, by: .never) }
        }
        tell("serial.waitForRoom") { try? serial.waitForRoom(by: .never) }
        tell("serial.read, refused") {
            _ = try? serial.read(from: 0, replacements: 0, by: .never)
        }
    }

    private mutating func measurePins() {
        let clock = open(Name("clock"), 2)
        if let clock = clock.map({ ClockClient($0) }), let time = try? clock.now() {
            tell("clock.now") { _ = try? clock.now(by: .never) }
            tell("clock.set") { try? clock.set(to: time, by: .never) }
            tell("clock.sleep") { _ = try? clock.sleep(until: 0x7fff_0000, by: .immediately) }
        }
        if let pins = open(Name("gpio"), 3).map({ GPIOClient($0) }) {
            let pin = Pin(number: 5)
            tell("gpio.state") { _ = try? pins.state(by: .never) }
            tell("gpio.function") { _ = try? pins.function(of: pin, by: .never) }
            tell("gpio.configure") {
                try? pins.configure(pin, as: .input, .unchanged, by: .never)
            }
            tell("gpio.set") { try? pins.set(pin, high: false, by: .never) }
        }
    }

    private mutating func measureBoard() {
        if let timer = open(Name("timer"), 4).map({ SystemTimerClient($0) }),
            let now = try? timer.now()
        {
            tell("timer.now") { _ = try? timer.now(by: .never) }
            tell("timer.sleep") { _ = try? timer.sleep(until: now + 10_000_000, by: .immediately) }
        }
        if let random = open(Name("random"), 5).map({ RandomClient($0) }) {
            tell("random.words") { _ = try? random.words(by: .never) }
        }
        if let firmware = open(Name("firmware"), 6).map({ FirmwareClient($0) }) {
            tell("firmware.boardRevision") { _ = try? firmware.boardRevision(by: .never) }
            tell("firmware.level") { _ = try? firmware.level(ofPin: 2, by: .never) }
        }
        if let power = open(Name("power"), 7).map({ PowerClient($0) }) {
            tell("power.watchdog") { _ = try? power.watchdog(by: .never) }
        }
        measureCard(open(Name("sdhost"), 8))
        measureCard(open(Name("sdhci"), 10))
    }

    private mutating func measureCard(_ card: Endpoint?) {
        // A card is identified first, and its driver sleeps meanwhile.
        guard let card = card.map({ BlockClient($0) }),
            let medium = try? card.information(by: .never)
        else { return }
        tell("block.information") { _ = try? card.information(by: .never) }
        var blocks = [UInt8](repeating: 0, count: Medium.blocksAtOnce * Medium.blockBytes)
        tell("block.read, 8 blocks") {
            var span = blocks.mutableSpan
            try? card.read(from: 0, of: medium.number, into: &span, by: .never)
        }
        tell("block.write, 8 blocks") {
            try? card.write(at: 0, of: medium.number, from: blocks.span, by: .never)
        }
    }

    /// Of a task, as the root task's services know it.
    private mutating func measureRoot() {
        let root = InspectionClient()
        tell("inspection.task") { _ = try? root.task(4) }
        tell("inspection.task, the root task") { _ = try? root.task(0) }
        tell("inspection.activity") { _ = try? root.activity(without: 0) }
        tell("inspection.policy") { _ = try? root.policy(of: 4) }
        tell("inspection.memory") { _ = try? root.memory(of: 4) }
        tell("inspection.machineMemory") { _ = try? root.machineMemory() }
        tell("inspection.interrupt") { _ = try? root.interrupt(1) }
        tell("inspection.capability") { _ = try? root.capability(in: 1, of: 4) }
        tell("inspection.core") { _ = try? root.core(0) }
        tell("inspection.provider") { _ = try? root.provider(of: FixedString()) }
        tell("inspection.thread, none there") { _ = try? root.thread(of: 4, from: 0) }
        let connections = ConnectionsClient()
        tell("connections.started") { _ = try? connections.started(after: 0) }
        tell("connections.open") {
            try? CapabilityTable.own.delete(slot(9))
            Meter.connect(connections)
        }
        var bytes = bytes
        tell("drivers.manifest, 8 KiB") {
            var span = bytes.mutableSpan
            _ = try? DriversClient().manifest(from: 0, into: &span)
        }
    }
    private static func connect(_ connections: ConnectionsClient) {
        let serial = FixedString<32>(name: Name("serial").words)
        do throws(SystemError) {
            _ = try connections.open(serial, bits: 0, to: slot(9), by: .never)
        } catch { say("a service is not given") }
    }

    /// Loads another task. A load is no stretch of a server: others are answered between its pages.
    private mutating func measureTasks() {
        let tasks = TasksClient()
        let name = FixedString<32>(name: Name("spare").words)
        var spare: UInt16 = 0
        tell("tasks.start, a small task", 1, most: .max) {
            spare = (try? tasks.start(name, by: .never))?.number ?? 0
        }
        tell("tasks.move") { try? tasks.move(spare, to: 0) }
        tell("tasks.stop") { _ = try? tasks.stop(spare) }
        tell("tasks.kill, told in the log", 1, most: 2 * mostInstructions) {
            try? tasks.kill(spare)
        }
        tell("tasks.kill, refused") { try? tasks.kill(spare) }
        tell("tasks.restart, a small task", 1, most: .max) { Meter.restart(spare) }
        try? tasks.kill(spare)
        awaitRest()
        // The root task is more urgent than this one, and loads the task before this goes on.
        tell("tasks.begin, a small task", 1, most: .max) { try? tasks.begin(spare) }
    }
    private static func restart(_ task: UInt16) {
        do throws(SystemError) {
            _ = try TasksClient().restart(task, argument: FixedString(), by: .never)
        } catch { say("a task does not start") }
    }
}

// Floods

/// The most costly request that an ordinary client can make of a service, once.
private func askOnce(
    _ service: Name, _ endpoint: Endpoint, _ bytes: inout [UInt8], _ line: [UInt8]
) {
    switch service {
    case Name("names"): reopen(Name("serial"))
    case Name("log"): _ = logAndWait(line.span, deadline: .never)
    case Name("devices"):
        var span = bytes.mutableSpan
        _ = try? DevicesClient(endpoint).tree(from: 0, into: &span, by: .never)
    case Name("clock"):
        _ = try? ClockClient(endpoint).sleep(until: 0x7fff_0000, by: .immediately)
    case Name("gpio"): _ = try? GPIOClient(endpoint).state(by: .never)
    default: try? SupervisorClient(endpoint).kill(task: 1, by: .never)
    }
}

/// Asks one service after the other, without a pause.
func flood() -> Never {
    var bytes = [UInt8](repeating: 0, count: loanBytes)
    let line = [UInt8](repeating: 0x2e, count: 8)
    for index in 0..<floods.count {
        let service = Name(floods[index])
        guard let endpoint = open(service, UInt32(index)) else { continue }
        sleep(until: start(of: index))
        let end = Instant.after(milliseconds: length(ofFloodAt: service))
        var count: UInt64 = 0
        while Instant.now < end {
            askOnce(service, endpoint, &bytes, line)
            count += 1
        }
        var text = Text("asked ")
        text.add(service)
        text.add(" ")
        text.decimal(count)
        text.add(" times")
        say(text)
    }
    rest()
}

/// Wakes each millisecond beside the flood of one service, and says how late it was at worst.
func beVictim(ofFloodAt service: Name) -> Never {
    guard let index = floods.indices.first(where: { Name(floods[$0]) == service }),
        let endpoint = open(service)
    else { rest() }
    var bytes = [UInt8](repeating: 0, count: loanBytes)
    let line = [UInt8](repeating: 0x2e, count: 8)
    sleep(until: instant(milliseconds: 3000 + 50 * UInt64(index)))
    askOnce(service, endpoint, &bytes, line)
    sleep(milliseconds: 10)
    let request = measure(5) { askOnce(service, endpoint, &bytes, line) }
    var wake = start(of: index) + .milliseconds(20)
    var latest: UInt64 = 0
    let end = start(of: index) + .milliseconds(length(ofFloodAt: service))
    while wake < end {
        sleep(until: wake)
        latest = max(latest, (Instant.now - wake).nanoseconds)
        // No multiple of anything: the wake-ups fall everywhere in a request.
        wake = wake + .microseconds(1009)
    }
    sleep(milliseconds: 100)
    var text = Text("woke in time: ")
    if latest > mostLate + request { text = Text("woke too late: ") }
    text.decimal(latest)
    text.add(" instructions late, one request takes ")
    text.decimal(request)
    say(text)
    rest()
}
