// Writes the reference page of each service from its protocol and the doc comments there.
//
// usage: interface-pages FOLDER-OF-PROTOCOLS FOLDER-OF-PAGES [--check]

import Foundation
import SwiftParser
import SwiftSyntax

@main enum InterfacePages {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count >= 2 else { end("usage: interface-pages PROTOCOLS PAGES [--check]") }
        let isCheck = arguments.dropFirst(2).contains("--check")
        let (sources, pages) = (URL(fileURLWithPath: arguments[0]), arguments[1])
        var written: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(atPath: sources.path).sorted()
        where file.hasSuffix(".swift") {
            let source = sources.appendingPathComponent(file)
            let tree = Parser.parse(source: try String(contentsOf: source, encoding: .utf8))
            guard let page = try Page(tree, "\(arguments[0])/\(file)") else { continue }
            let path = "\(pages)/\(page.name).md"
            written.insert("\(page.name).md")
            if isCheck {
                if page.text != (try? String(contentsOfFile: path, encoding: .utf8)) {
                    end("\(path) is older than \(source.path): run `make interface-pages`")
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

/// The page of one file's service.
private struct Page {
    /// The name of the file that is written, without its ending.
    let name: String
    let text: String

    /// nil: the file describes no service.
    init?(_ tree: SourceFileSyntax, _ file: String) throws {
        var service: (ProtocolDeclSyntax, Interface)?
        var errors: [EnumDeclSyntax] = []
        for statement in tree.statements {
            if let declaration = statement.item.as(ProtocolDeclSyntax.self),
                let attribute = declaration.attribute("Service")
            {
                service = (declaration, try Interface(declaration, attribute))
            } else if let declaration = statement.item.as(EnumDeclSyntax.self),
                declaration.inheritanceClause?.trimmedDescription.contains("ServiceError") == true
            {
                errors.append(declaration)
            }
        }
        guard let (declaration, interface) = service else { return nil }
        name = interface.service
        var lines = ["# The service `\(name)`"]
        lines += documentation(of: declaration)
        lines += [
            "", "Version \(interface.version). This page is generated from `\(file)`.",
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
        }
        for error in errors { lines += Page.table(of: error) }
        text = lines.joined(separator: "\n") + "\n"
    }

    private static func table(of error: EnumDeclSyntax) -> [String] {
        var lines = ["", "## \(error.name.text)"]
        lines += documentation(of: error)
        lines += ["", "| error | |", "|---|---|"]
        for member in error.memberBlock.members {
            guard let cases = member.decl.as(EnumCaseDeclSyntax.self) else { continue }
            let text = documentation(of: cases).joined(separator: " ")
            for element in cases.elements { lines.append("| `\(element.name.text)` | \(text) |") }
        }
        return lines
    }

    /// A line of a doc comment without its marks.
    static func text(_ line: String) -> String {
        String(line.drop { $0 == "/" }.drop { $0 == " " })
    }
}

private func documentation(of node: some SyntaxProtocol) -> [String] {
    node.leadingTrivia.compactMap {
        if case .docLineComment(let line) = $0 { return Page.text(line) }
        return nil
    }
}

extension ProtocolDeclSyntax {
    fileprivate func attribute(_ name: String) -> AttributeSyntax? {
        for case .attribute(let attribute) in attributes
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
