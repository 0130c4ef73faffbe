// A device's interrupt line: that of a PL011 which has sent a byte, so that its transmit interrupt
// stands; the store to its mask raises the line at once. The driver quiets it by the mask,
// acknowledges, and wakes its client, as drivers do.

import BenchmarkStatistics
import CBenchmark
import DeviceTree
import KernelABI
import UserRuntime

/// Byte offsets (Arm DDI 0183G, 3.2).
private enum Register {
    static let data: UInt64 = 0x00
    static let lineControl: UInt64 = 0x2c
    static let control: UInt64 = 0x30
    static let interruptMask: UInt64 = 0x38
    static let rawInterrupts: UInt64 = 0x3c
}

/// Where its interrupt mask is, the line that it raises, and its driver's binding.
struct Device {
    /// The transmit interrupt (3.3.10).
    static var transmitted: UInt64 { 1 << 5 }
    let mask: UInt64
    let line: Int
    /// What the binding is made from, the binding, and what it signals.
    let arena: Untyped
    let interrupt: Interrupt
    let notification: Notification
}

extension Bench {
    mutating func deviceRows() throws(KernelError) {
        if !needs("interrupt.device.") { return }
        try findDriver()
        guard let device else {
            return note("Not run for want of a PL011 that interrupts: interrupt.device.")
        }
        try setMain(100)
        for index in Part.all.indices { try deviceRow(Part.all[index], device) }
        if loads == nil { try sharedLineRow(device) }
        try setMain(254)
    }

    /// The device with its driver, where there is one; made when it is needed first.
    mutating func findDriver() throws(KernelError) {
        if device == nil { device = try startDevice() }
    }

    func deviceRow(
        _ part: Part, _ device: Device, _ condition: StaticString = "", lead: UInt64 = 0
    ) throws(KernelError) {
        if part.needsKernelStamp && !recordsMasked { return }
        var name = RowName("interrupt.device.")
        name.append(part.name)
        name.append(condition)
        try row(name) { () throws(KernelError) in interrupt(part, device, lead: lead) }
    }
    /// Raises the device's line, and waits until its driver has run.
    ///
    /// - Returns: the part's length; nil if the driver did not run.
    func interrupt(_ part: Part, _ device: Device, lead: UInt64 = 0) -> UInt64? {
        clearRings()
        _ = clock.loops.raise(device.mask, Shared.start, Device.transmitted)
        let start = bench_counter()
        while interruptsSeen == 0 {
            if bench_counter() &- start > patience { return nil }
            bench_relax()
        }
        return length(part, of: 0, cause: bench_load(Shared.start) &+ lead)
    }

    /// The same, while seven less urgent drivers share the line. The one that is measured was bound
    /// first: what comes to all is signalled to it last.
    private mutating func sharedLineRow(_ device: Device) throws(KernelError) {
        let name: StaticString = ".shared-by-8"
        if !selection.accepts(RowName("interrupt.device.to-driver", nil, name)) { return }
        let arena = Untyped(try make(.untyped, sizeBits: 12))
        for _ in 0..<7 {
            let (interrupt, notification) = try makeInterrupt(device.line, from: arena)
            _ = try start(
                120, in: otherSpace, clock.loops.driver, ControlWord(.wait, notification.slot).raw,
                Shared.client, 0,
                device.mask, ControlWord(invoke: .acknowledge, interrupt.slot).raw)
            try interrupt.bind(notification, bits: 1)
        }
        try deviceRow(.toDriver, device, name)
        try arena.reclaim()
    }
    mutating func makeInterrupt(
        _ line: Int, from memory: Untyped
    ) throws(KernelError) -> (Interrupt, Notification) {
        let interrupt = Interrupt(slot())
        try InterruptControl(RootSlot.interruptControl).create(
            line: line, .level, from: memory, index: interrupt.slot)
        return (interrupt, try makeNotification())
    }

    /// The driver's start: registers in both address spaces, the line bound. nil without
    /// such a device.
    private mutating func startDevice() throws(KernelError) -> Device? {
        guard let (base, line) = findDevice(), let frame = try deviceFrame(base) else { return nil }
        try mapInBoth(frame, at: Area.device)
        let mask = Area.device + Register.interruptMask
        bench_store32(mask, 0)
        if !sendByte() { return nil }
        let device = Device(
            mask: mask, line: line, arena: Untyped(try make(.untyped, sizeBits: 12)),
            interrupt: Interrupt(slot()), notification: try makeNotification())
        try startDriver(
            clock.loops, device.notification.slot, hasClient: true, register: mask,
            acknowledge: ControlWord(invoke: .acknowledge, device.interrupt.slot).raw)
        try bind(device)
        return device
    }
    /// The driver is told of the device's interrupts from here on, until the binding's memory is
    /// reclaimed.
    func bind(_ device: Device) throws(KernelError) {
        try InterruptControl(RootSlot.interruptControl).create(
            line: device.line, .level, from: device.arena, index: device.interrupt.slot)
        try device.interrupt.bind(device.notification, bits: 1)
    }

    /// Replaces the device's driver by a server of an endpoint on a core, which takes its line. The
    /// device's own binding is gone until `restoreDriver`.
    mutating func setDriver(of device: Device, on core: Int) throws(KernelError) {
        try device.arena.reclaim()
        let (interrupt, notification) = try makeInterrupt(device.line, from: device.arena)
        let endpoint = Endpoint(try make(.endpoint))
        bench_store(Shared.driverReply, UInt64(try make(.reply).index))
        self.core = core
        let driver = try start(
            255, in: otherSpace, clock.loops.driver, ControlWord(.receive, endpoint.slot).raw,
            Shared.driver, 0, device.mask, ControlWord(invoke: .acknowledge, interrupt.slot).raw)
        self.core = nil
        // The line is as urgent as the thread that the notification is bound to.
        try driver.bindNotification(notification)
        try interrupt.bind(notification, bits: 1)
    }
    func restoreDriver(of device: Device) throws(KernelError) {
        try device.arena.reclaim()
        try bind(device)
    }

    /// Send a line's end, without FIFO: the interrupt comes when it has gone. What the kernel wrote
    /// has gone before. Returns whether the interrupt stands.
    private func sendByte() -> Bool {
        let time = boot.counterFrequency / 100
        settle(ticks: time)
        bench_store32(Area.device + Register.lineControl, 0x60)
        bench_store32(Area.device + Register.control, 0x301)
        bench_store32(Area.device + Register.data, 10)
        settle(ticks: time)
        return UInt64(bench_load32(Area.device + Register.rawInterrupts)) & Device.transmitted != 0
    }

    /// Physical base and line of the first PL011 in the device tree.
    private func findDevice() -> (base: UInt64, line: Int)? {
        // Safety: the kernel mapped the tree there, for good, and says how long it is.
        guard let start = unsafe UnsafeRawPointer(bitPattern: UInt(boot.deviceTreeAddress)),
            let tree = unsafe try? DeviceTree(at: start, limit: Int(boot.deviceTreeSize))
        else { return nil }
        var depth = 0
        var node: DeviceNode? = tree.root
        while let current = node {
            if current.isEnabled, current.isCompatible("arm,pl011"),
                let range = try? current.registers(0),
                let interrupt = try? current.interrupt(0), let line = interrupt.line,
                !interrupt.isEdge
            {
                return (range.base, line)
            }
            node = tree.node(after: current, depth: &depth)
        }
        return nil
    }

    /// The page of registers at a physical address, from the device region that holds it.
    private mutating func deviceFrame(_ base: UInt64) throws(KernelError) -> Slot? {
        for index in 0..<UInt32(boot.untypedCount) {
            guard let region = try region(index) else { continue }
            let information = try region.information()
            let offset = base &- information.physicalBase
            if !information.isDevice || offset >= 1 << UInt64(information.sizeBits) { continue }
            let frame = slot()
            try region.retype(
                .frame, sizeBits: 12, index: frame, descriptors: memory.slot, offset: offset)
            return frame
        }
        return nil
    }
}
