// Pins that the tree gives to devices: no client may use them. They are those of the enabled
// devices' first pin states (Linux bindings, pinctrl-bindings.txt and brcm,bcm2835-gpio.txt), and
// those that devices name for themselves, such as a card's detection. A light's pin is not among
// them: people set it.

import DeviceTree
import Protocols
import ServiceCores
import UserRuntime

struct ReservedPins {
    private var banks: [(node: Int32, pins: UInt64)] = []
    /// The tree names more pins than are looked at: all pins are reserved.
    private var isIncomplete = false

    /// - Complexity: O(nodes), and a search of the tree for each state and each pin that a node
    ///   names, 1,024 at most of both.
    init(_ tree: DeviceTree) {
        var pins = DevicePins(of: tree)
        var searches = 1024
        var depth = 0
        var node: DeviceNode? = tree.root
        while let current = node {
            node = tree.node(after: current, depth: &depth)
            if !current.isEnabled { continue }
            reserveStates(of: current, &searches)
            for property: StaticString in ReservedPins.properties {
                guard let pin = pins.pin(of: current, property) else { continue }
                reserve(pin.pin, of: pin.bank)
            }
            if pins.isExhausted { isIncomplete = true }
            if isIncomplete {
                log(
                    "the device tree names too many pins of devices: no client gets a pin",
                    .warning)
                logPlace(of: current)
                return
            }
        }
    }

    /// Reserves the pins of a node's first states.
    private mutating func reserveStates(of node: DeviceNode, _ searches: inout Int) {
        guard let states = node.property("pinctrl-0") else { return }
        for index in 0..<states.count / 4 {
            if searches == 0 { isIncomplete = true }
            if isIncomplete { return }
            searches -= 1
            guard let state = states.word(index).flatMap({ node.tree.node(phandle: $0) })
            else { continue }
            reserve(state)
        }
    }

    /// Properties by which a device names a pin of its own.
    private static var properties: [StaticString] {
        [
            "cd-gpios", "wp-gpios", "reset-gpios", "enable-gpios", "enable-gpio",
            "shutdown-gpios", "powerdown-gpios", "interrupt-gpios", "gpio",
        ]
    }

    /// Reserves the pins that a state lists: `brcm,pins`.
    private mutating func reserve(_ state: DeviceNode) {
        guard let list = state.property("brcm,pins"), let bank = state.parent else { return }
        // No bank has more pins.
        if list.count / 4 > 64 { isIncomplete = true }
        for index in 0..<min(list.count / 4, 64) {
            if let pin = list.word(index) { reserve(pin, of: bank) }
        }
    }
    private mutating func reserve(_ pin: UInt32, of bank: DeviceNode) {
        if pin >= 64 { return }
        if let index = banks.firstIndex(where: { $0.node == bank.offset }) {
            banks[index].pins |= 1 << UInt64(pin)
        } else {
            banks.append((bank.offset, 1 << UInt64(pin)))
        }
    }

    /// The reserved pins of a bank, a bit each.
    func pins(of bank: DeviceNode) -> UInt64 {
        isIncomplete ? .max : banks.first { $0.node == bank.offset }?.pins ?? 0
    }
}
