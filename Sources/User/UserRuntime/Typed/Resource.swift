// Numbered things of a service, such as pins, of which a client may use those that its manifest
// entry names.

import CUserEntry
import KernelABI
import Protocols

/// A number from 0 to 63 that stands for a thing of a service. A request with one that the client
/// may not name with that method is refused by `Refusal.notPermitted`.
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

enum ResourceRules {
    /// Whether a client may name a resource with a method that it may call. Its badge names its
    /// first rule, and the root task wrote the rules into the information page of this task, the
    /// server.
    @inline(__always) static func permit(
        _ number: UInt64, with method: UInt64, of client: ClientBadge
    ) -> Bool {
        client.resources == 0
            || resources(of: method, from: Int(client.resources) - 1) & 1 << number != 0
    }
    /// - Complexity: O(the client's rules), of which there are as many as methods at most.
    @inline(never) private static func resources(of method: UInt64, from first: Int) -> UInt64 {
        let words = unsafe swiftlet_resource_rules(TaskAddress.resourceRules)
        for index in first..<max(first, ResourceRule.maximumCount) {
            // Safety: the page has room for so many rules, of two words each.
            let rule = unsafe ResourceRule(words[2 * index], words[2 * index + 1])
            if rule.methods & 1 << UInt32(truncatingIfNeeded: method &- 1) != 0 {
                return rule.resources
            }
            if rule.isLast { return 0 }
        }
        return 0
    }
}
