// The first thread: the assembly enters here after boot to choose it, as an entry does for any
// other reason.

import CAArch64
import KernelCore

@c(swiftlet_first_exit)
func firstExit() -> UnsafeMutableRawPointer? { unsafe kernelState.pointee.start()?.raw }
@c(swiftlet_shared_first_exit)
func sharedFirstExit() -> UnsafeMutableRawPointer? {
    waitForLock(-1)
    return unsafe SeveralCores.settled(kernelState.pointee.start())?.raw
}
