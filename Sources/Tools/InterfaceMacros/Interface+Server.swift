// The server of a service: the protocol that it implements, the dispatch of requests, and the
// interface's hash. Names of the dispatch begin with `_`, which no parameter does.

extension Interface {
    var server: String {
        """
        /// The methods that a server of `\(name)` implements.
        \(access)protocol \(name)Server: ~Copyable {
        \(methods.map(\.requirement).joined(separator: "\n"))
        }
        """
    }

    private var hash: String {
        var lines = ["var hash = InterfaceHash(\"\(name)\", version: \(version))"]
        for method in methods {
            let kind = method.kind.rawValue
            lines.append("hash.add(\(method.number), \"\(method.name)\", \"\(kind)\")")
            for parameter in method.parameters {
                lines.append("hash.add(\(parameter.type).shape, \"\(parameter.name)\")")
            }
            if let result = method.result { lines.append("hash.add(\(result.type).shape)") }
            if let error = method.error { lines.append("hash.add(\(error).shape)") }
        }
        return lines.joined(separator: "\n        ")
    }

    var dispatch: String {
        let variable = methods.allSatisfy(\.takesNoWords) ? "let" : "var"
        let later = methods.filter { $0.kind == .answeredLater }.reduce(0 as UInt32) {
            $0 | 1 << UInt32($1.number - 1)
        }
        return """
            \(access)enum \(name)Interface {
                \(access)static var hash: InterfaceHash {
                    \(hash)
                    return hash
                }
                /// The methods that are answered later: bit n - 1 for method n.
                \(access)static var answeredLater: UInt32 { \(later) }

                /// Performs a request to a server and answers it, or refuses it. The server's
                /// thread makes no other call since it received the request.
                \(access)static func perform<_Server: \(name)Server & ~Copyable>(
                    _ _request: Received, for _server: inout _Server, _ _loop: inout Server
                ) {
                    \(variable) _arguments = ArgumentReader(_request)
                    let _client = _request.client
                    switch _arguments.method {
                    case 0: if _arguments.isAtEnd { return _loop.finish(hash.raw) }
            \(methods.map(\.dispatch).joined(separator: "\n"))
                    default: return _loop.refuse(.unknownMethod)
                    }
                    _loop.refuse(_arguments.refusal)
                }
            }
            """
    }
}

extension Interface.Method {
    fileprivate var takesNoWords: Bool {
        parameters.allSatisfy { if case .words = $0.passing { false } else { true } }
    }
    private var effects: String {
        (error.map { " throws(\($0))" } ?? "") + (result.map { " -> \($0.type)" } ?? "")
    }

    fileprivate var requirement: String {
        let all = parameters.map(\.serverDeclaration)
        switch kind {
        case .plain, .oneWay:
            let list = (all + ["_: ClientBadge"]).joined(separator: ", ")
            return "\(comment)    mutating func \(name)(\(list))\(effects)"
        case .answeredLater:
            let list = (all + ["_: consuming Caller<\(resultType), \(errorType)>"])
            return "\(comment)    mutating func \(name)(\(list.joined(separator: ", ")))"
        }
    }

    /// Whether the client may call it.
    private var right: String {
        access == .rootOnly ? "_client.isRoot" : "_client.mayCall(\(number))"
    }

    fileprivate var dispatch: String {
        let takes = parameters.map { "let \($0.name) = \($0.taking)" }
        let guards = (takes + ["_arguments.isAtEnd"]).joined(separator: ", ")
        let arguments = parameters.map(\.argument)
        let plain = (arguments + ["_client"]).joined(separator: ", ")
        let call = "_server.\(name)(\(plain))"
        let body: String
        switch kind {
        case .oneWay: body = call
        case .answeredLater:
            let list = (arguments + ["_caller"]).joined(separator: ", ")
            body = """
                let _held = _loop.hold(\(resultType).self, \(errorType).self)
                            guard let _caller = _held else { return _loop.refuse(.busy) }
                            _server.\(name)(\(list))
                """
        case .plain:
            let tried = error == nil ? call : "try \(call)"
            let answer =
                result == nil
                ? "\(tried)\n                _loop.finish()" : "_loop.finish(\(tried))"
            body =
                error.map {
                    "do throws(\($0)) {\n                \(answer)\n"
                        + "            } catch { _loop.fail(error) }"
                } ?? answer
        }
        return """
                    case \(number):
                        guard \(right) else { return _loop.refuse(.notPermitted) }
                        guard \(guards) else { break }
                        \(body)
                        return
            """
    }
}

extension Interface.Parameter {
    /// A method cannot keep what is lent.
    fileprivate var serverDeclaration: String {
        switch passing {
        case .words: declaration
        case .lentForReading, .lentForWriting: declaration("borrowing \(type)")
        case .handedOver: declaration("consuming \(type)")
        }
    }
    fileprivate var taking: String {
        switch passing {
        case .words: "_arguments.take(\(type).self)"
        case .lentForReading, .lentForWriting: "_loop.lent(\(type).self, with: _request)"
        case .handedOver: "_loop.handedOver(\(type).self, with: _request)"
        }
    }
}
