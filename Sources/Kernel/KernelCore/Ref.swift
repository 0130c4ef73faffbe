// References to kernel objects: the only way from the typed core to raw memory.
//
// Objects live in memory that user land handed over, so the kernel reaches them by address. Boot
// and retype make the first `Ref` to an object; all others are copies or addresses within known
// memory. No integer that user code supplies becomes an address.

/// A non-null reference to a kernel object. Copying it copies the address; `pointee` is the object
/// in place.
///
/// Invariant: a `Ref` that is stored in a live object refers to a live object. The kernel removes
/// every stored `Ref` to an object before it destroys the object (`Kernel+Destroy.swift`).
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

    /// Returns the same memory under another type: an object's header, or the object of a header.
    @inline(__always) public func rebound<Other: ~Copyable>(to: Other.Type) -> Ref<Other> {
        // Safety: callers convert between a value and its first member, such as an object's header.
        unsafe Ref<Other>(UnsafeMutableRawPointer(address).assumingMemoryBound(to: Other.self))
    }
    @inline(__always) public var raw: UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(address)
    }
    /// The address as a number: for identity in traces and for arithmetic in this module's memory
    /// files.
    @inline(__always) public var bits: UInt { unsafe UInt(bitPattern: address) }
}

/// Returns a reference to raw memory: used where memory becomes an object.
@inline(__always) func reference<Object: ~Copyable>(
    _ memory: UnsafeMutableRawPointer, as: Object.Type
) -> Ref<Object> {
    // Safety: the caller owns this memory, aligned and large enough (Retype computes both).
    unsafe Ref(memory.assumingMemoryBound(to: Object.self))
}
