// The first thread: the assembly enters here when boot has left, as it enters for any other reason to choose a thread.

import CAArch64
import KernelCore

@c(swiftlet_first_exit)
func firstExit() -> UnsafeMutableRawPointer? { unsafe kernelState.pointee.start()?.raw }
