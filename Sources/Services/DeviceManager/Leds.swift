// The board's lights, from the tree (Linux bindings, leds-gpio.yaml): which pin of which bank each hangs on.

import DeviceTree
import Protocols
import ServiceCores
import UserRuntime

/// The reply to `DevicesRequest.led`.
func describeLed(_ index: UInt64, _ tree: DeviceTree, _ devices: Devices) -> RegisterMessage {
    var remaining = index
    var depth = 0
    var node: DeviceNode? = tree.root
    while let current = node {
        node = tree.node(after: current, depth: &depth)
        guard let parent = current.parent, parent.isCompatible("gpio-leds"), parent.isEnabled, current.isEnabled,
            let pins = current.property("gpios"), let phandle = pins.word(0), let pin = pins.word(1),
            let bank = tree.node(phandle: phandle)
        else { continue }
        if remaining > 0 {
            remaining -= 1
            continue
        }
        var bankName = unsafe copy(bank.name)
        let instance = devices.instance(of: bankName)
        if instance == nil, let compatible = bank.property("compatible") { bankName = unsafe copy(compatible.string) }
        let driverless =
            bank.isCompatible("raspberrypi,firmware-gpio") ? DevicesRequest.firmware : DevicesRequest.noDriver
        var message = RegisterMessage(
            0, instance.map { UInt64($0) } ?? driverless, UInt64(pin), UInt64(pins.word(2) ?? 0) & 1)
        let label = unsafe current.property("label").map { unsafe copy($0.string) } ?? copy(current.name)
        message.setName(shortened(label), at: 4)
        message.setName(shortened(bankName), at: 8)
        return message
    }
    return RegisterMessage(1)
}

private func shortened(_ bytes: [UInt8]) -> Name {
    Name(bytes: bytes.span.extracting(0..<min(bytes.count, Name.capacity))) ?? .empty
}
