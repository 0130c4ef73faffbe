// Numbered things of a service, such as pins, of which a client may use those that its manifest
// entry names.

import CUserEntry
import KernelABI
import Protocols

/// A number from 0 to 63 that stands for a thing of a service. A request with one that is not in
/// the client's set is refused by `Refusal.notPermitted`.
public protocol Resource: MessageValue {
    var number: UInt8 { get }
    init(number: UInt8)
}
extension Resource {
    @_transparent public static var words: UInt { 1 }
    public static var shape: UInt64 { InterfaceHash("resource", version: 63).raw }
    @inline(__always) public func put(into message: inout MessageWriter) {
        message.put(UInt64(number))
    }
    @inline(__always) public static func take(from message: inout MessageReader) -> Self? {
        guard let word = message.takeWord(), word < 64, message.permits(word) else { return nil }
        return Self(number: UInt8(word))
    }
}

enum ResourceSets {
    /// Whether a client may use a resource. Its badge names its set, and the root task wrote the
    /// sets into the information page of this task, the server.
    @inline(__always) static func contain(_ number: UInt64, of client: ClientBadge) -> Bool {
        client.resources == 0 || word(client.resources) & 1 << number != 0
    }
    @inline(never) private static func word(_ set: UInt16) -> UInt64 {
        if set > UInt16(SWIFTLET_RESOURCE_SETS) { return 0 }
        // Safety: the page has room for so many sets.
        return unsafe swiftlet_resource_sets(TaskAddress.resourceSets)[Int(set) - 1]
    }
}
