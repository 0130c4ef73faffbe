// What the compiler says to mistakes in a service's protocol.

import Foundation
import Testing

@Suite struct MistakeTests {
    @Test(arguments: [
        ("func now()", "write @Method(NUMBER) before it: numbers stay when methods are added"),
        ("@Method(0) func now()", "@Method takes a number from 1 to 32"),
        ("@Method(33) func now()", "@Method takes a number from 1 to 32"),
        ("@Method(1, .plain) func now()", "a method is .answeredLater or .oneWay"),
        ("@Method(1, .open) func now()", "a method is .answeredLater or .oneWay"),
        ("@Method(1, .oneWay, .answeredLater) func now()", "or neither; and .restricted or"),
        ("@Method(1, .rootOnly, .restricted) func now()", "or neither; and .restricted or"),
        ("@Method(1) func now() throws", "say which error it throws: throws(NowError)"),
        ("@Method(1) func now() async", "a method of a service is not async: its client waits"),
        ("@Method(1) func now<T>(_ a: T)", "a method of a service is not generic"),
        ("@Method(1) func now(_ a: Int...)", "takes a fixed number of arguments"),
        ("@Method(1) func now(_ a: inout Int)", "a parameter is a value"),
        ("@Method(1) func now(_: Int)", "a parameter of a service has a name"),
        ("@Method(1, .oneWay) func now() -> Int", "has neither a result nor an error"),
        ("@Method(1, .oneWay) func now() throws(E)", "has neither a result nor an error"),
        ("@Method(1) func a()\n/// B.\n@Method(1) func b()", "`a` has the number 1, too"),
        ("@Method(1) func a()\n/// B.\n@Method(2) func a(b: Int)", "has one method of a name"),
        ("@Method(1) func now(_ _a: Int)", "names that begin with `_` are those of generated code"),
        ("@Method(1) func now(by a: Int)", "`by` is the label of a call's deadline"),
        ("@Method(1) func endpoint()", "clients have a property `endpoint` already"),
        ("@Method(1) func now(_ a: Bytes<many>)", "write the number here"),
        (
            "@Method(1, .answeredLater) func a(_ a: borrowing LentForReading<UInt8>)",
            "only a method that answers at once takes what is lent"
        ),
        (
            "@Method(1) func a() -> Given<Endpoint>",
            "a method that gives a capability is .answeredLater"
        ),
        ("@Method(1, .oneWay) func a(_ a: HandedOver<N>)", "only a method that answers at once"),
        (
            "@Method(1) func a(_ a: HandedOver<N>, _ b: LentForReading<UInt8>)",
            "one parameter at most is lent or handed over"
        ),
        ("var time: Int { get }", "a service has methods only"),
    ]) func membersThatAreNoMethods(_ member: String, _ message: String) throws {
        let text = try compile("@Service(version: 1) protocol P {\n/// A.\n\(member)\n}")
        #expect(text.contains("error: ") && text.contains(message), "\(text)")
    }

    @Test(arguments: [
        ("@Service(version: 1) struct S {}", "@Service describes a service"),
        ("@Service(version: one) protocol P {}", "@Service takes its version as a number"),
        ("@Service(version: 1, name: \"\") protocol P {}", "a service's name has 1 to 32 bytes"),
        ("@Service(version: 1) protocol P { @Method(1) func now() }", "has no doc comment"),
    ]) func services(_ source: String, _ message: String) throws {
        let text = try compile(source)
        #expect(text.contains("error: ") && text.contains(message), "\(text)")
    }

    @Test(arguments: [
        ("@Message class C {}", "@Message stands before a structure or an enumeration"),
        ("@Message struct S { var a = 1 }", "write the field's type: clients read it"),
        ("@Message struct S { var _a: Int }", "the name of a field does not begin with `_`"),
        ("@Message struct S {}", "a message has fields"),
        ("@Message enum E { case a }", "give the enumeration cases with raw values"),
        ("@Message enum E: UInt8 { case a(Int) }", "has no associated values"),
    ]) func messages(_ source: String, _ message: String) throws {
        let text = try compile(source)
        #expect(text.contains("error: ") && text.contains(message), "\(text)")
    }

    /// The compiler adds up the words of types, which a macro does not see.
    @Test(arguments: [
        ("func a(_ a: UInt64, _ b: UInt8, _ c: Bool, _ d: Wide)", "The arguments must fit"),
        ("func a() -> Wide2", "The result must fit"),
        ("func a(_ a: UInt64, _ b: UInt8, _ d: Wide) -> Wide", nil),
        ("func a(_ a: Bytes<1008>) -> FixedString<1008>", nil),
        ("func a(_ a: Bytes<1009>)", "The arguments must fit"),
        ("func a() -> FixedString<1009>", "The result must fit"),
        ("func a(_ a: Items<Bytes<8>, 63>)", nil),
        ("func a(_ a: Items<Bytes<8>, 64>)", "The arguments must fit"),
        ("func a(_ a: Pair)", nil),
        ("func a(_ a: Pair, _ b: Bool)", "The arguments must fit"),
        ("func a(_ a: Line)", "write the type out where it is used"),
    ]) func messagesThatAreTooLong(_ method: String, _ message: String?) throws {
        let text = try compileWithInterfaces(
            """
            @Service(version: 1) protocol P {
            /// A.
            @Method(1) \(method)
            }
            struct Wide: MessageValue {
                @_transparent static var words: UInt { 125 }
                static var shape: UInt64 { 5 }
                func put(into message: inout MessageWriter) {}
                static func take(from message: inout MessageReader) -> Wide? { nil }
            }
            struct Wide2: MessageValue {
                @_transparent static var words: UInt { Wide.words + 3 }
                static var shape: UInt64 { 6 }
                func put(into message: inout MessageWriter) {}
                static func take(from message: inout MessageReader) -> Wide2? { nil }
            }
            @Message struct Pair {
                var a: Wide
                var b: Bytes<8>
            }
            typealias Line = Bytes<8>
            """)
        #expect(text.contains("error: ") == (message != nil), "\(text)")
        if let message { #expect(text.contains(message), "\(text)") }
    }

    /// Only the server's thread answers a caller.
    @Test func aCallerIsNotSendable() throws {
        let text = try compileWithInterfaces(
            """
            func send<T: Sendable & ~Copyable>(_ value: consuming T) {}
            func test(_ caller: consuming Caller<Nothing, NoError>) { send(caller) }
            """)
        #expect(text.contains("conformance of 'Caller<"), "\(text)")
        #expect(text.contains("to 'Sendable' is unavailable"), "\(text)")
    }
    /// What is lent is the client's again after the method.
    @Test(arguments: ["self.kept = a", "let b = a"]) func aLoanIsNotKept(_ code: String) throws {
        let text = try compileWithInterfaces(
            """
            @Service(version: 1) protocol P {
                /// A.
                @Method(1) func a(_ a: borrowing LentForReading<UInt8>)
            }
            struct S: ~Copyable, PServer {
                var kept: LentForReading<UInt8>?
                mutating func a(_ a: borrowing LentForReading<UInt8>, _: ClientBadge) { \(code) }
            }
            """)
        #expect(text.contains("error: ") && text.contains("consum"), "\(text)")
    }
    /// An error without `@Message` would be missing from the hash.
    @Test func anErrorIsAMessage() throws {
        let text = try compileWithInterfaces(
            """
            enum E: UInt16, ServiceError {
                case a
                var text: StaticString { "" }
            }
            """)
        #expect(text.contains("does not conform to protocol"), "\(text)")
    }
    /// What is generated has the access of the protocol.
    @Test(arguments: ["public", "package", "internal", "private"])
    func access(_ level: String) throws {
        let text = try compileWithInterfaces(
            """
            @Service(version: 1) \(level) protocol P {
                /// A.
                @Method(1) func a(_ a: S) throws(E) -> S
            }
            @Message \(level) struct S { var a: UInt8 }
            @Message \(level) enum E: UInt16, ServiceError {
                case a
                \(level == "private" ? "" : level) var text: StaticString { "" }
            }
            \(level) struct User { \(level) func use(_ a: PClient) throws { _ = try a.a(S(a: 1)) } }
            """)
        #expect(!text.contains("error: "), "\(text)")
    }

    private var root: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
    }
    /// What the declarations of module `Interfaces` are to a macro.
    private static let declarations = """
        let one = 1
        enum Answering { case plain, answeredLater, oneWay }
        @attached(peer, names: suffixed(Client), suffixed(Server), suffixed(Interface))
        macro Service(version: Int, name: StaticString? = nil) =
            #externalMacro(module: "InterfaceMacros", type: "ServiceMacro")
        protocol MessageValue {}
        @attached(
            extension, conformances: MessageValue, names: named(words), named(shape), named(put),
            named(take))
        macro Message() = #externalMacro(module: "InterfaceMacros", type: "MessageMacro")
        @attached(peer) macro Method(_ number: Int, _ answering: Answering? = nil) =
            #externalMacro(module: "InterfaceMacros", type: "MethodMacro")

        """

    /// The same for a source with module `Interfaces`, whose constants the compiler adds up.
    private func compileWithInterfaces(_ source: String) throws -> String {
        try compile(
            source, "-emit-sil", "-o", "/dev/null", "-parse-as-library", "-package-name", "tests",
            "-I", root + "/.build/debug/Modules", "-I", root + "/Sources/User/CUserEntry/include",
            head: "import Interfaces\n")
    }
    /// Returns the compiler's messages for a source.
    private func compile(
        _ source: String, _ options: String..., head: String = MistakeTests.declarations
    ) throws -> String {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("service-\(UUID().uuidString).swift")
        defer { try? FileManager.default.removeItem(at: file) }
        try (head + source).write(to: file, atomically: true, encoding: .utf8)
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments =
            [
                "swiftc", "-load-plugin-library", root + "/build/macros/libInterfaceMacros.so",
                file.path,
            ] + (options.isEmpty ? ["-typecheck"] : options)
        let pipe = Pipe()
        compiler.standardError = pipe
        try compiler.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        compiler.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
