// Ordinary tasks that try to harm the others, for Tests/OnTarget/system and Tests/OnTarget/boards:
// what one does, its name says. None holds a privilege beyond those that its entry in the `.toml`
// files here lists.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(Nuisance_main) func nuisance(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let name = Name(information.name)
    switch name {
    case Name("snoop"): snoop()
    case Name("rival"): readAgainstTheShell()
    case Name("forger"): forge()
    case Name("grabber"): grabThePowerKey()
    case Name("pinner"): usePins()
    case Name("watcher"): watchAPin()
    case Name("switcher"): switchOff()
    case Name("holder-1"), Name("holder-2"): holdATimer()
    case Name("sleeper"): sleepByTheClock()
    case Name("reader"): readTheClock()
    case Name("alarm-spam"): spamTheClock()
    case Name("meter"): meter()
    case Name("spare"): rest()
    case Name("flood"): flood()
    case Name("killer"): killTheDeviceManager()
    case Name("stranger"), Name("insider"): pester(information)
    case Name("time"), Name("pl031"), Name("pl061"), Name("pl011"), Name("names"):
        answerNonsense(information)
    case Name("mute"): stayMute(information)
    case Name("log"): serve(EndlessLog(), Server(information))
    case Name("endless"): serve(EndlessDevices(), Server(information))
    case Name("copier"): copyBlocks()
    case Name("card-below"), Name("card-above"): waitBesideCopier()
    default: beVictim(ofFloodAt: Name(bytes: name.bytes.span.extracting(7..<name.count)) ?? .empty)
    }
}

/// A slot for each service that the task opens.
func slot(_ index: UInt32) -> Slot { Slot(StartSlot.firstFree.index + index) }

func sleep(milliseconds: UInt64) { sleep(until: .after(milliseconds: milliseconds)) }

/// Nobody signals the task's own notification: the wait ends with its deadline, by an error.
func sleep(until instant: Instant) {
    _ = try? Notification(StartSlot.notification).wait(deadline: instant)
}

/// An instant after the counter's start, about that of the boot.
func instant(milliseconds: UInt64) -> Instant { .immediately + .milliseconds(milliseconds) }

func rest() -> Never {
    while true {
        showSignOfLife()
        sleep(milliseconds: 10_000)
    }
}

func say(_ text: Text) { log(text.bytes.span) }
func say(_ text: StaticString) { say(Text(text)) }

/// Opens a service within two seconds; nil where the board has none.
func open(_ name: Name, _ index: UInt32 = 0) -> Endpoint? {
    switch name {
    case Name("log"): return Endpoint(StartSlot.log)
    case Name("names"): return Endpoint(StartSlot.names)
    case Name("supervisor"): return Endpoint(StartSlot.supervisor)
    default: break
    }
    if let service = RootService(named: name) { return Endpoint(StartSlot.root(service)) }
    for _ in 0..<20 {
        if let endpoint = openNow(name, to: slot(index)) { return endpoint }
        sleep(milliseconds: 100)
    }
    return nil
}

/// Opens a service, whatever its version, if its task has ever started.
func openNow(_ name: Name, to slot: Slot) -> Endpoint? {
    guard let text = FixedString<32>(name.bytes.span) else { return nil }
    let names = NamesClient(Endpoint(StartSlot.names))
    return try? names.open(text, waiting: false, bits: 0, to: slot, by: .patience)
}

/// Word 0 of the reply; nil where none came.
func ask(_ endpoint: Endpoint, _ message: RegisterMessage) -> UInt64? {
    (try? endpoint.call(message, deadline: .after(milliseconds: 500)))?[0]
}
