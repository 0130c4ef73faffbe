// A device whose interrupt a test can raise and quiet: the first of those that boards here have.

import KernelABI
import UserRuntime

struct Alarm {
    enum Kind {
        /// PL031 of `virt`: seconds, and a match register.
        case realTimeClock
        /// PL011 of a Raspberry Pi, which the kernel does not write to: a line feed leaves
        /// its buffer.
        case serial
    }
    let kind: Kind
    /// Where its registers are.
    let base: UInt64
    let line: Int
    /// The kernel's own timer's line on this board.
    let kernelsLine: Int
    /// The untyped region that the registers are in.
    let region: Untyped

    /// Where tests map the registers.
    private static var window: UInt { 0xa010_0000 }

    static func find() -> Alarm? {
        if let region = deviceRegion(holding: 0x0901_0000) {
            return Alarm(
                kind: .realTimeClock, base: 0x0901_0000, line: 34, kernelsLine: 27, region: region)
        }
        if let region = deviceRegion(holding: 0x3f20_1000) {
            return Alarm(
                kind: .serial, base: 0x3f20_1000, line: 89, kernelsLine: 19, region: region)
        }
        guard let region = deviceRegion(holding: 0xfe20_1000) else { return nil }
        return Alarm(kind: .serial, base: 0xfe20_1000, line: 153, kernelsLine: 27, region: region)
    }

    private func register(_ offset: UInt) -> UnsafeMutablePointer<UInt32> {
        unsafe UnsafeMutablePointer(bitPattern: Alarm.window + offset).unsafelyUnwrapped
    }

    /// Have it signal within a second, until `quiet`.
    func ring() {
        switch kind {
        case .realTimeClock:
            unsafe register(0x10).pointee = 1  // interrupt mask: on
            // A second that is over when it is set comes no more.
            var second: UInt32
            repeat {
                second = unsafe register(0x00).pointee
                unsafe register(0x04).pointee = second
            } while unsafe register(0x00).pointee != second
        case .serial:
            // Eight bits, no FIFO: the interrupt comes when nothing is left.
            unsafe register(0x2c).pointee = 3 << 5
            unsafe register(0x30).pointee = 1 << 8 | 1
            unsafe register(0x38).pointee = 1 << 5
            unsafe register(0x00).pointee = 10
        }
    }
    func quiet() {
        switch kind {
        case .realTimeClock:
            unsafe register(0x10).pointee = 0
            unsafe register(0x1c).pointee = 1
        case .serial:
            unsafe register(0x38).pointee = 0
            unsafe register(0x44).pointee = 1 << 5
        }
    }

    /// Map its registers for the running test.
    func map(_ checks: inout Checks, line: UInt = #line) throws(Failure) {
        let frame = checks.slot()
        let memory = checks.memory
        let information = try checks.succeed(line: line) { () throws(KernelError) in
            try region.information()
        }
        try checks.succeed(line: line) { () throws(KernelError) in
            try region.retype(
                .frame, sizeBits: 12, index: frame, descriptors: memory.slot,
                offset: base - information.physicalBase)
        }
        try checks.mapFrame(frame, at: UInt64(Alarm.window), .read | .write, line: line)
    }
}

/// The untyped device region that holds physical address `address`.
func deviceRegion(holding address: UInt64) -> Untyped? {
    for index in 0..<200 {
        let region = Untyped(Slot(RootSlot.firstUntyped.index + UInt32(index)))
        guard let information = try? region.information() else { return nil }
        let size: UInt64 = 1 << UInt64(information.sizeBits)
        let isBehind = information.isDevice && address >= information.physicalBase
        if isBehind && address - information.physicalBase < size {
            return region
        }
    }
    return nil
}

extension Checks {
    func alarm(line: UInt = #line) throws(Failure) -> Alarm {
        guard let alarm = Alarm.find() else {
            throw Failure(line: line, text: "no device to raise an interrupt", value: 0)
        }
        return alarm
    }
}
