// Writes what is generated from the protocols of services beside their code: the reference page of
// each service, with the doc comments there and what its requests cost; and the list of all
// methods, by which manifests name rights.
//
// usage: interface-pages FOLDER-OF-PROTOCOLS FOLDER-OF-PAGES FILE-OF-COSTS [--check]
//        interface-pages FOLDER-OF-PROTOCOLS --methods FILE

import Foundation
import SwiftParser
import SwiftSyntax

@main enum InterfacePages {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.count, arguments.dropFirst().first, arguments.last) {
        case (3, "--methods", let file?): try writeMethods(of: arguments[0], to: file)
        case (3, let pages?, let costs?):
            try writePages(of: arguments[0], to: pages, Costs(costs))
        case (4, let pages?, "--check"):
            try writePages(of: arguments[0], to: pages, Costs(arguments[2]), isCheck: true)
        default:
            end(
                "usage: interface-pages PROTOCOLS PAGES COSTS [--check] | PROTOCOLS --methods FILE")
        }
    }

    /// Returns what the files of a folder describe, in the order of their names.
    private static func describe(_ folder: String) throws -> [Described] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted().compactMap { name in
            let path = "\(folder)/\(name)"
            if !name.hasSuffix(".swift") { return nil }
            let tree = Parser.parse(source: try String(contentsOfFile: path, encoding: .utf8))
            return try Described(tree, path)
        }
    }

    private static func writeMethods(of folder: String, to file: String) throws {
        var text = "# The methods of services. Generated from the protocols in \(folder).\n"
        for interface in try describe(folder).compactMap(\.service?.interface) {
            for method in interface.methods {
                text += "\n[[method]]\nservice = \"\(interface.service)\"\n"
                text += "name = \"\(method.name)\"\nnumber = \(method.number)\n"
                text += "access = \"\(method.access.rawValue)\"\n"
            }
        }
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }

    private static func writePages(
        of folder: String, to pages: String, _ costs: Costs, isCheck: Bool = false
    ) throws {
        var written: Set<String> = []
        let files = try describe(folder)
        costs.check(files.compactMap(\.service?.interface))
        for page in files.compactMap({ Page($0, beside: files, costs) }) {
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

/// What requests cost, by a file with a line for each: `names.open, not permitted: 9728`.
private struct Costs {
    private let path: String
    /// The request, as `names.open`; a case of it, or nothing; and its instructions.
    private var lines: [(request: String, detail: String, instructions: Int)] = []

    init(_ path: String) throws {
        self.path = path
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
            let parts = line.components(separatedBy: ": ")
            guard parts.count == 2, let instructions = Int(parts[1]) else {
                InterfacePages.end("\(path): no line of a cost: \(line)")
            }
            let words = parts[0].components(separatedBy: ", ")
            lines.append((words[0], words.dropFirst().joined(separator: ", "), instructions))
        }
    }

    /// Ends the tool if a line names no request.
    func check(_ services: [Interface]) {
        let known = Set(
            services.map(\.service)
                + services.flatMap { service in
                    service.methods.map { "\(service.service).\($0.name)" }
                })
        for line in lines where !known.contains(line.request) {
            InterfacePages.end("\(path): \(line.request) is no request")
        }
    }

    /// The lines of a page that tell what a request costs; none if that was not measured.
    func text(of request: String) -> [String] {
        let costs = lines.filter { $0.request == request }
        if costs.isEmpty { return [] }
        let list = costs.map { cost in
            (cost.detail.isEmpty ? "" : "\(cost.detail): ") + Costs.grouped(cost.instructions)
        }
        return [
            "",
            "[Cost](../board-services.md#what-a-request-costs) in instructions: "
                + list.joined(separator: "; ") + ".",
        ]
    }
    /// With a comma before each three digits.
    private static func grouped(_ number: Int) -> String {
        let digits = String(number)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }
}

/// What one file describes: a service, or an error that several services throw.
private struct Described {
    let file: String
    /// nil: the file describes an error alone.
    let service: (declaration: ProtocolDeclSyntax, interface: Interface)?
    /// The structures and enumerations that travel in messages.
    let values: [DeclSyntax]

    /// nil: the file describes neither.
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
                    || declaration.as(EnumDeclSyntax.self)?.isServiceError == true
            {
                values.append(declaration)
            }
        }
        if service == nil && !values.contains(where: { $0.errorName != nil }) { return nil }
        self.service = service
        self.values = values
        self.file = file
    }
    /// The errors that it describes.
    var errors: [String] { values.compactMap(\.errorName) }
}

extension EnumDeclSyntax {
    fileprivate var isServiceError: Bool {
        inheritanceClause?.inheritedTypes.contains {
            $0.type.trimmedDescription == "ServiceError"
        } ?? false
    }
}
extension DeclSyntax {
    /// The name of an enumeration that a service throws.
    fileprivate var errorName: String? {
        guard let enumeration = self.as(EnumDeclSyntax.self), enumeration.isServiceError else {
            return nil
        }
        return enumeration.name.text
    }
}

/// The page of a service, or of an error that several services throw.
private struct Page {
    /// The name of the file that is written, without its ending.
    let name: String
    let text: String

    /// - Parameter files: all that are described.
    init?(_ file: Described, beside files: [Described], _ costs: Costs) {
        var lines: [String] = []
        if let (declaration, interface) = file.service {
            name = interface.service
            lines = ["# The service `\(name)`"] + documentation(of: declaration)
            lines += [
                "", "Version \(interface.version). This page is generated from `\(file.file)`.",
                "See [typed services](../typed-services.md) for clients and servers.",
            ]
            let thrown = Set(interface.methods.compactMap(\.error))
            for error in thrown.sorted() where !file.errors.contains(error) {
                if files.contains(where: { $0.service == nil && $0.errors.contains(error) }) {
                    lines += ["", "Its error: [`\(error)`](\(error).md)."]
                }
            }
            for method in interface.methods {
                lines += Page.lines(of: method, name) + costs.text(of: "\(name).\(method.name)")
            }
            let others = costs.text(of: name)
            if !others.isEmpty { lines += ["", "## Other requests"] + others }
        } else if let error = file.errors.first {
            name = error
            lines = ["# `\(name)`", "This page is generated from `\(file.file)`."]
        } else {
            return nil
        }
        for value in file.values {
            if let enumeration = value.as(EnumDeclSyntax.self) {
                lines += Page.table(of: enumeration)
            } else if let structure = value.as(StructDeclSyntax.self) {
                lines += Page.table(of: structure)
            }
        }
        text = lines.joined(separator: "\n") + "\n"
    }

    private static func lines(of method: Interface.Method, _ service: String) -> [String] {
        var lines = ["", "## \(method.name)", "```swift", method.signature, "```"]
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
            lines += ["", "A client needs `\(service).\(method.name)` under its `opens`."]
        case .rootOnly: lines += ["", "For the root task alone."]
        }
        return lines
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
