// What a task may ask the root task's factory for: any words are answered, and none ends the root
// task.

import KernelABI
import Protocols
import ServiceCores
import Testing

@testable import RootTask
@testable import UserRuntime

@Suite struct FactoryRequestTests {
    /// Words at the ends of their types, with a few numbers of tasks.
    private static let words: [UInt64] = [
        0, 1, 2, 64, UInt64(UInt32.max), 1 << 62, UInt64(Int.max), 1 << 63, ~1, ~0,
    ]
    private static let factoryPrivileges: Privileges =
        .factoryInspect | .factoryControl | .factoryDevices | .factoryServices | .factoryPower

    /// A factory of which task 2 may ask all; each of the three tasks runs.
    private func makeFactory(_ machine: RootMachine) throws -> Factory {
        var factory = try machine.makeFactory {
            $0.privileges = FactoryRequestTests.factoryPrivileges
        }
        for number in 0..<3 { try factory.start(number) }
        return factory
    }

    /// Each operation with each word in each place, and each two words in the first two.
    @Test func anyWordsAreAnswered() throws {
        let machine = try RootMachine()
        machine.system.inspectionPeriod = 4096
        var factory = try makeFactory(machine)
        for operation in 0...UInt64(FactoryOperation.activity.rawValue) + 1 {
            for word in FactoryRequestTests.words {
                var requests = FactoryRequestTests.words.map {
                    [operation, word, $0] + .init(repeating: word, count: 5)
                }
                for place in 1..<8 {
                    var words = [operation] + .init(repeating: 2, count: 7)
                    words[place] = word
                    requests.append(words)
                }
                for words in requests {
                    _ = try factory.answer(words)
                    #expect(machine.areScratchSlotsEmpty, "\(words)")
                }
            }
        }
        #expect(machine.system.isBroken == false)
    }

    /// Activity from any task on: what there is, and nothing behind the last.
    @Test func activityBehindTheLastTask() throws {
        let machine = try RootMachine()
        var factory = try makeFactory(machine)
        for (first, count) in [
            (0, 3), (2, 1), (3, 0), (64, 0), (UInt64(Int.max), 0), (1 << 63, 0), (~0, 0),
        ] {
            let words = [UInt64(FactoryOperation.activity.rawValue), first]
            let answer = try factory.answer(words)
            #expect(answer[0] == 0)
            #expect(answer[1] == UInt64(count), "from \(first)")
        }
    }

    /// A device of any registers and lines: a driver is started for it, or refused.
    @Test func anyDeviceIsAnswered() throws {
        for base in FactoryRequestTests.words {
            for size in FactoryRequestTests.words {
                for ranges in [1, DriverRequest.maximumRanges] {
                    let machine = try RootMachine()
                    machine.system.inspectionPeriod = 4096
                    var factory = try machine.makeFactory {
                        $0.privileges = FactoryRequestTests.factoryPrivileges
                        $0.start = .device
                    }
                    let name = Name("first")
                    let head = DriverRequest.head(
                        ranges: ranges, lines: 1, instance: 255, variant: 255, parameters: 1)
                    var words = [head, name.word0, name.word1, name.word2, name.word3]
                    words += words[1...4]
                    for _ in 0..<ranges { words += [base, size] }
                    words += [size, base, size, base, size]
                    let answer = try factory.answer(words)
                    #expect(answer[0] != 0, "registers of \(size) bytes at \(base)")
                    #expect(factory.tasks[1].phase == .waiting)
                }
            }
        }
    }
}
