// What the compiler says to mistakes in a service's protocol.

import Foundation
import Testing

@Suite struct MistakeTests {
    @Test(arguments: [
        ("func now()", "write @Method(NUMBER) before it: numbers stay when methods are added"),
        ("@Method(0) func now()", "@Method takes a number from 1 to 65535"),
        ("@Method(65536) func now()", "@Method takes a number from 1 to 65535"),
        ("@Method(1, .plain) func now()", "a method is .answeredLater or .oneWay"),
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
        ("var time: Int { get }", "a service has methods only"),
    ]) func membersThatAreNoMethods(_ member: String, _ message: String) throws {
        let text = try compile("@Service(version: 1) protocol P {\n/// A.\n\(member)\n}")
        #expect(text.contains("error: ") && text.contains(message), "\(text)")
    }

    @Test(arguments: [
        ("@Service(version: 1) struct S {}", "@Service describes a service"),
        ("@Service(version: one) protocol P {}", "@Service takes its version as a number"),
        ("@Service(version: 1) protocol P { @Method(1) func now() }", "has no doc comment"),
    ]) func services(_ source: String, _ message: String) throws {
        let text = try compile(source)
        #expect(text.contains("error: ") && text.contains(message), "\(text)")
    }

    /// The compiler adds up the words of types, which a macro does not see.
    @Test(arguments: [
        ("func a(_ a: UInt64, _ b: UInt8, _ c: Bool, _ d: Wide)", "The arguments must fit"),
        ("func a() -> Wide2", "The result must fit"),
        ("func a(_ a: UInt64, _ b: UInt8, _ d: Wide) -> Wide", nil),
    ]) func messagesThatAreTooLong(_ method: String, _ message: String?) throws {
        let text = try compile(
            """
            @Service(version: 1) protocol P {
            /// A.
            @Method(1) \(method)
            }
            """, "-emit-sil", "-o", "/dev/null", "-I", root + "/.build/debug/Modules", "-I",
            root + "/Sources/User/CUserEntry/include",
            head: """
                import Interfaces
                struct Wide: MessageValue {
                    @_transparent static var words: UInt { 5 }
                    static var shape: UInt64 { 5 }
                    func put(into message: inout MessageWriter) {}
                    static func take(from message: inout MessageReader) -> Wide? { nil }
                }
                struct Wide2: MessageValue {
                    @_transparent static var words: UInt { Wide.words + Wide.words }
                    static var shape: UInt64 { 6 }
                    func put(into message: inout MessageWriter) {}
                    static func take(from message: inout MessageReader) -> Wide2? { nil }
                }

                """)
        #expect(text.contains("error: ") == (message != nil), "\(text)")
        if let message { #expect(text.contains(message), "\(text)") }
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
        macro Service(version: Int) =
            #externalMacro(module: "InterfaceMacros", type: "ServiceMacro")
        @attached(peer) macro Method(_ number: Int, _ answering: Answering? = nil) =
            #externalMacro(module: "InterfaceMacros", type: "MethodMacro")

        """

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
