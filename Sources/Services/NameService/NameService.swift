// The name service: `open("serial")` gives a capability of that service, badged with the number of the task that asked, if
// the manifest lists the service under the task's `opens`.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(NameService_main) func nameService(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    // Without the manifest nothing may be opened; a later start may have better luck.
    guard let manifest = try? Manifest.decode(readManifest().span) else { fatalError("no manifest") }
    let names = Names(manifest: manifest)
    while true {
        let request = server.next()
        if request.delivery != .message { continue }
        switch request[0] {
        case NamesWord.open: names.open(request, &server)
        case NamesWord.list: server.reply(names.list(request[1]))
        default: server.reply(RegisterMessage(1))
        }
    }
}

struct Names {
    let manifest: Manifest
    private let factory = Endpoint(StartSlot.factory)
    /// Where a capability stands on its way.
    private let passing = StartSlot.firstFree

    init(manifest: Manifest) { self.manifest = manifest }

    func open(_ request: Received, _ server: inout Server) {
        let service = Name(request[1], request[2], request[3], request[4])
        guard mayOpen(task: request.badge, service) else { return server.reply(RegisterMessage(2)) }
        try? CapabilityTable.own.delete(passing)
        IPCBufferAccess().setReceiveSlots(passing)
        var query = RegisterMessage(UInt64(FactoryOperation.service.rawValue))
        query.setWord(1, service.word0)
        query.setWord(2, service.word1)
        query.setWord(3, service.word2)
        query.setWord(4, service.word3)
        query.setWord(5, request.badge)
        guard let answer = try? factory.call(query), answer[0] == 0, answer.capabilityCount == 1 else {
            return server.reply(RegisterMessage(1))
        }
        server.reply(RegisterMessage(0), Attachment(passing))
    }

    /// Whether the manifest lists the service, or for a numbered one (`serial.1`) the service without its number.
    private func mayOpen(task: UInt64, _ service: Name) -> Bool {
        var plain = Name.empty
        for index in 0..<service.count {
            if service[index] == UInt8(ascii: ".") { break }
            plain.append(service[index])
        }
        guard let name = taskName(task), let entry = description(name) else { return false }
        for permitted in entry.opens where permitted == service || permitted == plain { return true }
        return false
    }

    /// The manifest's entry of a task; a numbered driver's is the first one's.
    private func description(_ name: Name) -> TaskDescription? {
        if let exact = manifest.task(named: name) { return exact }
        var plain = Name.empty
        for index in 0..<name.count {
            if name[index] == UInt8(ascii: ".") { break }
            plain.append(name[index])
        }
        return manifest.task(named: plain)
    }

    private func taskName(_ task: UInt64) -> Name? {
        guard let answer = try? factory.call(RegisterMessage(UInt64(FactoryOperation.task.rawValue), task)),
            answer[0] == 0
        else { return nil }
        return Name(answer.word(7), answer.word(8), answer.word(9), answer.word(10))
    }

    /// Service number `index` of the manifest.
    func list(_ index: UInt64) -> RegisterMessage {
        var remaining = index
        for task in manifest.tasks where !task.provides.isEmpty {
            if remaining == 0 {
                var message = RegisterMessage(0, 0, task.provides.word0, task.provides.word1)
                message.setWord(4, task.provides.word2)
                message.setWord(5, task.provides.word3)
                return message
            }
            remaining -= 1
        }
        return RegisterMessage(1)
    }
}
