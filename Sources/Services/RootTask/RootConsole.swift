// The root task's voice before there is a driver: lines on the kernel's console.

import Interfaces
import KernelABI
import ServiceCores
import UserRuntime

struct RootConsole {
    let control = SystemControl(RootSlot.systemControl)

    func line(_ build: (inout Text) -> Void) {
        var text = Text("root: ")
        build(&text)
        text.newLine()
        unsafe text.bytes.withUnsafeBytes { unsafe control.write($0) }
    }
}
