// The on-target tests: a root task that exercises the real kernel through its system calls, and
// then switches off.
//
// `test=NAME` on the command line runs one test, `test=ipc.` those whose names start so, `test=all`
// all. `seed=NUMBER` is where random numbers start. `clock=instructions` says that the clock
// advances by instructions (QEMU's `-icount shift=0`); without it, the tests that count
// instructions are skipped.
// Each test gets memory of its own, which is reclaimed behind it: so every test also tests that.

import KernelABI
import UserRuntime

@c(TargetTests_main) func runTests(_ information: UInt) -> Int32 {
    guard let boot = unsafe UnsafePointer<BootInformation>(bitPattern: information) else {
        return 1
    }
    var runner = unsafe Runner(boot: boot)
    versionTests(&runner)
    unsafe bootTests(&runner, boot)
    registerTests(&runner)
    memoryTests(&runner)
    lockTests(&runner)
    deviceRegisterTests(&runner)
    errorTests(&runner)
    capabilityTests(&runner)
    untypedTests(&runner)
    addressSpaceTests(&runner)
    asidPoolTests(&runner)
    threadTests(&runner)
    threadLocalTests(&runner)
    startedThreadTests(&runner)
    joinTests(&runner)
    startedThreadFaultTests(&runner)
    ipcTests(&runner)
    ipcErrorTests(&runner)
    messageTests(&runner)
    loanTests(&runner)
    notificationTests(&runner)
    timerTests(&runner)
    interruptTests(&runner)
    inheritanceTests(&runner)
    chainCutTests(&runner)
    mutexTests(&runner)
    semaphoreTests(&runner)
    queueTests(&runner)
    periodicTests(&runner)
    revocationTests(&runner)
    schedulingTests(&runner)
    coresTests(&runner)
    coresLineTests(&runner)
    budgetTests(&runner)
    faultTests(&runner)
    floatingPointTests(&runner)
    lifeCycleTests(&runner)
    systemTests(&runner)
    fuzzTests(&runner)
    runner.finish()
    return 0
}
