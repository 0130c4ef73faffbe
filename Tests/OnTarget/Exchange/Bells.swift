// A service that keeps what its clients register, and a client, for
// Tests/OnTarget/system/exchange.txt. The client opens the service before that has started, and
// registers again whenever the service tells that it lost its registrations.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// Keeps notifications of its clients.
@Service(version: 1)
protocol Bells {
    /// Keeps a notification until its task ends. Returns how many are kept.
    @Method(1) func hang(_ bell: consuming HandedOver<Notification>) -> UInt8
}

struct BellTower: ~Copyable, BellsServer, ServiceTask {
    static let places: UInt32 = 4
    private static var first: UInt32 { StartSlot.firstFree.index }
    static var arrival: Slot { Slot(first + places) }
    private var bells: UInt64 = 0

    mutating func hang(
        _ bell: consuming HandedOver<Notification>, _ client: ClientBadge
    ) -> UInt8 {
        let place = (~bells).trailingZeroBitCount
        if place < BellTower.places,
            (try? bell.keep(in: Slot(BellTower.first + UInt32(place)))) != nil
        {
            bells |= 1 << UInt64(place)
        }
        return UInt8(bells.nonzeroBitCount)
    }
    /// A notification goes with its task.
    mutating func forgetCallers() {
        for place in 0..<BellTower.places where bells & 1 << UInt64(place) != 0 {
            let slot = Slot(BellTower.first + place)
            if (try? CapabilityTable.own.describe(slot))?.kind == .notification { continue }
            bells &= ~(1 << UInt64(place))
            log("a bell is gone, \(bells.nonzeroBitCount) are left")
        }
    }
    mutating func perform(_ request: Received, _ loop: inout Server) {
        BellsInterface.perform(request, for: &self, &loop)
    }
}

/// Starts the service's task for the first time.
func startTower() {
    let name = FixedString<32>(name: Name("tower").words)
    do throws(SystemError) { _ = try TasksClient().start(name, by: .never) } catch {
        log("the tower does not start")
    }
}

func keepBells(_ information: StartInformation) -> Never {
    log("the bells are kept from now on")
    serve(BellTower(), Server(information, receiving: BellTower.arrival))
}

/// One of several that wait for the same service.
func awaitBells() {
    do throws(SystemError) {
        _ = try BellsClient(opening: StartSlot.firstFree, by: .never)
        log("finds the bells")
    } catch { log("finds no bells: \(error.text)") }
}

/// Hears of the next life of a service that it could not have: the bits are kept for it.
private func awaitTower(_ slot: Slot) {
    do throws(SystemError) {
        _ = try BellsClient(finding: slot, signalling: towerBit)
        return
    } catch {
        if error != .kernel(.peerDied) { return }
    }
    let bits = try? Notification(StartSlot.notification).wait(deadline: .after(milliseconds: 5000))
    log(bits == towerBit ? "hears of the tower's next life" : "hears nothing of the tower")
}

/// The bit that tells of the service's end and start.
private let towerBit: UInt64 = 1 << 7

func visitBells() throws(SystemError) -> Never {
    let slot = StartSlot.firstFree
    do throws(SystemError) { _ = try BellsClient(finding: slot) } catch {
        log("no bells yet: \(error.text)")
    }
    do throws(SystemError) {
        _ = try BellsClient(opening: slot, by: .after(milliseconds: 300))
    } catch { log("still no bells: \(error.text)") }
    awaitTower(slot)
    let other = Slot(slot.index + 1)
    do throws(SystemError) { _ = try PowerClient(opening: other) } catch {
        log("no power: \(error.text)")
    }
    let bells = try BellsClient(opening: slot, signalling: towerBit, by: .never)
    while true {
        do throws(SystemError) {
            let count = try bells.hang(Notification(StartSlot.notification))
            log("my bell hangs, of \(count)")
        } catch { log("my bell does not hang: \(error.text)") }
        let bits = (try? Notification(StartSlot.notification).wait()) ?? 0
        log("the tower's task ended or runs again: \(bits == towerBit ? 1 : 0)")
    }
}
