// The command: `Explorer explore STATES [SYSTEM]` enumerates states, `Explorer faults STATES
// [SYSTEM]` those of two cores, with budgets, mutexes or stale deadlines up to the first violation,
// and `Explorer agree STATES [SEED]` compares the paths.

import Foundation

@main struct Main {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let count = arguments.count > 1 ? Int(arguments[1]) : nil
        let last = arguments.count > 2 ? arguments[2] : nil
        switch (arguments.first, count) {
        case ("explore", .some(let states)): exit(explore(states: states, system: last) ? 0 : 1)
        case ("faults", .some(let states)):
            exit(explore(states: states, system: last, isShort: true) ? 0 : 1)
        case ("agree", .some(let states)):
            exit(agree(states: states, seed: last.flatMap { UInt64($0) } ?? 1) ? 0 : 1)
        default:
            print("usage: Explorer explore|faults STATES [SYSTEM] | Explorer agree STATES [SEED]")
            exit(2)
        }
    }

    /// Searches each system, or those whose name starts so.
    ///
    /// - Parameter isShort: only systems of several cores, with budgets, with mutexes or with stale
    ///   deadlines, and only up to the first violation.
    static func explore(states: Int, system: String?, isShort: Bool = false) -> Bool {
        var isSound = true
        var total = SearchResult()
        let begin = Date()
        if isShort { Watch.patience = 5 }
        let plans =
            isShort ? Plan.ofTwoCores + Plan.ofBudgets + Plan.ofMutexes + [.stale] : Plan.all
        for plan in plans where system.map({ plan.name.hasPrefix($0) }) ?? true {
            let start = Date()
            let explorer = Explorer(plan)
            Watch.begin { explorer.reportUnfinished() }
            let result = explorer.search(states: states, depth: 1000)
            let extent = result.isExhausted ? "all of them" : "all up to depth \(result.depth)"
            print(
                "\(plan.name): \(result.states) states,",
                "\(result.laggingStates) with a pending update,"
                    + (plan.cores == 1 ? "" : between(result)), "\(extent),",
                "\(result.steps) steps, \(seconds(start))"
            )
            total.states += result.states
            total.laggingStates += result.laggingStates
            total.steps += result.steps
            if let violation = result.violation {
                print("error: \(violation)")
                isSound = false
            }
            fflush(nil)
            if isShort && !isSound { break }
        }
        print(
            "in all: \(total.states) states, \(total.laggingStates) with a pending update,",
            "\(total.steps) steps, \(seconds(begin))")
        if total.states == 0 {
            print("error: no system has such a name")
            exit(2)
        }
        return isSound
    }

    /// What the states of several cores have to do with one another.
    private static func between(_ result: SearchResult) -> String {
        " \(result.askedStates) with an interrupt between cores on its way, "
            + "\(result.awaitingStates) where a thread waits for another core, "
            + "\(result.passingStates) where a core passes the lock,"
    }

    static func agree(states: Int, seed: UInt64) -> Bool {
        let start = Date()
        let agreement = Agreement(seed: seed)
        Watch.begin { agreement.reportUnfinished() }
        agreement.compare(states: states)
        print(
            "fast and general path: \(agreement.states.count) states,",
            "\(agreement.laggingStates) with a pending update,",
            "of \(agreement.systems) systems,",
            "\(agreement.steps) entries, \(seconds(start)); by a fast path:",
            agreement.fastEntries.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(
                separator: ", "))
        if let difference = agreement.difference { print("error: \(difference)") }
        let unused = [
            "call", "replyAndReceive", "answerFault", "longCall", "longReplyAndReceive", "signal",
            "poll", "yield",
            "interrupt", "tick",
        ].filter { agreement.fastEntries[$0] == nil }
        if agreement.difference == nil && !unused.isEmpty {
            print("error: no fast path took part in \(unused)")
        }
        return agreement.difference == nil && unused.isEmpty
    }

    private static func seconds(_ start: Date) -> String {
        String(format: "%.1f s", Date().timeIntervalSince(start))
    }
}
