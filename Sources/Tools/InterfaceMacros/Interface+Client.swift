// The client of a service. Names of its own begin with `_`, which no parameter does.

extension Interface {
    var client: String {
        """
        /// A client's end of the service `\(name)`. Its methods throw a `SystemError`, which holds
        /// the service's own error, too.
        \(access)struct \(name)Client: ServiceClient {
            \(access)static var interface: InterfaceHash { \(name)Interface.hash }
            \(access)static var service: StaticString { "\(service)" }
            \(access)let endpoint: Endpoint
            \(access)init(_ endpoint: Endpoint) { self.endpoint = endpoint }

        \(methods.map { $0.client(access) }.joined(separator: "\n\n"))
        }
        """
    }
}

extension Interface.Method {
    fileprivate func client(_ access: String) -> String {
        var declared = parameters.map(\.clientDeclaration)
        // A client says how long it waits for a later answer.
        let patience = kind == .answeredLater ? "" : " = .patience"
        if given != nil { declared.append("to _slot: Slot") }
        declared.append("by _deadline: Instant\(patience)")
        let inWords = parameters.filter { $0.attachment == nil }
        let variable = inWords.isEmpty ? "let" : "var"
        let puts = inWords.map { "\n        _request.put(\($0.name))" }.joined()
        let attached = parameters.compactMap(\.attachment).map { ", \($0)" }.joined()
        let receiving = given == nil ? "" : ", receiving: _slot"
        let place = given == nil ? "" : ", in: _slot"
        let call = "try _request.call(self.endpoint\(attached)\(receiving), by: _deadline)"
        let send =
            kind == .oneWay
            ? "try _request.send(to: self.endpoint, by: _deadline)"
            : result.map { "return \(call).take(\($0.type).self\(place))" } ?? "\(call).end()"
        let fits =
            Self.check(parameters.map(\.words), "arguments")
            + Self.check(result.map { [$0.words] } ?? [], "result")
        return """
            \(comment)    @inline(__always) \(access)func \(name)(
                    \(declared.joined(separator: ", "))
                ) throws(SystemError)\((given ?? result?.type).map { " -> \($0)" } ?? "") {\(fits)
                    \(variable) _request = RequestWriter(method: \(number))\(puts)
                    \(send)
                }
            """
    }

    /// Generates a constant expression that overflows if the words do not fit into a message.
    private static func check(_ words: [String], _ what: String) -> String {
        if words.isEmpty { return "" }
        let sum = words.joined(separator: " + ")
        return "\n        _ = 127 as UInt - (\(sum))  // The \(what) must fit into 127 words."
    }
}

extension Interface.Parameter {
    fileprivate var clientDeclaration: String {
        let type =
            switch passing {
            case .words: type
            case .lentForReading(let type), .lentForWriting(let type), .handedOver(let type): type
            }
        return declaration(type)
    }
    /// What the call carries beside its words.
    fileprivate var attachment: String? {
        switch passing {
        case .words: nil
        case .lentForReading, .lentForWriting: "Loan(\(name))"
        case .handedOver: name
        }
    }
}
