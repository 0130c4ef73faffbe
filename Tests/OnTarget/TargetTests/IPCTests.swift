// Messages: every length, both directions, capabilities, badges, deadlines, and what each
// side sees.

import CTargetTests
import KernelABI
import UserRuntime

func ipcTests(_ runner: inout Runner) {
    let own = CapabilityTable.own
    runner.test("ipc.call-0-words") { c throws(Failure) in
        try c.exchange(c.echo(priority: 255), length: 0)
    }
    runner.test("ipc.call-1-word") { c throws(Failure) in
        try c.exchange(c.echo(priority: 255), length: 1)
    }
    runner.test("ipc.call-8-words") { c throws(Failure) in
        try c.exchange(c.echo(priority: 255), length: 8)
    }
    runner.test("ipc.call-9-words") { c throws(Failure) in
        try c.exchange(c.echo(priority: 255), length: 9)
    }
    runner.test("ipc.call-16-words") { c throws(Failure) in
        try c.exchange(c.echo(priority: 255), length: 16)
    }
    runner.test("ipc.call-64-words") { c throws(Failure) in
        try c.exchange(c.echo(priority: 255), length: 64)
    }
    runner.test("ipc.call-120-words") { c throws(Failure) in
        try c.exchange(c.echo(priority: 255), length: 120)
    }
    runner.test("ipc.call-128-words") { c throws(Failure) in
        try c.exchange(c.echo(priority: 255), length: 128)
    }
    runner.test("ipc.call-lower-server") { c throws(Failure) in
        let endpoint = try c.echo(priority: 5)
        try c.exchange(endpoint, length: 3)
        try c.exchange(endpoint, length: 8)
    }
    runner.test("ipc.call-equal-server") { c throws(Failure) in
        let endpoint = try c.echo(priority: 254)
        for _ in 0..<100 { try c.exchange(endpoint, length: 4) }
        try c.equal(note(19), 100)
    }
    runner.test("ipc.badge") { c throws(Failure) in
        let endpoint = try c.echo(priority: 255)
        let badged = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.mint(endpoint.slot, to: badged, badge: 0xabcd)
        }
        try c.exchange(Endpoint(badged), length: 2)
        try c.equal(note(18), 0xabcd)
    }
    runner.test("ipc.send") { c throws(Failure) in
        let (endpoint, _) = try c.door()
        _ = try c.spawn(
            priority: 255,
            { _ in
                for _ in 0..<2 {
                    guard
                        let received = try? doorEndpoint.receive(
                            reply: doorReply)
                    else { break }
                    setNote(0, received[0])
                    setNote(1, UInt64(received.delivery.rawValue))
                }
                endThread()
            })
        try c.succeed { () throws(KernelError) in try endpoint.send(RegisterMessage(11)) }
        try c.equal(note(0), 11)
        try c.equal(note(1), UInt64(Delivery.oneWay.rawValue))
        try c.succeed { () throws(KernelError) in try endpoint.send(RegisterMessage(12)) }
        try c.equal(note(0), 12)
    }
    runner.test("ipc.queued-senders-by-priority") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        let priorities: InlineArray<3, UInt8> = [20, 40, 30]
        for index in priorities.indices {
            _ = try c.spawn(
                priority: priorities[index],
                { value in
                    try? doorEndpoint.send(RegisterMessage(value))
                    endThread()
                }, UInt64(priorities[index]))
        }
        try c.settle()
        let expected: InlineArray<3, UInt64> = [40, 30, 20]
        for index in expected.indices {
            let received = try c.succeed { () throws(KernelError) in
                try endpoint.receive(reply: reply)
            }
            try c.equal(received[0], expected[index])
        }
    }
    runner.test("ipc.queued-equals-in-order") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        for index in 0..<4 {
            _ = try c.spawn(
                priority: 30,
                { value in
                    try? doorEndpoint.send(RegisterMessage(value))
                    endThread()
                }, UInt64(index))
        }
        try c.settle()
        for index in 0..<4 {
            let received = try c.succeed { () throws(KernelError) in
                try endpoint.receive(reply: reply)
            }
            try c.equal(received[0], UInt64(index))
        }
    }
    runner.test("ipc.deferred-replies") { c throws(Failure) in
        let (endpoint, _) = try c.door()
        let first = try c.reply()
        let second = try c.reply()
        for index in 0..<2 {
            _ = try c.spawn(
                priority: 30,
                { value in
                    if let answer = try? doorEndpoint.call(RegisterMessage(value)) {
                        setNote(Int(value), answer[0])
                    }
                    endThread()
                }, UInt64(index))
        }
        try c.settle()
        let a = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: first) }
        let b = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: second) }
        try c.succeed { () throws(KernelError) in
            try second.reply(RegisterMessage(b[0] + 100))
            try first.reply(RegisterMessage(a[0] + 100))
        }
        try c.settle()
        try c.equal(note(0), 100)
        try c.equal(note(1), 101)
    }
    runner.test("ipc.abandoned-calls-are-told") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        let bell = try c.notification()
        var isHeld = try c.succeed { () throws(KernelError) in
            try reply.bindAbandonment(bell, bits: 2)
        }
        try c.expect(!isHeld, "a free reply object holds a caller")
        // One whose deadline passes, one that is suspended, one that is answered.
        for round in 0..<3 as Range<UInt64> {
            let client = try c.spawn(
                priority: 30,
                { value in
                    let end = value == 0 ? Instant.after(milliseconds: 1) : .never
                    _ = try? doorEndpoint.call(RegisterMessage(value), deadline: end)
                    endThread()
                }, round)
            let received = try c.succeed { () throws(KernelError) in
                try endpoint.receive(reply: reply)
            }
            try c.equal(received[0], round)
            if round == 1 { try c.succeed { () throws(KernelError) in try client.suspend() } }
            if round == 2 {
                try c.succeed { () throws(KernelError) in try reply.reply(RegisterMessage()) }
                try c.refuse(.wouldBlock) { () throws(KernelError) in try bell.poll() }
            } else {
                let bits = try c.succeed { () throws(KernelError) in
                    try bell.wait(deadline: .after(milliseconds: 100))
                }
                try c.equal(bits, 2)
                isHeld = try c.succeed { () throws(KernelError) in
                    try reply.bindAbandonment(bell, bits: 2)
                }
                try c.expect(!isHeld, "a caller that has gone is held")
                try c.refuse(.noCaller) { () throws(KernelError) in
                    try reply.reply(RegisterMessage())
                }
            }
        }
    }
    runner.test("ipc.capability-transfer") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        let gift = try c.notification()
        let target = c.slot()
        setNote(22, UInt64(gift.slot.index))
        _ = try c.spawn(
            priority: 30,
            { _ in
                _ = try? doorEndpoint.call(RegisterMessage(1), Attachment(Slot(UInt32(note(22)))))
                endThread()
            })
        let received = try c.succeed { () throws(KernelError) in
            try endpoint.receive(reply: reply, receiving: target)
        }
        try c.equal(UInt64(received.capabilityCount), 1)
        try c.succeed { () throws(KernelError) in try Notification(target).signal(4) }
        try c.equal(try c.succeed { () throws(KernelError) in try gift.poll() }, 4)
    }
    runner.test("ipc.capability-transfer-without-slot") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        let gift = try c.notification()
        setNote(22, UInt64(gift.slot.index))
        _ = try c.spawn(
            priority: 30,
            { _ in
                _ = try? doorEndpoint.call(RegisterMessage(1), Attachment(Slot(UInt32(note(22)))))
                endThread()
            })
        let received = try c.succeed { () throws(KernelError) in
            try endpoint.receive(reply: reply)
        }
        try c.equal(UInt64(received.capabilityCount), 0)
        try c.equal(received[0], 1)
    }
    runner.test("ipc.receiver-without-buffer") { c throws(Failure) in
        let (endpoint, _) = try c.door()
        _ = try c.spawn(
            priority: 255,
            { _ in
                if let received = try? doorEndpoint.receive(reply: doorReply) {
                    setNote(0, UInt64(received.length))
                    try? doorReply.reply(RegisterMessage(1))
                }
                endThread()
            }, withBuffer: false)
        var message = LongMessage()
        message[19] = 1
        _ = try c.succeed { () throws(KernelError) in try endpoint.call(&message) }
        try c.equal(note(0), 8)
    }
    runner.test("ipc.bound-notification") { c throws(Failure) in
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        let notification = try c.notification()
        try c.succeed { () throws(KernelError) in
            try Thread(RootSlot.thread).bindNotification(notification)
            try notification.signal(0x30)
        }
        let received = try c.succeed { () throws(KernelError) in
            try endpoint.receive(reply: reply)
        }
        try c.equal(UInt64(received.delivery.rawValue), UInt64(Delivery.notification.rawValue))
        try c.equal(received.badge, 0x30)
        _ = try c.spawn(
            priority: 30,
            { slot in
                try? Notification(Slot(UInt32(slot))).signal(0x40)
                endThread()
            }, UInt64(notification.slot.index))
        let second = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.equal(second.badge, 0x40)
    }
}
