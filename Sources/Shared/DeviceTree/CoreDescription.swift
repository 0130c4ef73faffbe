// The cores as the tree describes them, and how each is started (Devicetree Specification 3.8;
// Linux bindings arm/cpus.yaml and arm/psci.yaml).

/// The way to start a core.
public enum CoreStart: Equatable {
    /// PSCI's CPU_ON (`MachineDescription.firmware`).
    case firmware
    /// The core waits until the 64-bit word at this physical address is not 0, and jumps there.
    case spinTable(UInt64)
    /// The core waits until its mailbox 3 at the BCM2836's controller is not 0, and jumps there.
    case mailbox
    /// The kernel leaves the core out, for this reason.
    case leftOut(DeviceTreeError)
}

/// A core.
public struct CoreDescription: Equatable {
    /// Affinity levels 0 to 3, as MPIDR_EL1 has them.
    public var affinity: UInt64
    public var start: CoreStart
    /// The node's offset.
    public var node: Int32

    /// The bits of MPIDR_EL1 that are affinity.
    public static var affinityMask: UInt64 { 0xff_00ff_ffff }
}

/// The cores in the tree's order: the first `capacity` of them.
public struct CoreList {
    /// The kernel runs on no more.
    public static var capacity: Int { 8 }
    private var cores: InlineArray<8, CoreDescription>
    /// Those that are kept.
    public private(set) var count = 0
    /// All that the tree names, disabled ones left out.
    public private(set) var total = 0

    init() {
        let none = CoreDescription(affinity: 0, start: .mailbox, node: -1)
        cores = InlineArray(repeating: none)
    }

    /// - Precondition: `index` is below `count`.
    public internal(set) subscript(index: Int) -> CoreDescription {
        get { cores[index] }
        set { cores[index] = newValue }
    }

    /// Adds a core. One whose affinity another has is kept with that as its problem.
    mutating func add(_ core: CoreDescription) {
        total += 1
        if count == CoreList.capacity { return }
        cores[count] = core
        for index in 0..<count where cores[index].affinity == core.affinity {
            if case .leftOut = core.start { break }
            cores[count].start = .leftOut(DeviceTreeError(.sameCore, .reg, node: core.node))
        }
        count += 1
    }
}

extension DeviceNode {
    /// Returns the core that this node describes: its `device_type` is cpu.
    var core: CoreDescription {
        do throws(DeviceTreeError) {
            return CoreDescription(affinity: try affinity(), start: try coreStart(), node: offset)
        } catch {
            let affinity = (try? affinity()) ?? .max
            return CoreDescription(affinity: affinity, start: .leftOut(error), node: offset)
        }
    }

    /// Returns the core's affinity: one cell, or two of which the first is level 3.
    private func affinity() throws(DeviceTreeError) -> UInt64 {
        let cells = try parent?.cells(.addressCells, default: 2) ?? 0
        if cells != 1 && cells != 2 {
            throw DeviceTreeError(.badCells, .addressCells, node: parent?.offset ?? offset)
        }
        guard let value = property("reg")?.number(0, cells: cells) else {
            throw DeviceTreeError(.badLength, .reg, node: offset)
        }
        if value & ~CoreDescription.affinityMask != 0 {
            throw DeviceTreeError(.noSuchCore, .reg, node: offset)
        }
        return value
    }

    /// Returns what `enable-method` says: the core's own, or the one of the node above.
    private func coreStart() throws(DeviceTreeError) -> CoreStart {
        let method = property("enable-method") ?? parent?.property("enable-method")
        if method?.contains("psci") ?? false { return .firmware }
        if method?.contains("spin-table") ?? false {
            guard let place = property("cpu-release-addr"), place.count == 4 || place.count == 8,
                let address = place.number(0, cells: place.count / 4), address & 7 == 0
            else { throw DeviceTreeError(.noReleaseAddress, .releaseAddress, node: offset) }
            return .spinTable(address)
        }
        if method?.contains("brcm,bcm2836-smp") ?? false { return .mailbox }
        throw DeviceTreeError(.unknownStart, .enableMethod, node: offset)
    }
}

extension MachineDescription {
    /// Leaves out the cores whose way to start is not there.
    mutating func checkCores() {
        for index in 0..<cores.count {
            let isThere =
                switch cores[index].start {
                case .firmware: firmware.method != .none
                case .mailbox: controller == .bcm2836
                case .spinTable, .leftOut: true
                }
            let node = cores[index].node
            if !isThere {
                cores[index].start = .leftOut(
                    DeviceTreeError(.unknownStart, .enableMethod, node: node))
            }
        }
    }

    /// Notes a PSCI node. From version 0.2 on the functions have fixed numbers, and there is one to
    /// switch off; before, the node gives the number of CPU_ON.
    mutating func takeFirmware(_ node: DeviceNode, _ compatible: DeviceProperty) {
        let isNumbered = compatible.contains("arm,psci-1.0") || compatible.contains("arm,psci-0.2")
        if !isNumbered && !compatible.contains("arm,psci") { return }
        guard let name = node.property("method") else { return }
        let method: PowerMethod =
            name.contains("smc") ? .smc : name.contains("hvc") ? .hvc : .none
        if isNumbered {
            power = method
            firmware = (method, 0xc400_0003)
        } else if let function = node.property("cpu_on")?.word(0) {
            firmware = (method, function)
        }
    }
}
