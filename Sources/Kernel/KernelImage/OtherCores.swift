// The other cores: they wait until the scheduler gives them threads, and stop when they are told.

import CAArch64
import HardwareInterface
import KernelCore
import PlatformDrivers

/// The machine as this core uses it, at the start of its block. Not the first core's, whose block
/// starts with the kernel's state.
private var ownMachine: Ref<Machine> {
    // Safety: the block of this core is mapped, and `placeMachine` initialised its start.
    unsafe Ref(
        UnsafeMutableRawPointer(
            bitPattern: UInt(swiftlet_core_block(swiftlet_read_core_number()))
        ).unsafelyUnwrapped.assumingMemoryBound(to: Machine.self))
}

/// Initialises the machine of this core.
///
/// - Context: boot, once on each core but the first.
@inline(__always) func placeMachine(_ machine: Machine) {
    // Safety: the start of the block is zeroed and has no other user.
    unsafe ownMachine.raw.bindMemory(to: Machine.self, capacity: 1).initialize(to: machine)
}

/// Handles an interrupt of an idle core.
@c(swiftlet_core_interrupt)
func coreInterrupt() {
    let machine = ownMachine
    guard case .line(let line) = machine.pointee.takeInterrupt() else { return }
    takeSoftware(line)
    machine.pointee.open(line: line)
}

/// Stops this core for good if the line is the software interrupt that says so.
@inline(__always) func takeSoftware(_ line: Int) {
    if line & 1023 == SoftwareInterrupt.stop.rawValue { swiftlet_halt() }
}

/// Stops all other cores. Each does so when it next takes an interrupt.
func stopOtherCores() {
    let own = swiftlet_read_core_number()
    let count = swiftlet_count_of_cores()
    var number: UInt64 = 0
    var rounds = LoopBound(8)
    while number < count {
        rounds.count()
        if number != own { kernelState.pointee.hardware.send(.stop, to: number) }
        number += 1
    }
}
