// Boot: reports an error of the device tree: the cause, the node, its property and the remedy.

import AArch64
import CAArch64
import DeviceTree

extension BootState {
    /// Reports that the kernel cannot run on this tree, and halts.
    ///
    /// - Parameter tree: the tree, if it could be read.
    static func refuse(_ error: DeviceTreeError, _ tree: DeviceTree?, _ map: inout KernelMap)
        -> Never
    {
        if swiftlet_console_kind() == 0 { ConsoleProbe.findConsole(&map) }
        let console = KernelConsole.noted
        console.write("swiftlet: kernel panic: ")
        describe(error, tree, console)
        console.write("swiftlet: ")
        console.write(error.cause.remedy)
        console.endLine()
        halt(console)
    }

    /// Reports an error of the console's node on a console that the probe finds. Boot continues.
    static func warn(_ error: DeviceTreeError, _ tree: DeviceTree, _ map: inout KernelMap) {
        ConsoleProbe.findConsole(&map)
        let console = KernelConsole.noted
        console.write("swiftlet: no console: ")
        describe(error, tree, console)
    }

    private static func describe(
        _ error: DeviceTreeError, _ tree: DeviceTree?, _ console: KernelConsole
    ) {
        console.write(error.cause.message)
        if let node = tree?.node(at: error.node) {
            console.write(", at ")
            write(node, console)
            if error.property != .none {
                console.write(", property ")
                console.write(error.property.name)
            }
        }
        console.endLine()
    }

    /// Writes a node's path.
    static func write(_ node: DeviceNode, _ console: KernelConsole) {
        if node.offset == 0 { console.write("/") }
        unsafe node.eachName { name in
            console.write("/")
            unsafe console.write(printable: name)
        }
    }
}
