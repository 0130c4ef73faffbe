// What hangs on pins, from the tree: keys and lights (Linux bindings, gpio-keys.yaml and leds-gpio.yaml).

import DeviceTree
import ServiceCores
import UserRuntime

extension DeviceTree {
    /// Calls `body` with each enabled child of the enabled nodes of `kind` that names a pin: the child, the pin's bank, the
    /// pin, and whether low means on. The child after `most` of them is logged behind `tooMany`, and ends the search.
    ///
    /// - Complexity: O(nodes), and for each of the children, with a bank or without, as much again for its bank.
    func eachPin(
        of kind: StaticString, atMost most: Int, _ tooMany: StaticString,
        _ body: (_ node: DeviceNode, _ bank: DeviceNode, _ pin: UInt32, _ isActiveLow: Bool) -> Void
    ) {
        var count = 0
        var depth = 0
        var node: DeviceNode? = root
        while let current = node {
            node = self.node(after: current, depth: &depth)
            guard let parent = current.parent, parent.isCompatible(kind), parent.isEnabled, current.isEnabled,
                let pins = current.property("gpios"), let phandle = pins.word(0), let pin = pins.word(1)
            else { continue }
            if count == most {
                log(Text(tooMany).bytes.span)
                return logPlace(of: current)
            }
            count += 1
            if let bank = self.node(phandle: phandle) { body(current, bank, pin, (pins.word(2) ?? 0) & 1 != 0) }
        }
    }
}
