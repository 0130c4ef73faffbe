// The kernel's errors, as services pass them on and as people read them.

import KernelABI

extension KernelError {
    /// The raw value by which a service's own error tells that the kernel refused a step: 256 and
    /// the kernel's number.
    public var serviceError: UInt16 { 256 + UInt16(rawValue) }
    /// Creates the kernel's error of which a service told by `serviceError`; nil if the raw value
    /// is another error of the service.
    public init?(serviceError: UInt16) {
        if serviceError < 256 || serviceError > 511 { return nil }
        self.init(rawValue: UInt8(truncatingIfNeeded: serviceError))
    }
    /// A new error has a new version.
    public static var shape: UInt64 { InterfaceHash("KernelError", version: 1).raw }

    /// For people, with the error's name.
    public var text: StaticString {
        switch self {
        case .invalidCapability: "the kernel refuses: invalidCapability"
        case .wrongKind: "the kernel refuses: wrongKind"
        case .missingRights: "the kernel refuses: missingRights"
        case .invalidArgument: "the kernel refuses: invalidArgument"
        case .slotOccupied: "the kernel refuses: slotOccupied"
        case .insufficientMemory: "the kernel refuses: insufficientMemory"
        case .timedOut: "the kernel refuses: timedOut"
        case .wouldBlock: "the kernel refuses: wouldBlock"
        case .peerDied: "the kernel refuses: peerDied"
        case .cancelled: "the kernel refuses: cancelled"
        case .deadlock: "the kernel refuses: deadlock"
        case .chainTooLong: "the kernel refuses: chainTooLong"
        case .derivationTooDeep: "the kernel refuses: derivationTooDeep"
        case .notMapped: "the kernel refuses: notMapped"
        case .alreadyMapped: "the kernel refuses: alreadyMapped"
        case .wrongState: "the kernel refuses: wrongState"
        case .notPermitted: "the kernel refuses: notPermitted"
        case .memoryFault: "the kernel refuses: memoryFault"
        case .noCaller: "the kernel refuses: noCaller"
        case .noBuffer: "the kernel refuses: noBuffer"
        case .exhausted: "the kernel refuses: exhausted"
        }
    }
}

extension SystemError {
    /// The kernel's error, also one of which the service told; `notPermitted` for any other reason.
    var kernelError: KernelError {
        switch self {
        case .kernel(let error): error
        case .service(let value): KernelError(serviceError: value) ?? .notPermitted
        default: .notPermitted
        }
    }
}
