// The device manager: walks the device tree, starts one driver task per device that a driver in the manifest knows, and
// tells people what it found. A device without a driver is listed; a damaged node is reported; neither stops the rest.

import DeviceTree
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(DeviceManager_main) func deviceManager(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    var devices = Devices()
    guard let manifest = try? Manifest.decode(readManifest().span) else { fatalError("no manifest") }
    let base = unsafe UnsafeRawPointer(bitPattern: UInt(TaskAddress.deviceTree)).unsafelyUnwrapped
    do throws(DeviceTreeError) {
        // Safety: the root task mapped that many bytes of the tree there.
        let tree = unsafe try DeviceTree(at: base, limit: Int(information.deviceTreeBytes))
        logSharedPhandles(tree)
        devices.startDrivers(tree, try tree.describeMachine(), manifest)
        watchKeys(tree, devices)
        while true { answer(server.next(), &server, devices, tree) }
    } catch {
        var text = Text("no drivers: the device tree is refused: ")
        text.add(error.cause.message)
        log(text.bytes.span)
        // Each request is refused by the next one.
        while true { _ = server.next() }
    }
}

private func answer(_ request: Received, _ server: inout Server, _ devices: Devices, _ tree: DeviceTree) {
    if request.delivery != .message { return }
    let bytes: [UInt8]
    switch request[0] {
    case DevicesRequest.tree:
        var text = Text()
        describe(tree, &text)
        bytes = text.bytes
    case DevicesRequest.list: bytes = devices.listing()
    case DevicesRequest.arguments:
        let text = unsafe tree.node("/chosen")?.property("bootargs")?.string
        guard let text = unsafe text else { return server.reply(RegisterMessage(0, 0, 0)) }
        return unsafe give(text, request, &server)
    case DevicesRequest.led: return server.reply(describeLed(request[1], tree, devices))
    default: return server.reply(RegisterMessage(1))
    }
    unsafe bytes.withUnsafeBytes { unsafe give($0, request, &server) }
}

/// Answers with the part of a text that the caller asks for and has room for.
private func give(_ text: UnsafeRawBufferPointer, _ request: Received, _ server: inout Server) {
    let start = Int(min(request[1], UInt64(text.count)))
    let count = min(text.count - start, Int(min(request.loanLength, 1 << 20)))
    if count > 0 {
        let from = UInt64(UInt(bitPattern: text.baseAddress)) + UInt64(start)
        try? server.caller.loanWrite(offset: 0, from: from, length: UInt64(count))
    }
    server.reply(RegisterMessage(0, UInt64(text.count), UInt64(count)))
}

/// Tells the drivers of pins which of them are keys (Linux bindings, gpio-keys.yaml).
private func watchKeys(_ tree: DeviceTree, _ devices: Devices) {
    let bankSlot = ScratchSlot(StartSlot.firstFree)
    var depth = 0
    var node: DeviceNode? = tree.root
    while let current = node {
        node = tree.node(after: current, depth: &depth)
        guard let parent = current.parent, parent.isCompatible("gpio-keys"), parent.isEnabled, current.isEnabled,
            let pins = current.property("gpios"), let phandle = pins.word(0), let pin = pins.word(1),
            let code = current.property("linux,code")?.word(0),
            let bank = tree.node(phandle: phandle), let instance = devices.instance(of: unsafe copy(bank.name))
        else { continue }
        let plain = Name("gpio")
        let name = instance == 0 ? plain : plain.numbered(instance)
        // Of a key whose flags say that it is low while it is pressed, the press is the falling edge.
        let edge: UInt64 = (pins.word(2) ?? 0) & 1 != 0 ? 2 : 1
        let request = RegisterMessage(GPIORequest.watch, UInt64(pin), UInt64(code), edge)
        bankSlot.use { gpio in
            guard openService([name.word0, name.word1, name.word2, name.word3], to: gpio) else { return }
            _ = try? Endpoint(gpio).call(request, deadline: .after(milliseconds: 500))
        }
    }
}
