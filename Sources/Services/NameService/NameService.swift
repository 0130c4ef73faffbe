// The name service: gives clients the capabilities of services. The root task makes each, badged
// with the client's number, if the manifest lists the service under the client's `opens`; this task
// only passes it on, and keeps those waiting whose service does not run.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(NameService_main) func nameService(_ address: UInt) -> Int32 {
    serve(NameService(), Server(startInformation(address)))
}

struct NameService: ~Copyable, NamesServer, ServiceTask {
    typealias Client = Caller<Given<Endpoint>, NamesError>

    /// What a client asks for.
    private struct Wish {
        var name = Name.empty
        var bits: UInt64 = 0
    }
    private var waiting = Waiting<Given<Endpoint>, NamesError>()
    /// Of the callers that wait, by their places.
    private var wishes = InlineArray<64, Wish>(repeating: Wish())
    /// The number of the last start that the root task has told of.
    private var known: UInt64 = 0
    /// For capabilities on their way from the root task to a client.
    private let passing = ScratchSlot(StartSlot.firstFree)

    mutating func open(
        _ name: FixedString<32>, waiting: Bool, bits: UInt64, _ caller: consuming Client
    ) {
        guard let name = Name(bytes: name.span) else { return caller.refuse(.notPermitted) }
        give(Wish(name: name, bits: bits), caller, waits: waiting)
    }

    /// Tasks have started: the root task tells which services theirs are, and the clients that wait
    /// for these get them.
    mutating func notice(_ bits: UInt64) {
        // Each start has a larger number than the one before.
        while let start = try? ConnectionsClient().started(after: known, by: .never),
            start.number > known
        {
            known = start.number
            let name = Name(start.service.nameWords)
            for place in 0..<wishes.count where wishes[place].name == name {
                guard let caller = waiting.take(at: UInt64(place)) else { continue }
                give(wishes[place], caller, waits: true)
            }
        }
    }

    mutating func forgetCallers() { waiting.forgetGone() }

    mutating func perform(_ request: Received, _ loop: inout Server) {
        NamesInterface.perform(request, for: &self, &loop)
    }

    /// Gives a client what it asks for. If the service does not run, the client waits, or is
    /// refused.
    private mutating func give(_ wish: Wish, _ caller: consuming Client, waits: Bool) {
        let place = caller.place
        let client = caller.client.task
        var answered: Client? = caller
        let refusal: NamesError? = passing.use { slot in
            let refusal = NameService.ask(wish, for: client, to: slot)
            if refusal == nil { answered.take()?.give(Endpoint(slot)) }
            return refusal
        }
        guard let caller = answered.take(), let refusal else { return }
        let mayCome = refusal == .noService || refusal == .ended
        if !mayCome || !waits { return caller.refuse(refusal) }
        wishes[place] = wish
        waiting.insert(caller, at: UInt64(place))
    }

    /// Asks the root task, which answers at once, for the capability.
    ///
    /// - Returns: why it does not come.
    private static func ask(_ wish: Wish, for client: UInt64, to slot: Slot) -> NamesError? {
        do throws(SystemError) {
            _ = try ConnectionsClient().give(
                FixedString(name: wish.name.words), to: UInt16(truncatingIfNeeded: client),
                bits: wish.bits, to: slot, by: .never)
            return nil
        } catch {
            switch error.of(RootError.self) {
            case .notPermitted: return .notPermitted
            case .noSuchService: return .noService
            case .wrongState: return .ended
            default: return .exhausted
            }
        }
    }
}
