// The name service: `open("serial")` gives a capability of that service, badged with the number of
// the task that asked. The root task makes it, if the manifest lists the service under the task's
// `opens`; this task only passes it on.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(NameService_main) func nameService(_ address: UInt) -> Int32 {
    var server = Server(startInformation(address))
    while true {
        let request = server.next()
        if request.delivery != .message { continue }
        switch request[0] {
        case NamesWord.open: open(request, &server)
        default: server.reply(RegisterMessage(1))
        }
    }
}

/// For capabilities on their way from the root task to a client.
private let passing = ScratchSlot(StartSlot.firstFree)

/// Answers the client at once, so that the slot is empty before the next request.
private func open(_ request: Received, _ server: inout Server) {
    var query = RegisterMessage(UInt64(FactoryOperation.service.rawValue))
    for index in 1...4 { query.setWord(index, request[index]) }
    query.setWord(5, request.badge)
    let refusal: UInt64? = passing.use { slot in
        guard let answer = try? Endpoint(StartSlot.factory).call(query, receiving: slot) else {
            return 1
        }
        if answer[0] == FactoryError.notPermitted.rawValue { return 2 }
        guard answer[0] == 0 && answer.capabilityCount == 1 else { return 1 }
        // A client that died meanwhile needs no answer.
        try? server.caller.reply(RegisterMessage(0), Attachment(slot))
        return nil
    }
    if let refusal { server.reply(RegisterMessage(refusal)) }
}
