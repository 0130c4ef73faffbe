// Writes what is generated from the protocols of services beside their code: the reference page of
// each service, with the doc comments there; and the list of all methods, by which manifests name
// rights.
//
// usage: interface-pages FOLDER-OF-PROTOCOLS FOLDER-OF-PAGES [--check]
//        interface-pages FOLDER-OF-PROTOCOLS --methods FILE

import Foundation
import SwiftParser
import SwiftSyntax

@main enum InterfacePages {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.count, arguments.dropFirst().first, arguments.last) {
        case (3, "--methods", let file?): try writeMethods(of: arguments[0], to: file)
        case (2, let pages?, _): try writePages(of: arguments[0], to: pages)
        case (3, let pages?, "--check"): try writePages(of: arguments[0], to: pages, isCheck: true)
        default: end("usage: interface-pages PROTOCOLS PAGES [--check] | PROTOCOLS --methods FILE")
        }
    }

    /// Returns the services of a folder, in the order of the files' names.
    private static func services(of folder: String) throws -> [Described] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted().compactMap { name in
            let path = "\(folder)/\(name)"
            if !name.hasSuffix(".swift") { return nil }
            let tree = Parser.parse(source: try String(contentsOfFile: path, encoding: .utf8))
            return try Described(tree, path)
        }
    }

    private static func writeMethods(of folder: String, to file: String) throws {
        var text = "# The methods of services. Generated from the protocols in \(folder).\n"
        for service in try services(of: folder) {
            for method in service.interface.methods {
                text += "\n[[method]]\nservice = \"\(service.interface.service)\"\n"
                text += "name = \"\(method.name)\"\nnumber = \(method.number)\n"
                text += "access = \"\(method.access.rawValue)\"\n"
            }
        }
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }

    private static func writePages(
        of folder: String, to pages: String, isCheck: Bool = false
    ) throws {
        var written: Set<String> = []
        for page in try services(of: folder).map(Page.init) {
            let path = "\(pages)/\(page.name).md"
            written.insert("\(page.name).md")
            if isCheck {
                if page.text != (try? String(contentsOfFile: path, encoding: .utf8)) {
                    end("\(path) is older than \(folder): run `make interface-pages`")
                }
            } else {
                try FileManager.default.createDirectory(
                    atPath: pages, withIntermediateDirectories: true)
                try page.text.write(toFile: path, atomically: true, encoding: .utf8)
            }
        }
        let there = (try? FileManager.default.contentsOfDirectory(atPath: pages)) ?? []
        for file in there where !written.contains(file) {
            end("\(pages)/\(file) is the page of no service: remove it")
        }
    }

    static func end(_ text: String) -> Never {
        FileHandle.standardError.write(Data("error: \(text)\n".utf8))
        exit(1)
    }
}

/// One file's service.
private struct Described {
    let file: String
    let declaration: ProtocolDeclSyntax
    let interface: Interface
    /// The structures and enumerations with `@Message`.
    let values: [DeclSyntax]

    /// nil: the file describes no service.
    init?(_ tree: SourceFileSyntax, _ file: String) throws {
        var service: (ProtocolDeclSyntax, Interface)?
        var values: [DeclSyntax] = []
        for statement in tree.statements {
            if let declaration = statement.item.as(ProtocolDeclSyntax.self),
                let attribute = declaration.attributes.attribute("Service")
            {
                service = (declaration, try Interface(declaration, attribute))
            } else if let declaration = statement.item.as(DeclSyntax.self),
                let attributed = declaration.asProtocol((any WithAttributesSyntax).self),
                attributed.attributes.attribute("Message") != nil
            {
                values.append(declaration)
            }
        }
        guard let service else { return nil }
        (declaration, interface) = service
        self.values = values
        self.file = file
    }
}

/// The page of a service.
private struct Page {
    /// The name of the file that is written, without its ending.
    let name: String
    let text: String

    init(_ service: Described) {
        let interface = service.interface
        name = interface.service
        var lines = ["# The service `\(name)`"]
        lines += documentation(of: service.declaration)
        lines += [
            "", "Version \(interface.version). This page is generated from `\(service.file)`.",
            "See [typed services](../typed-services.md) for clients and servers.",
        ]
        for method in interface.methods {
            lines += ["", "## \(method.name)", "```swift", method.signature, "```"]
            lines += method.documentation.map(Page.text)
            switch method.kind {
            case .plain: break
            case .answeredLater:
                lines += ["", "A client names a deadline: the answer comes later."]
            case .oneWay:
                lines += [
                    "", "There is no answer. The client goes on once the server has the message.",
                ]
            }
            switch method.access {
            case .open: break
            case .restricted:
                lines += ["", "A client needs `\(name).\(method.name)` under its `opens`."]
            case .rootOnly: lines += ["", "For the root task alone."]
            }
        }
        for value in service.values {
            if let enumeration = value.as(EnumDeclSyntax.self) {
                lines += Page.table(of: enumeration)
            } else if let structure = value.as(StructDeclSyntax.self) {
                lines += Page.table(of: structure)
            }
        }
        text = lines.joined(separator: "\n") + "\n"
    }

    private static func table(of structure: StructDeclSyntax) -> [String] {
        var lines = ["", "## \(structure.name.text)"]
        lines += documentation(of: structure)
        lines += ["", "| field | type | |", "|---|---|---|"]
        for member in structure.memberBlock.members {
            guard let variable = member.decl.as(VariableDeclSyntax.self),
                !variable.modifiers.contains(where: { $0.name.text == "static" })
            else { continue }
            let text = documentation(of: variable).joined(separator: " ")
            for field in variable.bindings where field.accessorBlock == nil {
                let type = field.typeAnnotation?.type.trimmedDescription ?? ""
                lines.append("| `\(field.pattern.trimmedDescription)` | `\(type)` | \(text) |")
            }
        }
        return lines
    }

    private static func table(of enumeration: EnumDeclSyntax) -> [String] {
        var lines = ["", "## \(enumeration.name.text)"]
        lines += documentation(of: enumeration)
        lines += ["", "| case | |", "|---|---|"]
        for member in enumeration.memberBlock.members {
            guard let cases = member.decl.as(EnumCaseDeclSyntax.self) else { continue }
            let text = documentation(of: cases).joined(separator: " ")
            for element in cases.elements { lines.append("| `\(element.name.text)` | \(text) |") }
        }
        return lines
    }

    /// A line of a doc comment without its marks.
    static func text(_ line: String) -> String {
        // Further spaces are the indentation of a list.
        let text = line.drop { $0 == "/" }
        return String(text.first == " " ? text.dropFirst() : text)
    }
}

private func documentation(of node: some SyntaxProtocol) -> [String] {
    node.leadingTrivia.compactMap {
        if case .docLineComment(let line) = $0 { return Page.text(line) }
        return nil
    }
}

extension AttributeListSyntax {
    fileprivate func attribute(_ name: String) -> AttributeSyntax? {
        for case .attribute(let attribute) in self
        where attribute.attributeName.trimmedDescription == name { return attribute }
        return nil
    }
}

extension Interface.Method {
    /// As a client calls it.
    fileprivate var signature: String {
        let list = parameters.map(\.declaration).joined(separator: ", ")
        let error = error.map { " throws(\($0))" } ?? ""
        return "func \(name)(\(list))\(error)" + (result.map { " -> \($0.type)" } ?? "")
    }
}
