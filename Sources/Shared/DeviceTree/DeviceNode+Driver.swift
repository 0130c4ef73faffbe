// What a driver must have of its device's node, or it does not start: the device manager gives it
// this, and the host's check tells beforehand.

extension DeviceNode {
    /// A range of registers that the driver must have.
    ///
    /// - Throws: `tooFewRegisters`, `unreachable`, `reservedRegisters`, or what `registers` throws.
    public func driverRegisters(
        _ index: Int, _ machine: borrowing MachineDescription
    ) throws(DeviceTreeError) -> RegisterRange {
        if let range = try registers(index) {
            if machine.keeps(range) {
                throw DeviceTreeError(.reservedRegisters, .reg, node: offset)
            }
            return range
        }
        throw DeviceTreeError(
            try registerCount() > index ? .unreachable : .tooFewRegisters, .reg, node: offset)
    }

    /// An interrupt that the driver must have, at one of the kernel's controllers. Those of other
    /// controllers are passed over: its `index` is larger then than what was asked for.
    ///
    /// - Throws: `tooFewInterrupts`, `foreignInterrupt`, or what `interrupt` throws.
    public func driverInterrupt(
        _ index: Int, _ machine: borrowing MachineDescription
    ) throws(DeviceTreeError) -> DeviceInterrupt {
        if let interrupt = try interrupt(index, of: machine) { return interrupt }
        let isForeign = try interrupt(index) != nil
        throw DeviceTreeError(
            isForeign ? .foreignInterrupt : .tooFewInterrupts, interruptProperty, node: offset)
    }

    /// Whether another node's registers lie in the same pages as this node's `range`, also those of
    /// a node that is disabled. The very same range is the same device, described twice.
    ///
    /// - Complexity: O(nodes × register ranges).
    public func hasNeighbours(of range: RegisterRange) -> Bool {
        var depth = 0
        var other: DeviceNode? = tree.root
        while let current = other {
            other = tree.node(after: current, depth: &depth)
            if current.offset == offset { continue }
            for index in 0..<((try? current.registerCount()) ?? 0) {
                guard let theirs = try? current.registers(index), theirs != range else { continue }
                if theirs.sharesPage(with: range) { return true }
            }
        }
        return false
    }
}

extension RegisterRange {
    /// The pages of 4096 bytes that a driver's address space has room for, for each range.
    public static var driverPages: UInt64 { 64 }
    /// Whether a driver's address space has room for all pages of the range, which does not end
    /// beyond 64 bits.
    public var fitsDriver: Bool { last / 4096 - base / 4096 < RegisterRange.driverPages }

    /// Whether the two have a page of 4096 bytes in common. Neither ends beyond 64 bits.
    fileprivate func sharesPage(with other: RegisterRange) -> Bool {
        base / 4096 <= other.last / 4096 && other.base / 4096 <= last / 4096
    }
    /// A range without bytes counts as one.
    private var last: UInt64 { base + (max(size, 1) - 1) }
}
