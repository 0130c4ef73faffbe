// Requests to the root task's factory, and what it answers.

import CUserEntry
import Testing

@testable import RootTask
@testable import UserRuntime

extension Factory {
    /// The answer to a request of task 2 with these words.
    mutating func answer(_ words: [UInt64]) throws -> [UInt64] {
        var message = LongMessage()
        for (index, word) in words.enumerated() { message[index] = word }
        let request = Received(
            SwiftletResult(result: 0, badge: 2, loan: 0), message.registers().words,
            length: words.count)
        answer(request, &message, try #require(desk.spare))
        var answer: [UInt64] = []
        for index in 0..<message.length { answer.append(message[index]) }
        return answer
    }
}
