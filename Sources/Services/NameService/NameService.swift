// The name service: `open("serial")` gives a capability of that service, badged with the number of the task that asked. The
// root task makes it, if the manifest lists the service under the task's `opens`; this task only passes it on.

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

/// Where a capability stands on its way.
private let passing = StartSlot.firstFree

private func open(_ request: Received, _ server: inout Server) {
    try? CapabilityTable.own.delete(passing)
    IPCBufferAccess().setReceiveSlots(passing)
    var query = RegisterMessage(UInt64(FactoryOperation.service.rawValue))
    for index in 1...4 { query.setWord(index, request[index]) }
    query.setWord(5, request.badge)
    guard let answer = try? Endpoint(StartSlot.factory).call(query) else { return server.reply(RegisterMessage(1)) }
    if answer[0] == 0 && answer.capabilityCount == 1 { return server.reply(RegisterMessage(0), Attachment(passing)) }
    server.reply(RegisterMessage(answer[0] == FactoryError.notPermitted.rawValue ? 2 : 1))
}
