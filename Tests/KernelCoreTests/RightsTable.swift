// What every method and every system call asks of the capabilities that it names: one declaration,
// from which the tests of `RightsTests` make every refusal.

import KernelABI

/// Where an argument stands.
enum ArgumentPlace {
    /// The slot of the control word.
    case invoked
    /// x1 to x6.
    case register(Int)
}

/// A capability that a call names.
struct Operand {
    var place: ArgumentPlace
    var kind: ObjectKind
    /// What the capability must carry; everything else it may lack.
    var rights: Rights
    /// `Slot.none` leaves it out.
    var isOptional = false
    /// The call speaks of a frame that is mapped already.
    var isMapped = false
    /// The source is a device region: what it makes has its descriptor elsewhere.
    var isDevice = false

    static func invoked(_ kind: ObjectKind, _ rights: Rights) -> Operand {
        Operand(place: .invoked, kind: kind, rights: rights)
    }
    static func x(_ number: Int, _ kind: ObjectKind, _ rights: Rights) -> Operand {
        Operand(place: .register(number), kind: kind, rights: rights)
    }
    var optional: Operand {
        var operand = self
        operand.isOptional = true
        return operand
    }
    var mapped: Operand {
        var operand = self
        operand.isMapped = true
        return operand
    }
    var ofDevice: Operand {
        var operand = self
        operand.isDevice = true
        return operand
    }
}

/// An index into a table that a call names.
enum Index {
    /// It must hold a capability.
    case source(Int)
    /// It must hold none.
    case target(Int)
    /// It may hold one.
    case any(Int)
}

/// One way to make a call: its capabilities, its indices, its other arguments.
struct Form {
    var operands: [Operand]
    var indices: [Index] = []
    var arguments: [Int: UInt64] = [:]
}

extension Method {
    /// Exhaustive: a method without its row does not compile.
    var forms: [Form] {
        let endpoint = UInt64(ObjectKind.endpoint.rawValue)
        let frame = UInt64(ObjectKind.frame.rawValue) | 12 << 8
        switch self {
        case .retype:
            return [
                Form(
                    operands: [.invoked(.untyped, .manage), .x(3, .capabilityTable, .write)],
                    indices: [.target(4)],
                    arguments: [1: endpoint, 2: 1, 5: UInt64(Slot.none.index)]),
                Form(
                    operands: [
                        .invoked(.untyped, .manage).ofDevice, .x(3, .capabilityTable, .write),
                        .x(5, .untyped, .manage).optional,
                    ], indices: [.target(4)], arguments: [1: frame, 2: 1]),
                Form(
                    operands: [
                        .invoked(.untyped, .manage), .x(3, .capabilityTable, .write),
                        .x(5, .asidPool, .manage),
                    ], indices: [.target(4)],
                    arguments: [1: UInt64(ObjectKind.addressSpace.rawValue), 2: 1]),
            ]
        case .reclaim: return [Form(operands: [.invoked(.untyped, .manage)])]
        case .untypedInformation: return [Form(operands: [.invoked(.untyped, .read)])]
        case .copy, .mint:
            return [
                Form(
                    operands: [
                        .invoked(.capabilityTable, .write), .x(2, .capabilityTable, .write),
                    ],
                    indices: [.source(1), .target(3)],
                    arguments: [4: 31, 5: Placement.child.rawValue, 6: 1])
            ]
        case .move:
            return [
                Form(
                    operands: [
                        .invoked(.capabilityTable, .write), .x(2, .capabilityTable, .write),
                    ],
                    indices: [.source(1), .target(3)])
            ]
        case .delete, .revoke:
            return [Form(operands: [.invoked(.capabilityTable, .write)], indices: [.source(1)])]
        case .describe:
            return [Form(operands: [.invoked(.capabilityTable, .read)], indices: [.any(1)])]
        case .configure:
            return [
                Form(operands: [
                    .invoked(.thread, .write | .manage), .x(1, .capabilityTable, .write).optional,
                    .x(2, .addressSpace, .manage).optional, .x(3, .frame, .read | .write).optional,
                    .x(4, .endpoint, .write | .handleFaults).optional,
                ])
            ]
        // The first keeps the thread's maximum, the second changes it.
        case .setPriority:
            return [
                Form(operands: [.invoked(.thread, .write)]),
                Form(operands: [.invoked(.thread, .write | .manage)], arguments: [1: 7, 2: 9]),
            ]
        case .setSlice, .setCore:
            return [Form(operands: [.invoked(.thread, .write | .manage)])]
        case .bindBudget:
            return [
                Form(operands: [
                    .invoked(.thread, .write | .manage), .x(1, .budget, .write).optional,
                ])
            ]
        case .setBudget:
            return [
                Form(
                    operands: [.invoked(.systemControl, .manage), .x(1, .budget, .write)],
                    arguments: [2: 1000, 3: 1000])
            ]
        case .bindOverrun:
            return [
                Form(
                    operands: [
                        .invoked(.budget, .manage), .x(1, .notification, .manage).optional,
                    ], arguments: [2: 1])
            ]
        case .bindAbandonment:
            return [
                Form(
                    operands: [
                        .invoked(.reply, .manage), .x(1, .notification, .manage).optional,
                    ], arguments: [2: 1])
            ]
        case .budgetInformation: return [Form(operands: [.invoked(.budget, .read)])]
        case .bindPage:
            return [
                Form(operands: [.invoked(.mutexSet, .manage), .x(1, .frame, .read | .write)])
            ]
        case .join:
            return [Form(operands: [.invoked(.mutexSet, .manage), .x(2, .thread, .write)])]
        case .leave: return [Form(operands: [.invoked(.mutexSet, .manage)])]
        case .resume, .suspend, .setEntry, .writeRegisters:
            return [Form(operands: [.invoked(.thread, .write)])]
        case .readRegisters, .threadInformation: return [Form(operands: [.invoked(.thread, .read)])]
        case .bindNotification:
            return [
                Form(operands: [.invoked(.thread, .write), .x(1, .notification, .manage).optional])
            ]
        case .map:
            return [
                Form(
                    operands: [.invoked(.addressSpace, .manage), .x(1, .frame, .read | .write)],
                    arguments: [2: 0x7000_0000, 3: 3])
            ]
        case .unmap:
            return [
                Form(operands: [.invoked(.addressSpace, .manage), .x(1, .frame, .none).mapped])
            ]
        case .protect:
            return [
                Form(
                    operands: [.invoked(.addressSpace, .manage), .x(1, .frame, .write).mapped],
                    arguments: [2: 3])
            ]
        case .attachTable:
            return [
                Form(
                    operands: [.invoked(.addressSpace, .manage), .x(1, .pageTable, .manage)],
                    arguments: [2: 0x70_0000_0000])
            ]
        case .frameInformation, .maintainCache: return [Form(operands: [.invoked(.frame, .manage)])]
        case .bindServer:
            return [Form(operands: [.invoked(.endpoint, .manage), .x(1, .thread, .write)])]
        case .close: return [Form(operands: [.invoked(.endpoint, .manage)])]
        case .loanRead, .loanWrite: return [Form(operands: [.invoked(.reply, .read)])]
        case .createInterrupt:
            return [
                Form(
                    operands: [
                        .invoked(.interruptControl, .manage), .x(3, .untyped, .manage),
                        .x(4, .capabilityTable, .write),
                    ], indices: [.target(5)], arguments: [1: 40])
            ]
        case .createASIDPool:
            return [
                Form(
                    operands: [
                        .invoked(.asidControl, .manage), .x(3, .untyped, .manage),
                        .x(4, .capabilityTable, .write),
                    ], indices: [.target(5)])
            ]
        case .bindInterrupt:
            return [
                Form(
                    operands: [.invoked(.interrupt, .manage), .x(1, .notification, .manage)],
                    arguments: [2: 1])
            ]
        case .acknowledge: return [Form(operands: [.invoked(.interrupt, .manage)])]
        case .interruptInformation: return [Form(operands: [.invoked(.interrupt, .read)])]
        case .bindTimer:
            return [
                Form(
                    operands: [.invoked(.timer, .manage), .x(1, .notification, .manage)],
                    arguments: [2: 1])
            ]
        case .arm, .cancelTimer: return [Form(operands: [.invoked(.timer, .manage)])]
        case .consoleWrite: return [Form(operands: [.invoked(.systemControl, .write)])]
        case .powerOff, .reboot, .resetStatistics:
            return [Form(operands: [.invoked(.systemControl, .manage)])]
        case .statistics: return [Form(operands: [.invoked(.systemControl, .read)])]
        case .trace: return [Form(operands: [.invoked(.systemControl, .execute)])]
        case .readRegister: return [Form(operands: [.invoked(.registers, .read)])]
        case .writeRegister: return [Form(operands: [.invoked(.registers, .write)])]
        }
    }
}

extension SystemCall {
    /// Exhaustive as well. A call that may wait is made with a deadline of the past (x2).
    var forms: [Form] {
        let past: [Int: UInt64] = [2: 1]
        switch self {
        case .call, .send: return [Form(operands: [.invoked(.endpoint, .write)], arguments: past)]
        case .receive, .replyAndReceive:
            return [
                Form(
                    operands: [.invoked(.endpoint, .read), .x(1, .reply, .write)], arguments: past)
            ]
        case .reply: return [Form(operands: [.invoked(.reply, .write)])]
        case .signal:
            return [
                Form(operands: [.invoked(.notification, .write)], arguments: [1: 1]),
                Form(operands: [.invoked(.mutexSet, .write)], arguments: [1: 1]),
            ]
        case .wait:
            return [
                Form(operands: [.invoked(.notification, .read)], arguments: past),
                Form(operands: [.invoked(.mutexSet, .read)], arguments: past),
            ]
        case .poll: return [Form(operands: [.invoked(.notification, .read)])]
        case .lock: return [Form(operands: [.invoked(.mutexSet, .write)], arguments: past)]
        case .unlock: return [Form(operands: [.invoked(.mutexSet, .write)])]
        case .yield, .version, .invoke: return []
        }
    }
    var mayWait: Bool {
        switch self {
        case .call, .send, .receive, .replyAndReceive, .wait, .lock: true
        case .reply, .signal, .poll, .yield, .version, .invoke, .unlock: false
        }
    }
}
