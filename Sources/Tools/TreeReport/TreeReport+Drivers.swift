// Which devices have a driver that would start, by the device manager's own rules.

import DeviceTree

extension TreeReport {
    /// What a manifest says of a driver.
    public struct Driver: Equatable, Sendable {
        public var name: String
        public var compatible: [String]
        /// How many of its device's register ranges and interrupts it must have.
        public var registers: Int
        public var interrupts: Int
        /// Other devices' registers may lie in the pages that it gets.
        public var sharesPage: Bool

        public init(
            name: String, compatible: [String], registers: Int, interrupts: Int,
            sharesPage: Bool = false
        ) {
            self.name = name
            self.compatible = compatible
            self.registers = registers
            self.interrupts = interrupts
            self.sharesPage = sharesPage
        }
    }
    /// A board's manifest.
    public struct Board: Equatable, Sendable {
        public var name: String
        /// It is taken for want of one that names this board.
        public var isFallback: Bool
        /// In the manifest's order: the first that knows a device has it.
        public var drivers: [Driver]

        public init(name: String, isFallback: Bool, drivers: [Driver]) {
            self.name = name
            self.isFallback = isFallback
            self.drivers = drivers
        }
    }

    /// Finds the device's driver, and whether that starts: it may, also where the device has damage
    /// that it does not care for.
    func choose(
        _ device: inout Device, _ node: DeviceNode, _ machine: borrowing MachineDescription
    ) {
        guard
            let driver = board?.drivers.first(where: {
                $0.compatible.contains(where: device.compatible.contains)
            })
        else { return }
        device.driver = driver.name
        // Of a machine that was read only in part, nothing more can be said. Memory is often left
        // to the firmware to fill in.
        if let refusal, refusal.cause != .noMemory { return }
        device.problem = nil
        do throws(DeviceTreeError) {
            var fits = true
            for index in 0..<driver.registers {
                let range = try node.driverRegisters(index, machine)
                if !driver.sharesPage && node.hasNeighbours(of: range) {
                    return device.refusal = .pageShared
                }
                if !range.fitsDriver { fits = false }
            }
            for index in 0..<driver.interrupts { _ = try node.driverInterrupt(index, machine) }
            _ = try node.memoryWindow()
            if !fits { device.refusal = .registersTooLarge }
        } catch { device.problem = makeProblem(error, in: node.tree) }
    }
}
