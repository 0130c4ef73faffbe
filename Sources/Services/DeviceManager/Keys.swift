// The board's keys, from the tree (Linux bindings, gpio-keys.yaml). The driver of a bank learns
// of its keys when it is started, before it answers anybody: no client takes the power key's
// pin first.

import DeviceTree
import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

struct Keys {
    private struct Key {
        /// The nodes of the key and of its bank.
        var node: Int32
        var bank: Int32
        var key: PinKey
    }
    private var keys: [Key] = []

    init(_ tree: DeviceTree) {
        let tooMany: StaticString =
            "the device tree has more than 256 keys; what follows is left out:"
        tree.eachPin(of: "gpio-keys", atMost: 256, tooMany) { node, pin in
            guard let code = node.property("linux,code")?.word(0) else { return }
            // Of a key that is low while it is pressed, the press is the falling edge.
            let key = PinKey(pin: pin.pin, code: code, isFalling: pin.isActiveLow)
            keys.append(Key(node: node.offset, bank: pin.bank.offset, key: key))
        }
    }

    /// What the driver of the bank at `bank` is told: its reserved pins, and then its keys; those
    /// beyond `DriverRequest.maximumParameters` are left out. Nothing if it has neither.
    func parameters(of bank: DeviceNode, _ reserved: ReservedPins) -> [UInt64] {
        var words = [reserved.pins(of: bank)]
        for key in keys
        where key.bank == bank.offset && words.count < DriverRequest.maximumParameters {
            words.append(key.key.word)
        }
        return words == [0] ? [] : words
    }

    /// Looks whether each key of a bank with a driver became one, and says which did not.
    func check(_ tree: DeviceTree, _ devices: Devices) {
        let bankSlot = ScratchSlot(StartSlot.firstFree)
        for key in keys {
            guard let instance = devices.instance(at: key.bank) else { continue }
            let isWatched = bankSlot.use { slot in
                let gpio = try? GPIOClient(
                    finding: slot, instance: UInt8(truncatingIfNeeded: instance))
                guard let state = try? gpio?.state(by: .after(milliseconds: 500)),
                    key.key.pin < 64
                else { return false }
                return state.watched >> UInt64(key.key.pin) & 1 == 1
            }
            if isWatched { continue }
            log("a key is not watched: its bank has no such pin, or does not answer", .warning)
            if let node = tree.node(at: key.node) { logPlace(of: node) }
        }
    }
}
