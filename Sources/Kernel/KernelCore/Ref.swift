// References to kernel objects: the one door between the typed core and raw memory.
//
// Objects live in memory that user land handed over, so the kernel reaches them by address. A `Ref` is only ever made
// from an object's own initialisation (Retype) or from another `Ref`; no integer that user code supplies becomes one.

/// A non-null reference to a kernel object. Copying it copies the address; `pointee` is the object in place.
///
/// Invariant: the object behind a `Ref` that is stored in a live object is alive. Whoever destroys an object first removes
/// every stored `Ref` to it (`Kernel+Destroy.swift`).
@safe public struct Ref<Object: ~Copyable>: Equatable {
    let address: UnsafeMutablePointer<Object>

    @inline(__always) public init(_ address: UnsafeMutablePointer<Object>) {
        unsafe self.address = address
    }

    /// The object. Reading a member loads just that member.
    public var pointee: Object {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(address) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe address }
    }
    @inline(__always) public static func == (a: Ref, b: Ref) -> Bool {
        unsafe a.address == b.address
    }

    /// The same memory under another type: for the header every object starts with.
    @inline(__always) public func rebound<Other: ~Copyable>(to: Other.Type) -> Ref<Other> {
        // Safety: callers convert between an object and its header, which is its first member.
        unsafe Ref<Other>(UnsafeMutableRawPointer(address).assumingMemoryBound(to: Other.self))
    }
    @inline(__always) public var raw: UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(address)
    }
    /// The address as a number: for identity in traces and for arithmetic in this module's memory files.
    @inline(__always) public var bits: UInt { unsafe UInt(bitPattern: address) }
}

/// A reference from raw memory: used where memory becomes an object.
@inline(__always) func reference<Object: ~Copyable>(
    _ memory: UnsafeMutableRawPointer, as: Object.Type
) -> Ref<Object> {
    // Safety: the caller owns this memory, aligned and large enough (Retype computes both).
    unsafe Ref(memory.assumingMemoryBound(to: Object.self))
}
