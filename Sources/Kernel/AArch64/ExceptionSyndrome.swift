// The cause of an exception: ESR_EL1 (Arm ARM D19.2.37) in words, for fault messages and kernel
// panics.

import KernelABI

/// The value of ESR_EL1 at an exception.
public struct ExceptionSyndrome: Sendable {
    public let raw: UInt64
    public init(raw: UInt64) { self.raw = raw }

    var exceptionClass: UInt64 { (raw >> 26) & 0x3f }
    /// Instruction or data fault status: why translation or access failed.
    private var status: UInt64 { raw & 0x3f }
    private var isWrite: Bool { raw & (1 << 6) != 0 }

    /// Whether floating point or SIMD was used while it was disabled.
    public var isFloatingPointTrap: Bool { exceptionClass == 0x07 }

    /// Whether FAR_EL1 holds the address of the access.
    public var hasAddress: Bool {
        switch exceptionClass {
        case 0x20, 0x21, 0x24, 0x25: return raw & (1 << 10) == 0  // FnV
        case 0x22, 0x34, 0x35: return true
        default: return false
        }
    }

    /// The cause as a user thread's fault message names it.
    public var faultKind: FaultKind {
        switch exceptionClass {
        case 0x20: return isTranslation ? .pageExecute : .other
        case 0x24:
            if status == 0x21 { return .alignment }
            return isTranslation ? (isWrite ? .pageWrite : .pageRead) : .other
        case 0x22, 0x26: return .alignment
        // Unknown, WFx, BTI, illegal state, SVE, system registers.
        case 0x00, 0x01, 0x0d, 0x0e, 0x18, 0x19: return .illegalInstruction
        case 0x30, 0x32, 0x34, 0x3c: return .breakpoint
        default: return .other
        }
    }

    /// Whether a page table caused the fault: address size, translation, access flag or permission,
    /// at any level.
    private var isTranslation: Bool { status < 0x10 }

    /// Whether user code reached an address that has no mapping: a translation fault, at any level.
    public var isMissingPage: Bool {
        (exceptionClass == 0x20 || exceptionClass == 0x24) && status & ~3 == 4 && hasAddress
    }

    /// The cause in words.
    public var name: StaticString {
        switch exceptionClass {
        case 0x00: return "unknown instruction"
        case 0x07: return "floating point is disabled"
        case 0x0e: return "illegal execution state"
        case 0x15: return "system call"
        case 0x18: return "system register access"
        case 0x20, 0x21: return isTranslation ? "instruction page fault" : "instruction abort"
        case 0x22: return "misaligned program counter"
        case 0x24, 0x25: return dataName
        case 0x26: return "misaligned stack pointer"
        case 0x2f: return "system error"
        case 0x30, 0x31, 0x32, 0x33, 0x34, 0x35: return "debug exception"
        case 0x3c: return "trap instruction"
        default: return "exception"
        }
    }

    private var dataName: StaticString {
        if status == 0x21 { return "misaligned access" }
        if status == 0x10 { return "external abort" }
        if !isTranslation { return "data abort" }
        if status >= 0x0c {
            return isWrite ? "write without permission" : "read without permission"
        }
        return isWrite ? "write to an unmapped page" : "read from an unmapped page"
    }
}
