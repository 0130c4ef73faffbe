// The command: `Explorer explore STATES [SYSTEM]`.

import Foundation

@main struct Main {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        let states = arguments.dropFirst().first.flatMap { Int($0) } ?? 50_000
        let name = arguments.dropFirst(2).first
        var isSound = true
        for plan in Plan.all where name == nil || plan.name.hasPrefix(name!) {
            let start = Date()
            let explorer = Explorer(plan)
            let result = explorer.search(states: states, depth: 1000)
            let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
            let extent = result.isExhausted ? "all of them" : "all up to depth \(result.depth)"
            print("\(plan.name): \(result.states) states, \(extent), \(result.steps) steps, \(seconds) s")
            if let violation = result.violation {
                print("error: \(violation)")
                isSound = false
            }
        }
        exit(isSound ? 0 : 1)
    }
}
