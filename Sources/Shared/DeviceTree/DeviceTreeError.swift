// What can be wrong with a tree, in words: the kernel, the device manager and the host's check all
// use these.

/// What is wrong with a tree, and where.
public struct DeviceTreeError: Error, Equatable {
    public enum Cause: UInt8, Sendable {
        /// No tree at this address: the magic number is missing.
        case noMagic
        /// The header states more than `DeviceTree.maximumBytes`.
        case tooLarge
        /// The header states more bytes than there are.
        case truncated
        /// The header or the structure is damaged.
        case malformed
        /// A property's length is not that of whole entries.
        case badLength
        /// A number of cells is none, or above four.
        case badCells
        /// An address that no bus above passes on to the processor, or that ends beyond 64 bits.
        case unreachable
        /// The kernel needs more of a device's registers than are named.
        case tooFewRegisters
        /// A device's registers lie in memory, or in what is reserved.
        case reservedRegisters
        /// An interrupt that its controller does not have.
        case noSuchLine
        /// A device without an interrupt that its driver waits for.
        case tooFewInterrupts
        /// An interrupt that leads to no controller, or to one that the kernel does not drive.
        case foreignInterrupt
        /// Registers that the kernel uses lie in what is called memory.
        case registersInMemory
        /// No memory node with a size.
        case noMemory
        /// No interrupt controller that the kernel can drive.
        case noInterruptController
        /// No generic timer.
        case noTimer
        /// A core's number that no processor has.
        case noSuchCore
        /// A core that another node names already.
        case sameCore
        /// A core that waits for an address, and no valid place where.
        case noReleaseAddress
        /// No way to start a core that the kernel knows.
        case unknownStart
    }
    /// Properties that an error can be about.
    public enum Property: UInt8, Sendable {
        case none, reg, ranges, dmaRanges, addressCells, sizeCells, interrupts, interruptsExtended,
            interruptCells
        case interruptMap, interruptNames, releaseAddress, compatible, enableMethod
    }
    public var cause: Cause
    public var property: Property
    /// The node's offset; -1 where the whole tree is meant.
    public var node: Int32
    public init(_ cause: Cause, _ property: Property = .none, node: Int32 = -1) {
        self.cause = cause
        self.property = property
        self.node = node
    }
}

extension DeviceTreeError.Cause {
    /// What is wrong.
    public var message: StaticString {
        switch self {
        case .noMagic: "there is no device tree"
        case .tooLarge: "the device tree is larger than 2 MiB"
        case .truncated: "the device tree is cut short"
        case .malformed: "the device tree is damaged"
        case .badLength: "the device tree has a list that does not end with an entry"
        case .badCells: "the device tree has a wrong number of cells"
        case .unreachable: "the device tree has an address that does not reach the processor"
        case .tooFewRegisters: "the device tree names too few registers"
        case .reservedRegisters:
            "the device tree calls a device's registers memory, or reserves them"
        case .noSuchLine: "the device tree has an interrupt that its controller has not"
        case .tooFewInterrupts: "the device tree names too few interrupts"
        case .foreignInterrupt:
            "the device tree has an interrupt that leads to no controller of the kernel"
        case .registersInMemory: "the device tree puts the kernel's devices into memory"
        case .noMemory: "the device tree names no memory"
        case .noInterruptController:
            "the device tree names no interrupt controller that the kernel knows"
        case .noTimer: "the device tree names no generic timer"
        case .noSuchCore: "the device tree gives a core a number that no processor has"
        case .sameCore: "the device tree names a core twice"
        case .noReleaseAddress: "the device tree does not say where a core waits"
        case .unknownStart: "the device tree names no way to start a core that the kernel knows"
        }
    }

    /// What a person can do about it.
    public var remedy: StaticString {
        switch self {
        case .noMagic: "give one in x0, or at a multiple of 2 MiB below the image"
        case .tooLarge, .truncated, .malformed:
            "copy the file again; its header says how long it is"
        case .badLength: "compare it with the numbers of cells that count for it"
        case .badCells: "an address or an interrupt has 1 to 4, a size 0 to 4"
        case .unreachable: "compare it with ranges of each bus above"
        case .tooFewRegisters: "compare reg with the device's manual"
        case .reservedRegisters: "compare reg with that of memory and of reserved-memory"
        case .noSuchLine, .tooFewInterrupts: "compare interrupts with the controller's binding"
        case .foreignInterrupt:
            """
            compare interrupt-parent and interrupt-map here and above; no two nodes may have one \
            phandle
            """
        case .registersInMemory: "take them out of the memory node's reg"
        case .noMemory: "a node with device_type = \"memory\" and a size in reg is needed"
        case .noInterruptController:
            """
            it knows arm,gic-v3, arm,gic-400 and its like, and brcm,bcm2836-l1-intc with \
            brcm,bcm2836-armctrl-ic
            """
        case .noTimer: "a node compatible with arm,armv8-timer is needed"
        case .noSuchCore:
            "a cpu's reg is its affinity: levels 2 to 0 in the last cell, level 3 in a first one"
        case .sameCore: "give each cpu a reg of its own"
        case .noReleaseAddress: "spin-table wants cpu-release-addr: 32 or 64 bits, a multiple of 8"
        case .unknownStart:
            """
            it knows psci with a psci node, spin-table, and brcm,bcm2836-smp with \
            brcm,bcm2836-l1-intc
            """
        }
    }
}

extension DeviceTreeError.Property {
    /// The property's name; empty for none.
    public var name: StaticString {
        switch self {
        case .none: ""
        case .reg: "reg"
        case .ranges: "ranges"
        case .dmaRanges: "dma-ranges"
        case .addressCells: "#address-cells"
        case .sizeCells: "#size-cells"
        case .interrupts: "interrupts"
        case .interruptsExtended: "interrupts-extended"
        case .interruptCells: "#interrupt-cells"
        case .interruptMap: "interrupt-map"
        case .interruptNames: "interrupt-names"
        case .releaseAddress: "cpu-release-addr"
        case .compatible: "compatible"
        case .enableMethod: "enable-method"
        }
    }
}
