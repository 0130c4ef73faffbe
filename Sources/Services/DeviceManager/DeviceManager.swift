// The device manager: walks the device tree, starts one driver task per device that a driver in the
// manifest knows, and tells people what it found. A device without a driver is listed; a damaged
// node is reported; neither stops the rest.

import DeviceTree
import Interfaces
import ServiceCores

@c(DeviceManager_main) func deviceManager(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let loop = Server(information)
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
        serve(Answers(tree: tree, devices: devices, lights: Lights(tree, devices)), loop)
    } catch {
        log("no drivers: the device tree is refused: \(error.cause.message)", .error)
        serve(NoTree(), loop)
    }
}

/// The encoded manifest, from the root task; empty where it cannot be had.
private func readManifest() -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
        var span = piece.mutableSpan
        guard
            let part = try? DriversClient().manifest(
                from: UInt64(bytes.count), into: &span, by: .never)
        else { return [] }
        bytes += piece[..<min(Int(part.bytes), piece.count)]
        if part.bytes == 0 || UInt64(bytes.count) >= part.whole { return bytes }
    }
}

/// What requests are answered from: all of it is found once, so that no request costs a walk
/// of the tree.
private struct Answers: DevicesServer, ServiceTask {
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

    mutating func tree(
        from position: UInt64, into text: borrowing LentForWriting<UInt8>, _ client: ClientBadge
    ) throws(DevicesError) -> TextPiece {
        try piece(isTree: true, position, text, client)
    }
    mutating func list(
        from position: UInt64, into text: borrowing LentForWriting<UInt8>, _ client: ClientBadge
    ) throws(DevicesError) -> TextPiece {
        try piece(isTree: false, position, text, client)
    }
    private mutating func piece(
        isTree: Bool, _ position: UInt64, _ text: borrowing LentForWriting<UInt8>,
        _ client: ClientBadge
    ) throws(DevicesError) -> TextPiece {
        if text.count < DevicesError.pieceBytes { throw .memory }
        let (bytes, isLast) = try listings.piece(
            isTree: isTree, from: position, of: client.task, tree, devices)
        try write(bytes.span, to: text)
        return TextPiece(bytes: UInt32(bytes.count), isLast: isLast)
    }

    mutating func commandLine(
        from start: UInt64, into text: borrowing LentForWriting<UInt8>, _ client: ClientBadge
    ) throws(DevicesError) -> CommandLinePart {
        let start = Int(min(start, UInt64(commandLength)))
        let count = min(commandLength - start, text.count, DevicesError.pieceBytes)
        if let line = commandLine, count > 0 {
            // Safety: the tree is there for good, and the part within the property.
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: line.bytes[start..<start + count])
            try write(unsafe bytes.bindMemory(to: UInt8.self).span, to: text)
        }
        return CommandLinePart(bytes: UInt32(count), whole: UInt64(commandLength))
    }

    mutating func light(_ index: UInt8, _ client: ClientBadge) throws(DevicesError) -> Light {
        guard let light = lights.light(Int(index)) else { throw .noSuchLight }
        return light
    }

    /// Copies into the memory that the caller lent: it may be read-only, or not mapped.
    private func write(
        _ bytes: Span<UInt8>, to text: borrowing LentForWriting<UInt8>
    ) throws(DevicesError) {
        do throws(KernelError) { try text.write(bytes) } catch { throw .memory }
    }

    mutating func forgetCallers() {}
    mutating func perform(_ request: Received, _ loop: inout Server) {
        DevicesInterface.perform(request, for: &self, &loop)
    }
}

/// Where the device tree was refused: nothing is known.
private struct NoTree: DevicesServer, ServiceTask {
    mutating func tree(
        from position: UInt64, into text: borrowing LentForWriting<UInt8>, _ client: ClientBadge
    ) throws(DevicesError) -> TextPiece { throw .noTree }
    mutating func list(
        from position: UInt64, into text: borrowing LentForWriting<UInt8>, _ client: ClientBadge
    ) throws(DevicesError) -> TextPiece { throw .noTree }
    mutating func commandLine(
        from start: UInt64, into text: borrowing LentForWriting<UInt8>, _ client: ClientBadge
    ) throws(DevicesError) -> CommandLinePart { throw .noTree }
    mutating func light(_ index: UInt8, _ client: ClientBadge) throws(DevicesError) -> Light {
        throw .noTree
    }
    mutating func forgetCallers() {}
    mutating func perform(_ request: Received, _ loop: inout Server) {
        DevicesInterface.perform(request, for: &self, &loop)
    }
}
