// `@Message`: the encoding of a structure's fields, or of an enumeration's cases.

import SwiftDiagnostics
import SwiftSyntax
import SwiftSyntaxMacros

public struct MessageMacro: ExtensionMacro {
    public static func expansion(
        of node: AttributeSyntax, attachedTo declaration: some DeclGroupSyntax,
        providingExtensionsOf type: some TypeSyntaxProtocol,
        conformingTo protocols: [TypeSyntax], in context: some MacroExpansionContext
    ) throws -> [ExtensionDeclSyntax] {
        do {
            let access = accessLevel(declaration.modifiers)
            let members: String
            if let structure = declaration.as(StructDeclSyntax.self) {
                members = try fields(of: structure, access)
            } else if let enumeration = declaration.as(EnumDeclSyntax.self) {
                members = try cases(of: enumeration, access)
            } else {
                throw Mistake(declaration, "@Message stands before a structure or an enumeration")
            }
            // An error conforms by `ServiceError`.
            let conformance = protocols.isEmpty ? "" : ": MessageValue"
            let text = "extension \(type.trimmedDescription)\(conformance) {\n\(members)\n}"
            return [try ExtensionDeclSyntax("\(raw: text)")]
        } catch let mistake as Mistake {
            context.diagnose(Diagnostic(node: mistake.node, message: mistake))
            return []
        }
    }

    private static func fields(
        of structure: StructDeclSyntax, _ access: String
    ) throws -> String {
        let name = structure.name.text
        var fields: [(name: String, type: String, words: String)] = []
        for member in structure.memberBlock.members {
            guard let variable = member.decl.as(VariableDeclSyntax.self),
                !variable.modifiers.contains(where: { $0.name.text == "static" })
            else { continue }
            for binding in variable.bindings where binding.accessorBlock == nil {
                guard let type = binding.typeAnnotation?.type else {
                    throw Mistake(binding, "write the field's type: clients read it")
                }
                let field = binding.pattern.trimmedDescription
                if field.hasPrefix("_") {
                    throw Mistake(binding, "the name of a field does not begin with `_`")
                }
                fields.append((field, type.trimmedDescription, try messageWords(of: type)))
            }
        }
        if fields.isEmpty { throw Mistake(structure, "a message has fields") }
        let sum = fields.map(\.words).joined(separator: " + ")
        let shapes = fields.map { "_hash.add(\($0.type).shape, \"\($0.name)\")" }
        let arguments = fields.map { "\($0.name): \($0.name)" }
        let takes = fields.map { "let \($0.name) = _message.take(\($0.type).self)" }
        return """
                @_transparent \(access)static var words: UInt { \(sum) }
                \(access)static var shape: UInt64 {
                    var _hash = InterfaceHash("\(name)", version: 0)
                    \(shapes.joined(separator: "\n        "))
                    return _hash.raw
                }
                @inline(__always) \(access)func put(into _message: inout MessageWriter) {
                    \(fields.map { "_message.put(\($0.name))" }.joined(separator: "\n        "))
                }
                @inline(__always) \(access)static func take(
                    from _message: inout MessageReader
                ) -> \(name)? {
                    guard \(takes.joined(separator: ", ")) else { return nil }
                    return \(name)(\(arguments.joined(separator: ", ")))
                }
            """
    }

    /// Names and raw values: an enumeration is encoded by its raw value.
    private static func cases(of enumeration: EnumDeclSyntax, _ access: String) throws -> String {
        let name = enumeration.name.text
        var shapes: [String] = []
        for member in enumeration.memberBlock.members {
            guard let line = member.decl.as(EnumCaseDeclSyntax.self) else { continue }
            for element in line.elements {
                if let values = element.parameterClause {
                    throw Mistake(values, "a case of a message has no associated values")
                }
                let value = "\(enumeration.name.text).\(element.name.text).rawValue"
                shapes.append(
                    "_hash.add(UInt64(truncatingIfNeeded: \(value)), \"\(element.name.text)\")")
            }
        }
        if enumeration.inheritanceClause == nil || shapes.isEmpty {
            throw Mistake(
                enumeration, "give the enumeration cases with raw values: enum \(name): UInt8")
        }
        return """
                \(access)static var shape: UInt64 {
                    var _hash = InterfaceHash("\(name)", version: 0)
                    \(shapes.joined(separator: "\n        "))
                    return _hash.raw
                }
            """
    }
}
