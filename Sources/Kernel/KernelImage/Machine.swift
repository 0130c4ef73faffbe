// The composed machine: this processor and this board's drivers implement `Hardware` for the kernel
// core.

import AArch64
import CAArch64
import DeviceTree
import HardwareInterface
import KernelABI
import KernelLock
import MMIO
import PlatformDrivers

struct Machine: Hardware {
    typealias Controller = AnyInterruptController<MMIORegisters, CoreGICRegisters>
    private var controller: Controller
    /// Where the controller's first registers are mapped, and the size of the second range.
    private let registers: (address: UInt64, interfaceBytes: UInt64)
    let console: KernelConsole
    let power: PowerMethod
    /// The virtual timer's line.
    let timerLine: Int
    let lineCount: Int
    let hasCycleCounter: Bool
    let asidBits: Int

    init(
        controller: Controller, registers: (address: UInt64, interfaceBytes: UInt64),
        console: KernelConsole, power: PowerMethod, timerLine: Int, processor: Processor
    ) {
        self.controller = controller
        self.registers = registers
        self.console = console
        self.power = power
        self.timerLine = timerLine
        lineCount = min(controller.lineCount, Limits.interruptLines)
        hasCycleCounter = processor.hasCycleCounter
        asidBits = processor.asidBits
    }

    // Time

    @inline(__always) var now: Instant { Instant(ticks: GenericTimer.now) }
    mutating func setDeadline(_ instant: Instant) {
        if instant == .never { GenericTimer.off() } else { GenericTimer.set(instant.ticks) }
    }
    var cycles: UInt64 { hasCycleCounter ? swiftlet_read_cycle_counter() : swiftlet_read_counter() }

    // Interrupts

    /// Tests ISR_EL1.I alone: the kernel takes no other pending exception, so none would end it.
    @inline(__always) var interruptPending: Bool { swiftlet_read_isr() & 1 << 7 != 0 }
    @inline(__always) mutating func strayExceptions(
        isShared: Bool
    ) -> (fastInterrupts: UInt64, systemErrors: UInt64) {
        var sum = (
            fastInterrupts: swiftlet_fast_interrupt_count(0),
            systemErrors: swiftlet_system_error_count(0)
        )
        if !isShared { return sum }
        let count = swiftlet_count_of_cores()
        var number: UInt64 = 1
        var rounds = LoopBound(8)
        while number < count {
            rounds.count()
            sum.fastInterrupts &+= swiftlet_fast_interrupt_count(number)
            sum.systemErrors &+= swiftlet_system_error_count(number)
            number += 1
        }
        return sum
    }
    /// Refuses the timer's line, and lines 0 to 15, which are software interrupts. With several
    /// cores it refuses the other private lines too, which each core has of its own.
    func isAssignable(line: Int) -> Bool {
        let first = swiftlet_count_of_cores() > 1 ? 32 : 16
        return line >= first && line < lineCount && line != timerLine
    }
    mutating func enable(line: Int, trigger: Trigger) {
        swiftlet_want(UInt64(truncatingIfNeeded: line), true)
        controller.enable(line: line, trigger: trigger)
    }
    mutating func disable(line: Int) {
        swiftlet_want(UInt64(truncatingIfNeeded: line), false)
        controller.disable(line: line)
    }
    @inline(__always) mutating func open(line: Int) {
        if case .bcm2836(let controller) = controller { return unmask(line, controller) }
        controller.open(line: line)
    }
    @inline(never) private mutating func unmask(_ line: Int, _ controller: BCM2836<MMIORegisters>) {
        if swiftlet_is_wanted(UInt64(truncatingIfNeeded: line)) { controller.open(line: line) }
    }

    /// Software interrupts, lines 0 to 15, stay unmasked for the next one; the one that says stop
    /// does not return.
    @inline(never) mutating func dismiss(line: Int) {
        takeStop(line)
        if line & 1023 >= 16 { disable(line: line) }
        open(line: line)
    }

    @inline(__always) func takeInterrupt() -> TakenInterrupt {
        controller.take(timerLine: timerLine)
    }

    // Cores

    /// This core, as its controller names it.
    var target: CoreTarget { controller.target }
    /// Raises a software interrupt on another core, which then sees all that was written before.
    mutating func send(_ interrupt: SoftwareInterrupt, to core: UInt64) {
        swiftlet_publish()
        controller.send(interrupt, to: CoreTarget(swiftlet_target_of_core(core)))
    }
    /// Makes this value another core's, which calls it.
    ///
    /// - Parameter affinity: MPIDR_EL1 of that core.
    /// - Returns: false if the interrupt controller has no part for it.
    @inline(__always) mutating func initializeCore(_ affinity: UInt64) -> Bool {
        switch controller {
        case .gicv2(var own):
            own.initializeCore()
            controller = .gicv2(own)
        case .gicv3(var own):
            let size = registers.interfaceBytes
            if !own.initializeCore(affinity: affinity, size: size) { return false }
            controller = .gicv3(own)
        case .bcm2836(var own):
            let number = affinity & 0xff
            let words = MMIORegisters(address: registers.address + 4 * number)
            if !own.initializeCore(Int(number), own: words) { return false }
            controller = .bcm2836(own)
        }
        return true
    }
    /// Has a core start that waits at its mailbox.
    ///
    /// - Returns: false if the interrupt controller has none.
    @inline(__always) func startCore(_ affinity: UInt64, entry: UInt64) -> Bool {
        guard case .bcm2836(let controller) = controller, affinity < 4 else { return false }
        controller.startCore(CoreTarget(affinity), entry: UInt32(truncatingIfNeeded: entry))
        return true
    }
    /// Each core finds its own state at the same address.
    @inline(__always) static func coreState(
        _ known: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer { unsafe swiftlet_kernel_core_address() }
    @inline(never) mutating func interrupt(core number: Int) {
        send(.look, to: UInt64(truncatingIfNeeded: number))
    }
    @inline(never) func isWanted(above priority: Int) -> Bool {
        ownLock.isWanted(above: max(Urgency(ofCore: priority), pendingUrgency()))
    }
    @inline(__always) func isOvertaken(at priority: Int) -> Bool {
        ownLock.isWanted(above: Urgency(ofCore: priority))
    }
    @inline(never) func shouldPass(before priority: Int) -> Bool {
        ownLock.shouldPass(before: Urgency(ofCore: priority))
    }
    @inline(never) mutating func setUrgency(_ priority: UInt8, ofLine line: Int) {
        swiftlet_set_line_urgency(UInt64(truncatingIfNeeded: line), priority)
        controller.setUrgency(priority, ofLine: line)
    }
    @inline(never) mutating func route(line: Int, to core: Int) {
        let target = swiftlet_target_of_core(UInt64(truncatingIfNeeded: core))
        controller.route(line: line, to: CoreTarget(target))
    }
    /// The line of the pending interrupt that is taken next; nil if there is none.
    @inline(__always) func peek() -> Int? { controller.peek() }
    /// Takes the pending software interrupt, which hides all lines; nil where it hides none.
    @inline(__always) func takeSoftware() -> Int? { controller.takeSoftware() }
    /// Whether that is the most urgent line.
    @inline(__always) var hasUrgencies: Bool { controller.hasUrgencies }

    // Memory

    @inline(__always) func kernelAddress(physical: UInt64) -> UnsafeMutableRawPointer {
        unsafe KernelLayout.pointer(physical)
    }
    @inline(__always) func physicalAddress(kernel: UnsafeMutableRawPointer) -> UInt64 {
        UInt64(UInt(bitPattern: kernel)) &- KernelLayout.linearBase
    }
    func zero(_ start: UnsafeMutableRawPointer, bytes: Int) {
        unsafe swiftlet_zero(start, UInt64(truncatingIfNeeded: bytes))
    }
    func maintainCache(_ operation: CacheOperation, _ start: UnsafeMutableRawPointer, bytes: Int) {
        let length = UInt64(truncatingIfNeeded: bytes)
        switch operation {
        case .clean, .cleanAndInvalidate: unsafe swiftlet_cache_clean(start, length)
        case .unifyInstructions: unsafe swiftlet_cache_unify(start, length)
        }
    }

    func replace(_ old: UInt32, by new: UInt32, at word: UnsafeMutablePointer<UInt32>) -> Bool {
        unsafe swiftlet_replace(word, old, new)
    }
    func release(_ value: UInt32, at word: UnsafeMutablePointer<UInt32>) {
        unsafe swiftlet_store_release(word, value)
    }

    func readRegister(_ address: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: swiftlet_probe(address))
    }
    func writeRegister(_ address: UInt64, _ value: UInt32) {
        swiftlet_probe_write(address, UInt64(value))
    }

    // Address spaces

    @inline(__always) func translationBase(rootTable physical: UInt64, asid: UInt16) -> UInt64 {
        Translation.base(rootTable: physical, asid: asid)
    }
    func activate(translationBase: UInt64) { Translation.activate(translationBase) }
    @inline(__always) func orderLoads() { swiftlet_order_loads() }
    @inline(__always) func orderStores() { swiftlet_order_stores() }
    func publishTableEntry() { Translation.publish() }
    func isMapped(_ address: UInt64) -> Bool { swiftlet_translate(address) & 1 == 0 }
    func invalidate(page: UInt64, asid: UInt16) { Translation.invalidate(page: page, asid: asid) }
    func invalidate(asid: UInt16) { Translation.invalidate(asid: asid) }

    // Floating point

    func setFloatingPoint(enabled: Bool) { FloatingPoint.set(enabled: enabled) }
    func switchFloatingPoint(from old: UnsafeMutableRawPointer?, to new: UnsafeMutableRawPointer?) {
        unsafe swiftlet_switch_floating_point(old, new)
    }

    // Machine

    func writeConsole(_ byte: UInt8) { console.write(byte) }
    func offerConsole(_ byte: UInt8) -> Bool { console.offer(byte) }
    func powerOff(status: UInt64) {
        stopOtherCores()
        console.write("swiftlet: power off, status ")
        console.write(decimal: status)
        console.endLine()
        power.switchOff(CoreFirmware())
        stayOn()
    }
    func reboot() {
        stopOtherCores()
        console.write("swiftlet: reboot")
        console.endLine()
        power.reset(CoreFirmware())
        stayOn()
    }
    /// Halts: the firmware returned, or there is none.
    private func stayOn() -> Never {
        console.write("swiftlet: the firmware cannot do that")
        console.endLine()
        halt(console)
    }
}
