import KernelABI
import UserRuntime
@c(TargetTests_main) func main(_ information: UInt) -> Int32 {
    let s = SystemControl(RootSlot.systemControl)
    s.write("ok 1 - smoke\n")
    s.write("swiftlet-tests: 1 passed, 0 failed\n")
    try? s.powerOff(status: 0)
    return 0
}
