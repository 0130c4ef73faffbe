// The service `shares`: threads that a task started take part in what their task shares.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory: SharesServer {
    /// Makes a thread that a task started a participant of the mutex set of one of its shares,
    /// under the number of its place. No task has the right to do that itself: it could end the
    /// participation of others.
    ///
    /// - Parameters:
    ///   - number: the task.
    ///   - share: which of the task's shares.
    ///   - place: the thread's place.
    private func join(_ number: Int, share: Int, place: Int) throws(FactoryFailure) {
        let parts = parts(of: number)
        if share >= parts.count || place >= Thread.maximumCount {
            throw FactoryFailure(.badRequest)
        }
        let part = parts[share]
        let description = shares[part.index]
        if description.setCells == 0 || !description.users[part.user].isWriter {
            throw FactoryFailure(.notPermitted)
        }
        let participant = part.firstParticipant(of: description) + 1 + place
        do throws(KernelError) {
            try with(.started(place), of: number) { (thread) throws(KernelError) in
                try join(thread, as: participant, part)
            }
        } catch {
            // All bodies of a place have one thread.
            if error != .slotOccupied { throw FactoryFailure(.kernel(error)) }
        }
    }

    mutating func join(
        _ place: UInt8, share: UInt8, _ client: ClientBadge
    ) throws(RootError) {
        try answering { () throws(FactoryFailure) in
            let number = try index(of: UInt16(client.task))
            try join(number, share: Int(share), place: Int(place))
        }
    }
}
