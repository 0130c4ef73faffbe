// What hangs on pins, from the tree: keys and lights (Linux bindings, gpio-keys.yaml and
// leds-gpio.yaml).

import DeviceTree
import Protocols
import ServiceCores
import UserRuntime

extension DeviceTree {
    /// Calls `body` with each enabled child of the enabled nodes of `kind` that names a pin. A
    /// child whose pin leads to no bank is logged. So is, behind `tooMany`, the child after `most`
    /// of them, which ends the search.
    ///
    /// - Complexity: O(nodes), and what `DevicePins` takes for each of the children.
    func eachPin(
        of kind: StaticString, atMost most: Int, _ tooMany: StaticString,
        _ body: (_ node: DeviceNode, _ pin: DevicePin) -> Void
    ) {
        var pins = DevicePins(of: self)
        var count = 0
        var depth = 0
        var node: DeviceNode? = root
        while let current = node {
            node = self.node(after: current, depth: &depth)
            guard let parent = current.parent, parent.isCompatible(kind), parent.isEnabled,
                current.isEnabled, current.property("gpios") != nil
            else { continue }
            if count == most {
                log("\(tooMany)", .warning)
                return logPlace(of: current)
            }
            count += 1
            if let pin = pins.pin(of: current) {
                body(current, pin)
            } else {
                log("a pin leads to no bank (see gpios, and gpio-map on the way):", .warning)
                logPlace(of: current)
            }
        }
    }
}
