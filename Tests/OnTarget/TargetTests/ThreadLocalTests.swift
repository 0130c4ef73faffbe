// Thread-local variables: each thread has its own, from the values with which the program has them.

import CTargetTests
import KernelABI
@_spi(IPCBuffer) import UserRuntime

func threadLocalTests(_ runner: inout Runner) {
    runner.test("thread-local.first-values") { c throws(Failure) in
        // This thread's, and then another's: what one changes the other does not see.
        unsafe givenLocal().pointee = 8
        defer { unsafe givenLocal().pointee = 7 }
        unsafe emptyLocal().pointee = 9
        defer { unsafe emptyLocal().pointee = 0 }
        clearNotes()
        _ = try c.spawn(
            priority: 255,
            { _ in
                setNote(0, unsafe givenLocal().pointee)
                setNote(1, unsafe emptyLocal().pointee)
                unsafe givenLocal().pointee += 100
                unsafe emptyLocal().pointee += 200
                setNote(2, unsafe givenLocal().pointee)
                setNote(3, unsafe emptyLocal().pointee)
                setNote(4, UInt64(UInt(bitPattern: unsafe alignedLocal())) % 16)
                endThread()
            })
        try c.equal(note(0), 7, "it starts with the program's value")
        try c.equal(note(1), 0)
        try c.equal(note(2), 107)
        try c.equal(note(3), 200)
        try c.equal(note(4), 0, "alignment")
        try c.equal(unsafe givenLocal().pointee, 8, "another thread changed it")
        try c.equal(unsafe emptyLocal().pointee, 9, "another thread changed it")
    }
    runner.test("thread-local.kept-across-switches") { c throws(Failure) in
        clearNotes()
        for number in 1...2 {
            _ = try c.spawn(
                priority: 40,
                { number in
                    for _ in 0..<100 {
                        unsafe emptyLocal().pointee += number
                        yield()
                    }
                    setNote(Int(number), unsafe emptyLocal().pointee)
                    endThread()
                }, UInt64(number))
        }
        try c.settle()
        try c.equal(note(1), 100)
        try c.equal(note(2), 200)
    }
    runner.test("thread-local.beside-the-message") { c throws(Failure) in
        // The variables share a page with the message words and the floating-point registers.
        let space = IPCBufferAccess()
        unsafe givenLocal().pointee = ~0
        defer { unsafe givenLocal().pointee = 7 }
        for index in 8..<128 { space[index] = UInt64(index) }
        try c.equal(unsafe givenLocal().pointee, ~0)
        for index in 8..<128 { try c.equal(space[index], UInt64(index)) }
    }
    runner.test("thread-local.errno-of-a-C-library") { c throws(Failure) in
        clearErrorNumber()
        clearNotes()
        try c.equal(UInt64(numberThatFits()), 1234)
        try c.equal(UInt64(errorNumber()), 0)
        _ = try c.spawn(
            priority: 255,
            { _ in
                setNote(0, UInt64(numberTooLarge()))
                setNote(1, UInt64(errorNumber()))
                endThread()
            })
        try c.equal(note(0), UInt64(Int.max))
        try c.equal(note(1), UInt64(outOfRange()))
        try c.equal(UInt64(errorNumber()), 0, "another thread's error")
        try c.equal(UInt64(bitPattern: Int64(numberTooSmall())), 1 << 63)
        try c.equal(UInt64(errorNumber()), UInt64(outOfRange()))
    }
}
