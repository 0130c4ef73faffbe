// The board's lights, from the tree (Linux bindings, leds-gpio.yaml): which pin of which bank
// each hangs on.

import DeviceTree
import Protocols
import ServiceCores
import UserRuntime

struct Lights {
    private struct Light {
        var node: Int32
        var bank: Int32
        /// Which driver of pins, or `DevicesRequest.firmware` or `noDriver`.
        var driver: UInt64
        var pin: UInt32
        var isActiveLow: Bool
    }
    /// Found once: a request costs the same for each.
    private var lights: [Light] = []

    init(_ tree: DeviceTree, _ devices: Devices) {
        let tooMany: StaticString =
            "the device tree has more than 64 lights; what follows is left out:"
        let most = Int(DevicesRequest.maximumLights)
        tree.eachPin(of: "gpio-leds", atMost: most, tooMany) { node, pin in
            let bank = pin.bank
            let driverless =
                bank.isCompatible("raspberrypi,firmware-gpio")
                ? DevicesRequest.firmware : DevicesRequest.noDriver
            lights.append(
                Light(
                    node: node.offset, bank: bank.offset,
                    driver: devices.instance(at: bank.offset).map { UInt64($0) } ?? driverless,
                    pin: pin.pin, isActiveLow: pin.isActiveLow))
        }
    }

    /// Answers `DevicesRequest.led`.
    func reply(_ index: UInt64, _ tree: DeviceTree, _ server: inout Server) {
        guard index < UInt64(lights.count) else { return server.reply(RegisterMessage(1)) }
        let light = lights[Int(index)]
        let node = tree.node(found: light.node)
        let bank = tree.node(found: light.bank)
        var bankName = unsafe copy(bank.name)
        if light.driver == DevicesRequest.firmware || light.driver == DevicesRequest.noDriver,
            let compatible = bank.property("compatible")
        {
            bankName = unsafe copy(compatible.string)
        }
        var message = LongMessage(
            RegisterMessage(0, light.driver, UInt64(light.pin), light.isActiveLow ? 1 : 0))
        let label = unsafe node.property("label").map { unsafe copy($0.string) } ?? copy(node.name)
        message.setName(shortened(label), at: 4)
        message.setName(shortened(bankName), at: 8)
        server.reply(&message)
    }
}

private func shortened(_ bytes: [UInt8]) -> Name {
    Name(bytes: bytes.span.extracting(0..<min(bytes.count, Name.capacity))) ?? .empty
}
