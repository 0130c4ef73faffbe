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

extension Interface.Method {
    var resultType: String { result?.type ?? "Nothing" }
    var errorType: String { error ?? "NoError" }
    /// The lines of its doc comment, before a generated member.
    var comment: String { documentation.map { "    \($0)\n" }.joined() }
}
