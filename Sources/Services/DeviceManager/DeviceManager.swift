// The device manager: walks the device tree, starts one driver task per device that a driver in the
// manifest knows, and tells people what it found. A device without a driver is listed; a damaged
// node is reported; neither stops the rest.

import DeviceTree
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(DeviceManager_main) func deviceManager(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    guard let manifest = try? Manifest.decode(readManifest().span) else {
        fatalError("no manifest")
    }
    let base = unsafe UnsafeRawPointer(bitPattern: UInt(TaskAddress.deviceTree)).unsafelyUnwrapped
    do throws(DeviceTreeError) {
        // Safety: the root task mapped that many bytes of the tree there.
        let tree = unsafe try DeviceTree(at: base, limit: Int(information.deviceTreeBytes))
        logSharedPhandles(tree)
        let keys = Keys(tree)
        let machine = unsafe try tree.describeMachine { count in
            // Safety: nothing frees them.
            let places = RangeList.Places.allocate(capacity: count)
            unsafe places.initialize(repeating: RegisterRange(base: 0, size: 0))
            return unsafe places
        }
        let devices = Devices(tree, machine, manifest, keys)
        keys.check(tree, devices)
        var answers = Answers(tree: tree, devices: devices, lights: Lights(tree, devices))
        while true { answers.answer(server.next(), &server) }
    } catch {
        log("no drivers: the device tree is refused: \(error.cause.message)", .error)
        // Each request is refused by the next one.
        while true { _ = server.next() }
    }
}

/// What requests are answered from: all of it is found once, so that no request costs a walk
/// of the tree.
private struct Answers {
    let tree: DeviceTree
    let devices: Devices
    let lights: Lights
    var listings = Listings()
    /// The kernel's command line, and bytes in front of its end.
    let commandLine: DeviceProperty?
    let commandLength: Int

    init(tree: DeviceTree, devices: Devices, lights: Lights) {
        self.tree = tree
        self.devices = devices
        self.lights = lights
        commandLine = tree.node("/chosen")?.property("bootargs")
        commandLength = unsafe commandLine?.string.count ?? 0
    }

    mutating func answer(_ request: Received, _ server: inout Server) {
        if request.delivery != .message { return }
        switch request[0] {
        case DevicesRequest.tree, DevicesRequest.list:
            guard let (bytes, isLast) = listings.piece(request, tree, devices) else {
                return server.reply(RegisterMessage(1))
            }
            let isGiven = unsafe bytes.withUnsafeBytes { unsafe give($0, server) }
            let done = RegisterMessage(0, isLast ? 1 : 0, UInt64(bytes.count))
            server.reply(isGiven ? done : RegisterMessage(1))
        case DevicesRequest.arguments:
            let start = Int(min(request[1], UInt64(commandLength)))
            let room = Int(min(request.loanLength, UInt64(DevicesRequest.pieceBytes)))
            let count = min(commandLength - start, room)
            let bytes = unsafe commandLine?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
            let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)])
            let isGiven = unsafe give(part, server)
            let done = RegisterMessage(0, UInt64(commandLength), UInt64(count))
            server.reply(isGiven ? done : RegisterMessage(1))
        case DevicesRequest.led: lights.reply(request[1], tree, &server)
        default: server.reply(RegisterMessage(1))
        }
    }

    /// Copies into the memory that the caller lent. False where it cannot be written: the loan is
    /// read-only or not mapped.
    private func give(_ bytes: UnsafeRawBufferPointer, _ server: Server) -> Bool {
        if unsafe bytes.isEmpty { return true }
        let address = UInt64(UInt(bitPattern: bytes.baseAddress))
        let length = UInt64(bytes.count)
        return (try? server.caller.loanWrite(offset: 0, from: address, length: length)) != nil
    }
}
