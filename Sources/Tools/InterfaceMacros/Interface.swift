// What a service's protocol says, read from its syntax. A macro sees no types: what a type is, its
// conformance to `MessageValue` says, in the code that is generated.

import SwiftDiagnostics
import SwiftSyntax

/// A service's description.
struct Interface {
    let name: String
    /// The service's name in the manifest.
    let service: String
    let version: String
    let access: String
    let methods: [Method]

    /// One method of the protocol.
    struct Method {
        let number: Int
        let name: String
        let parameters: [Parameter]
        /// nil: it has none.
        let result: (type: String, words: String)?
        /// The handle of the capability that the result gives; nil: the result is in words.
        let given: String?
        /// nil: it throws nothing of its own.
        let error: String?
        let kind: Kind
        let access: Access
        /// The lines of its doc comment.
        let documentation: [String]
    }
    struct Parameter {
        /// nil: `_`.
        let label: String?
        let name: String
        let type: String
        /// The expression of the words that it takes at most.
        let words: String
        let passing: Passing

        /// As the protocol declares it.
        var declaration: String { declaration(type) }
        func declaration(_ type: String) -> String {
            let label = label ?? "_"
            return (label == name ? name : "\(label) \(name)") + ": \(type)"
        }
        /// As a call writes it.
        var argument: String { (label.map { "\($0): " } ?? "") + name }
    }
    /// How a parameter gets to the server. The text is what the client has in its place.
    enum Passing {
        /// In the message's words.
        case words
        case lentForReading(String)
        case lentForWriting(String)
        case handedOver(String)
    }
    enum Kind: String {
        /// Answered when its function returns.
        case plain
        /// Answered by its `Caller`, then or later.
        case answeredLater
        /// Never answered: the client does not wait.
        case oneWay
    }
    /// Which clients may call a method.
    enum Access: String {
        case open
        /// Those whose manifest entry names it.
        case restricted
        case rootOnly
    }
}

/// A mistake in a service's protocol, at the place where it stands.
struct Mistake: Error, DiagnosticMessage {
    let node: Syntax
    let message: String
    var severity: DiagnosticSeverity { .error }
    var diagnosticID: MessageID { MessageID(domain: "Swiftlet", id: "service") }

    init(_ node: some SyntaxProtocol, _ message: String) {
        self.node = Syntax(node)
        self.message = message
    }
}

extension Interface {
    /// Reads the protocol that `@Service(version:)` stands before.
    init(_ declaration: some DeclSyntaxProtocol, _ attribute: AttributeSyntax) throws {
        guard let description = declaration.as(ProtocolDeclSyntax.self) else {
            throw Mistake(declaration, "@Service describes a service: write it before a protocol")
        }
        name = description.name.text
        access = accessLevel(description.modifiers)
        guard let arguments = attribute.arguments?.as(LabeledExprListSyntax.self),
            let version = arguments.first?.expression.as(IntegerLiteralExprSyntax.self)
        else { throw Mistake(attribute, "@Service takes its version as a number: (version: 1)") }
        self.version = version.literal.text
        if let name = arguments.dropFirst().first {
            guard
                let text = name.expression.as(StringLiteralExprSyntax.self)?
                    .representedLiteralValue, 1...32 ~= text.utf8.count
            else { throw Mistake(name, "a service's name has 1 to 32 bytes: (name: \"timer\")") }
            self.service = text
        } else {
            self.service = name.lowercased()
        }
        var methods: [Method] = []
        for member in description.memberBlock.members {
            guard let function = member.decl.as(FunctionDeclSyntax.self) else {
                throw Mistake(member, "a service has methods only")
            }
            let method = try Method(function)
            if let other = methods.first(where: { $0.number == method.number }) {
                throw Mistake(function, "`\(other.name)` has the number \(method.number), too")
            }
            if methods.contains(where: { $0.name == method.name }) {
                throw Mistake(function, "a service has one method of a name")
            }
            methods.append(method)
        }
        self.methods = methods
    }
}

extension Interface.Method {
    fileprivate init(_ function: FunctionDeclSyntax) throws {
        name = function.name.text
        (number, kind, access) = try Interface.Method.attribute(of: function)
        if let generic = function.genericParameterClause {
            throw Mistake(generic, "a method of a service is not generic")
        }
        let signature = function.signature
        if let effects = signature.effectSpecifiers, let word = effects.asyncSpecifier {
            throw Mistake(word, "a method of a service is not async: its client waits")
        }
        if let clause = signature.effectSpecifiers?.throwsClause {
            guard let type = clause.type else {
                throw Mistake(clause, "say which error it throws: throws(\(name.capitalised)Error)")
            }
            error = type.trimmedDescription
        } else {
            error = nil
        }
        result = try signature.returnClause.flatMap {
            let type = $0.type.trimmedDescription
            return type == "Void" || type == "()" ? nil : (type, try messageWords(of: $0.type))
        }
        given = signature.returnClause.flatMap { Interface.Method.given($0.type) }
        parameters = try signature.parameterClause.parameters.map(Interface.Parameter.init)
        if kind == .oneWay && (self.result != nil || error != nil) {
            throw Mistake(signature, "a one-way method has neither a result nor an error")
        }
        documentation = function.leadingTrivia.compactMap {
            if case .docLineComment(let text) = $0 { return text }
            return nil
        }
        let attached = parameters.filter { if case .words = $0.passing { false } else { true } }
        if attached.count > 1 {
            throw Mistake(signature, "one parameter at most is lent or handed over")
        }
        if attached.count == 1 && kind != .plain {
            throw Mistake(
                signature, "only a method that answers at once takes what is lent or handed over")
        }
        if let result = signature.returnClause, given != nil && kind != .answeredLater {
            throw Mistake(result, "a method that gives a capability is .answeredLater")
        }
        if ["endpoint", "interface", "service"].contains(name) {
            throw Mistake(function, "clients have a property `\(name)` already")
        }
        if documentation.isEmpty {
            throw Mistake(function, "`\(name)` has no doc comment: clients read it")
        }
    }

    /// The handle in `Given<Handle>`.
    private static func given(_ type: TypeSyntax) -> String? {
        guard let identifier = type.as(IdentifierTypeSyntax.self), identifier.name.text == "Given"
        else { return nil }
        return identifier.genericArgumentClause?.arguments.first?.trimmedDescription
    }

    private static func attribute(
        of function: FunctionDeclSyntax
    ) throws -> (Int, Interface.Kind, Interface.Access) {
        for case .attribute(let attribute) in function.attributes
        where attribute.attributeName.trimmedDescription == "Method" {
            guard let arguments = attribute.arguments?.as(LabeledExprListSyntax.self),
                let literal = arguments.first?.expression.as(IntegerLiteralExprSyntax.self),
                let number = Int(literal.literal.text), 1...32 ~= number
            else {
                throw Mistake(
                    attribute, "@Method takes a number from 1 to 32: a client has a right for each")
            }
            var (kind, access) = (Interface.Kind.plain, Interface.Access.open)
            for trait in arguments.dropFirst() {
                let name = trait.expression.as(MemberAccessExprSyntax.self)?.declName.baseName.text
                if let said = name.flatMap(Interface.Kind.init), kind == .plain, said != .plain {
                    kind = said
                } else if let said = name.flatMap(Interface.Access.init), access == .open,
                    said != .open
                {
                    access = said
                } else {
                    throw Mistake(
                        trait,
                        "a method is .answeredLater or .oneWay, or neither; and .restricted or "
                            + ".rootOnly, or neither")
                }
            }
            return (number, kind, access)
        }
        throw Mistake(
            function, "write @Method(NUMBER) before it: numbers stay when methods are added")
    }
}

extension Interface.Parameter {
    fileprivate init(_ parameter: FunctionParameterSyntax) throws {
        if let value = parameter.defaultValue {
            throw Mistake(value, "a parameter of a service has no default: clients would not agree")
        }
        if let dots = parameter.ellipsis {
            throw Mistake(dots, "a method of a service takes a fixed number of arguments")
        }
        // The compiler wants `borrowing` or `consuming` before what is lent or handed over.
        let attributed = parameter.type.as(AttributedTypeSyntax.self)
        let type = attributed?.baseType ?? parameter.type
        passing = Interface.Passing(type)
        if case .words = passing, let attributed {
            throw Mistake(attributed, "a parameter is a value: it is copied to the server")
        }
        let first = parameter.firstName.text
        label = first == "_" ? nil : first
        name = parameter.secondName?.text ?? first
        self.type = type.trimmedDescription
        words = if case .words = passing { try messageWords(of: type) } else { "0" }
        if name == "_" { throw Mistake(parameter, "a parameter of a service has a name") }
        if name.hasPrefix("_") {
            throw Mistake(parameter, "names that begin with `_` are those of generated code")
        }
        if label == "by" { throw Mistake(parameter, "`by` is the label of a call's deadline") }
    }
}

extension Interface.Passing {
    fileprivate init(_ type: TypeSyntax) {
        self = .words
        guard let identifier = type.as(IdentifierTypeSyntax.self),
            let arguments = identifier.genericArgumentClause?.arguments, arguments.count == 1
        else { return }
        let element = arguments.first!.trimmedDescription
        switch identifier.name.text {
        case "LentForReading": self = .lentForReading("Span<\(element)>")
        case "LentForWriting": self = .lentForWriting("inout MutableSpan<\(element)>")
        case "HandedOver": self = .handedOver(element)
        default: break
        }
    }
}

/// The access that what is generated from a declaration gets, as it stands before a member.
func accessLevel(_ modifiers: DeclModifierListSyntax) -> String {
    for level in modifiers.map(\.name.text) {
        if level == "public" || level == "package" { return level + " " }
        if level == "private" || level == "fileprivate" { return "fileprivate " }
    }
    return ""
}

extension String {
    fileprivate var capitalised: String { prefix(1).uppercased() + dropFirst() }
}
