// Boot: what is wrong with the device tree, in words: the cause, the node and its property, and what a person can do.

import AArch64
import CAArch64
import DeviceTree

extension BootState {
    /// The kernel cannot run on this tree.
    ///
    /// - Parameter tree: where it could be read.
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

    /// The console's node is wrong: the rest may still run, and says so where a console is likely to be.
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
            console.write(", at /")
            var isFirst = true
            unsafe node.eachName { name in
                if !isFirst { console.write("/") }
                unsafe console.write(printable: name)
                isFirst = false
            }
            if error.property != .none {
                console.write(", property ")
                console.write(error.property.name)
            }
        }
        console.endLine()
    }
}
