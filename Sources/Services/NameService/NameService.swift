// The name service: gives clients the capabilities of services. The root task makes each, badged
// with the client's number, if the manifest lists the service under the client's `opens`; this task
// only passes it on, and keeps those waiting whose service has not started yet.

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
    /// How many services the root task has told of that have started.
    private var known: UInt16 = 0
    /// For capabilities on their way from the root task to a client.
    private let passing = ScratchSlot(StartSlot.firstFree)

    mutating func open(
        _ name: FixedString<32>, waiting: Bool, bits: UInt64, _ caller: consuming Client
    ) {
        guard let name = Name(bytes: name.span) else { return caller.refuse(.notPermitted) }
        give(Wish(name: name, bits: bits), caller, waits: waiting)
    }

    /// A task has started: the root task tells which services have, and the clients that wait for
    /// them get them.
    mutating func notice(_ bits: UInt64) {
        while true {
            let services = try? ConnectionsClient().started(without: known, by: .never)
            guard let services, services.count > 0 else { return }
            known += UInt16(services.count)
            for index in 0..<services.count {
                if let service = services[index] { give(service) }
            }
        }
    }

    /// Gives a service that has started to those that wait for it.
    private mutating func give(_ service: FixedString<32>) {
        let name = Name(service.nameWords)
        for place in 0..<wishes.count where wishes[place].name == name {
            guard let caller = waiting.take(at: UInt64(place)) else { continue }
            give(wishes[place], caller, waits: true)
        }
    }

    mutating func forgetCallers() { waiting.forgetGone() }

    mutating func perform(_ request: Received, _ loop: inout Server) {
        NamesInterface.perform(request, for: &self, &loop)
    }

    /// Gives a client what it asks for. If the service has not started, the client waits, or is
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
        if refusal != .noService || !waits { return caller.refuse(refusal) }
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
            switch error.of(FactoryError.self) {
            case .notPermitted: return .notPermitted
            case .noSuchService: return .noService
            default: return .exhausted
            }
        }
    }
}
