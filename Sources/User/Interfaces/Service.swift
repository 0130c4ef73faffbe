// Interfaces of services: a protocol each, from which its client and its server are generated.
// Tasks import this module. How a protocol is written: docs/reference/typed-services.md.

@_exported import KernelABI
@_exported import Protocols
@_exported import UserRuntime

/// Makes a protocol the description of a service. From `Clock` come `ClockClient`, `ClockServer`,
/// and `ClockInterface` with the server's dispatch.
///
/// - Parameters:
///   - version: counted up where the meaning of a method changes and its types do not.
///   - name: the service's in the manifest; left out: the protocol's in small letters.
@attached(peer, names: suffixed(Client), suffixed(Server), suffixed(Interface))
public macro Service(version: Int, name: StaticString? = nil) =
    #externalMacro(module: "InterfaceMacros", type: "ServiceMacro")

/// How a method is answered, and which clients may call it. Left out: its function returns the
/// answer, and each client whose manifest entry opens the service may call it.
public enum MethodTrait {
    /// Its `Caller` answers, when its function returns or later.
    case answeredLater
    /// It is never answered: the client waits until the server has received the message.
    case oneWay
    /// A client may call it whose manifest entry names it: `opens = ["clock", "clock.set"]`.
    case restricted
    /// The root task alone may call it.
    case rootOnly
}

/// A method of a service.
///
/// - Parameters:
///   - number: its number in messages and in rights, 1 to 32; it stays when methods are added or
///     removed.
///   - traits: at most one of how it is answered, and one of who may call it.
@attached(peer)
public macro Method(_ number: Int, _ traits: MethodTrait...) =
    #externalMacro(module: "InterfaceMacros", type: "MethodMacro")

/// Makes a structure's fields, or the raw values of an enumeration, a `MessageValue`. Each field
/// has the words of its type. Names, types and raw values are part of the interface's hash.
@attached(
    extension, conformances: MessageValue, names: named(words), named(shape), named(put),
    named(take))
public macro Message() = #externalMacro(module: "InterfaceMacros", type: "MessageMacro")
