// The board's lights, from the tree (Linux bindings, leds-gpio.yaml): which pin of which bank
// each hangs on.

import DeviceTree
import Interfaces

struct Lights {
    /// Found once: a request costs the same for each.
    private var lights: [Light] = []

    init(_ tree: DeviceTree, _ devices: Devices) {
        let tooMany: StaticString =
            "the device tree has more than 64 lights; what follows is left out:"
        let most = Int(DevicesError.maximumLights)
        tree.eachPin(of: "gpio-leds", atMost: most, tooMany) { node, pin in
            let bank = pin.bank
            let driver = devices.instance(at: bank.offset).flatMap { UInt16(exactly: $0) }
            let holder: PinHolder =
                driver != nil
                ? .driver : bank.isCompatible("raspberrypi,firmware-gpio") ? .firmware : .none
            var bankName = unsafe copy(bank.name)
            if driver == nil, let compatible = bank.property("compatible") {
                bankName = unsafe copy(compatible.string)
            }
            let label =
                unsafe node.property("label").map { unsafe copy($0.string) } ?? copy(node.name)
            lights.append(
                Light(
                    name: FixedString(cleaning: label.span), pin: pin.pin,
                    isActiveLow: pin.isActiveLow, holder: holder, driver: driver ?? 0,
                    bank: FixedString(cleaning: bankName.span)))
        }
    }

    /// Describes a light; nil behind the last.
    func light(_ index: Int) -> Light? { index < lights.count ? lights[index] : nil }
}
