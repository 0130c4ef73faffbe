// How many words a type takes in a message, as an expression that the compiler evaluates before it
// generates code. It does so for sums of constants, and not for a type's generic arguments: those
// are read from the syntax.

import SwiftSyntax

/// Returns the expression of the words that a type takes at most.
func messageWords(of type: TypeSyntax) throws -> String {
    guard let identifier = type.as(IdentifierTypeSyntax.self),
        let arguments = identifier.genericArgumentClause?.arguments.map(\.argument)
    else { return "\(type.trimmedDescription).words" }
    switch (identifier.name.text, arguments.count) {
    case ("Bytes", 1), ("FixedString", 1):
        return "(1 + (\(try literal(arguments[0])) + 7) / 8)"
    case ("Items", 2):
        guard case .type(let type) = arguments[0] else { break }
        return "(1 + \(try literal(arguments[1])) * \(try messageWords(of: type)))"
    default: break
    }
    return "\(type.trimmedDescription).words"
}

/// Returns a generic argument that is a number.
private func literal(_ argument: GenericArgumentSyntax.Argument) throws -> String {
    guard case .expr(let expression) = argument,
        let number = expression.as(IntegerLiteralExprSyntax.self)
    else { throw Mistake(argument, "write the number here: the compiler checks that it fits") }
    return number.literal.text
}
