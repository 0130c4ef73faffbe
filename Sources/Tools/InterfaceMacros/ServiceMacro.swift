// `@Service`: from a protocol come its client, its server, and the check that both are of
// one version.

import SwiftDiagnostics
import SwiftSyntax
import SwiftSyntaxMacros

public struct ServiceMacro: PeerMacro {
    public static func expansion(
        of node: AttributeSyntax, providingPeersOf declaration: some DeclSyntaxProtocol,
        in context: some MacroExpansionContext
    ) throws -> [DeclSyntax] {
        do {
            let interface = try Interface(declaration, node)
            return [
                DeclSyntax(stringLiteral: interface.client),
                DeclSyntax(stringLiteral: interface.server),
                DeclSyntax(stringLiteral: interface.dispatch),
            ]
        } catch let mistake as Mistake {
            context.diagnose(Diagnostic(node: mistake.node, message: mistake))
            return []
        }
    }
}

/// `@Method` says something to `@Service`, and generates nothing.
public struct MethodMacro: PeerMacro {
    public static func expansion(
        of node: AttributeSyntax, providingPeersOf declaration: some DeclSyntaxProtocol,
        in context: some MacroExpansionContext
    ) throws -> [DeclSyntax] { [] }
}

extension Interface {
    fileprivate var client: String {
        """
        /// A client's end of the service `\(name)`. Its methods throw a `SystemError`, which holds
        /// the service's own error, too.
        \(access)struct \(name)Client: ServiceClient {
            \(access)static var interface: InterfaceHash { \(name)Interface.hash }
            \(access)let endpoint: Endpoint
            \(access)init(_ endpoint: Endpoint) { self.endpoint = endpoint }

        \(methods.map { $0.client(access) }.joined(separator: "\n\n"))
        }
        """
    }

    fileprivate var server: String {
        """
        /// What the task does that gives the service `\(name)`.
        \(access)protocol \(name)Server: ~Copyable {
        \(methods.map(\.requirement).joined(separator: "\n"))
        }
        """
    }

    fileprivate var hash: String {
        var lines = ["var hash = InterfaceHash(\"\(name)\", version: \(version))"]
        for method in methods {
            let kind = method.kind.rawValue
            lines.append("hash.add(\(method.number), \"\(method.name)\", \"\(kind)\")")
            for parameter in method.parameters {
                lines.append("hash.add(\(parameter.type).shape, \"\(parameter.name)\")")
            }
            if let result = method.result { lines.append("hash.add(\(result).shape)") }
            if let error = method.error { lines.append("hash.add(\(error).shape)") }
        }
        return lines.joined(separator: "\n        ")
    }

    fileprivate var dispatch: String {
        let variable = methods.allSatisfy(\.parameters.isEmpty) ? "let" : "var"
        return """
            \(access)enum \(name)Interface {
                \(access)static var hash: InterfaceHash {
                    \(hash)
                    return hash
                }

                /// Performs a request to `server` and answers it, or refuses it.
                \(access)static func perform<S: \(name)Server & ~Copyable>(
                    _ request: Received, for server: inout S, _ loop: inout Server
                ) {
                    \(variable) arguments = ArgumentReader(request)
                    switch arguments.method {
                    case 0: return loop.compare(request, with: hash)
            \(methods.map(\.dispatch).joined(separator: "\n"))
                    default: return loop.refuse(.unknownMethod)
                    }
                    loop.refuse(.wrongArguments)
                }
            }
            """
    }
}

extension Interface.Method {
    private var list: String { parameters.map(\.declaration).joined(separator: ", ") }
    private var resultType: String { result ?? "Nothing" }
    private var errorType: String { error ?? "NoError" }
    private var effects: String {
        (error.map { " throws(\($0))" } ?? "") + (result.map { " -> \($0)" } ?? "")
    }

    fileprivate func client(_ access: String) -> String {
        var declared = parameters.map(\.declaration)
        // A client says how long it waits for a later answer.
        let patience = kind == .answeredLater ? "" : " = .patience"
        declared.append("by deadline: Instant\(patience)")
        let variable = parameters.isEmpty ? "let" : "var"
        let puts = parameters.map { "\n        request.put(\($0.name))" }.joined()
        let send =
            kind == .oneWay
            ? "try request.send(to: endpoint, by: deadline)"
            : result.map { "return try request.call(endpoint, by: deadline).take(\($0).self)" }
                ?? "try request.call(endpoint, by: deadline).end()"
        let comment = documentation.map { "    \($0)\n" }.joined()
        let fits =
            Self.check(parameters.map(\.type), "arguments")
            + Self.check(result.map { [$0] } ?? [], "result")
        return """
            \(comment)    @inline(__always) \(access)func \(name)(
                    \(declared.joined(separator: ", "))
                ) throws(SystemError)\(result.map { " -> \($0)" } ?? "") {\(fits)
                    \(variable) request = RequestWriter(method: \(number))\(puts)
                    \(send)
                }
            """
    }

    /// Generates a constant expression that overflows if the words do not fit into a message.
    private static func check(_ types: [String], _ what: String) -> String {
        if types.isEmpty { return "" }
        let words = types.map { "\($0).words" }.joined(separator: " + ")
        return "\n        _ = 7 - (\(words))  // The \(what) must fit into 7 words."
    }

    fileprivate var requirement: String {
        let comment = documentation.map { "    \($0)\n" }.joined()
        let all = parameters.map(\.declaration)
        switch kind {
        case .plain, .oneWay:
            let list = (all + ["_ client: ClientBadge"]).joined(separator: ", ")
            return "\(comment)    mutating func \(name)(\(list))\(effects)"
        case .answeredLater:
            let caller = "_ caller: consuming Caller<\(resultType), \(errorType)>"
            let list = (all + [caller]).joined(separator: ", ")
            return "\(comment)    mutating func \(name)(\(list))"
        }
    }

    fileprivate var dispatch: String {
        let takes = parameters.map { "let \($0.name) = arguments.take(\($0.type).self)" }
        let guards = (takes + ["arguments.isAtEnd"]).joined(separator: ", ")
        let arguments = parameters.map(\.argument)
        let plain = (arguments + ["ClientBadge(raw: request.badge)"]).joined(separator: ", ")
        let call = "server.\(name)(\(plain))"
        let body: String
        switch kind {
        case .oneWay: body = call
        case .answeredLater:
            let list = (arguments + ["caller"]).joined(separator: ", ")
            body = """
                let held = loop.hold(\(resultType).self, \(errorType).self, of: request)
                            guard let caller = held else { return loop.refuse(.busy) }
                            server.\(name)(\(list))
                """
        case .plain:
            let tried = error == nil ? call : "try \(call)"
            let answer =
                result == nil ? "\(tried)\n                loop.finish()" : "loop.finish(\(tried))"
            body =
                error.map {
                    "do throws(\($0)) {\n                \(answer)\n"
                        + "            } catch { loop.fail(error) }"
                } ?? answer
        }
        return """
                    case \(number):
                        guard \(guards) else { break }
                        \(body)
                        return
            """
    }
}
