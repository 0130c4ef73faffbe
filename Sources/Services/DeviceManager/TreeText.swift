// The device tree as text, in the form of its source language. Values are printed by what they look like: strings when all
// bytes can be printed, cells when the length is a multiple of four, else bytes.

import DeviceTree
import ServiceCores

/// Writes the tree, as far as this task's heap has room for it.
func describe(_ tree: DeviceTree, _ text: inout Text) {
    describe(tree.root, depth: 0, &text)
    if text.bytes.count < longestText { return }
    text.add("the rest of the tree is left out")
    text.newLine()
}

/// Bytes of text at which no further node is begun, and of a property's value that is shown: with both, the text stays below
/// 128 KiB, of which the heap holds two at a time while it grows.
private let longestText = 72 << 10
private let longestValue = 1024

private func indent(_ depth: Int, _ text: inout Text) {
    for _ in 0..<depth { text.add("  ") }
}

/// - Precondition: `depth` counts from the root; deeper than the reader's limit nothing is shown.
private func describe(_ node: DeviceNode, depth: Int, _ text: inout Text) {
    if depth > DeviceNode.maximumDepth || text.bytes.count >= longestText { return }
    indent(depth, &text)
    if depth == 0 { text.add("/") } else { text.add(unsafe copy(node.name)) }
    text.add(" {")
    text.newLine()
    for name in shownProperties {
        guard let property = node.property(name) else { continue }
        indent(depth + 1, &text)
        text.add(name)
        if property.count > 0 {
            text.add(" = ")
            describe(property, &text)
        }
        text.add(";")
        text.newLine()
    }
    var child = node.firstChild
    while let current = child {
        describe(current, depth: depth + 1, &text)
        child = current.nextSibling
    }
    indent(depth, &text)
    text.add("};")
    text.newLine()
}

/// The properties that say what a device is and where.
private let shownProperties: [StaticString] = [
    "compatible", "model", "status", "device_type", "reg", "ranges", "interrupts",
    "interrupts-extended", "interrupt-names", "interrupt-parent", "interrupt-map",
    "interrupt-map-mask", "interrupt-controller", "clock-frequency", "gpios", "linux,code",
    "method", "enable-method", "bootargs", "stdout-path",
]

private func describe(_ property: DeviceProperty, _ text: inout Text) {
    if property.count > longestValue { return text.add("(too long to show)") }
    let bytes = unsafe property.bytes
    if unsafe isText(bytes) {
        text.add("\"")
        for index in 0..<(bytes.count - 1) {
            if unsafe bytes[index] == 0 { text.add("\", \"") } else { text.add(byte: unsafe bytes[index]) }
        }
        text.add("\"")
        return
    }
    text.add("<")
    var index = 0
    while let word = property.word(index) {
        if index > 0 { text.add(" ") }
        text.hexadecimal(UInt64(word))
        index += 1
    }
    text.add(">")
}

private func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if unsafe bytes.count < 2 || bytes[bytes.count - 1] != 0 || bytes[0] == 0 { return false }
    for index in 0..<bytes.count {
        let byte = unsafe bytes[index]
        if byte != 0 && (byte < 32 || byte > 126) { return false }
    }
    return true
}
