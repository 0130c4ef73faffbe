// The shell's terminal: the serial driver's service, with the patience that outlives the driver.
//
// Every byte that the driver accepted is acknowledged only when the shell has taken it. A call that
// ends because the driver died is made again until a new driver answers: it finds the same bytes in
// the memory that survived.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

struct Terminal {
    private let serial = StartSlot.firstFree
    private var isOpen = false
    /// Whether to wait where there is no driver, or where it takes nothing. If not, the log takes
    /// what commands say, and a command's pause only takes its time.
    var waitsForDriver = true
    /// Number of the next byte to take; `.max` before the first read.
    private var next = UInt64.max
    private var input: [UInt8] = []
    private var position = 0
    /// How often a line under work was replaced, up to the one that is on the screen.
    private var replacements: UInt64 = 0
    /// ^C came while a command waited.
    var isInterrupted = false
    /// Text that waits to be sent.
    var out = Text()

    /// Opens the driver's service, if there is a driver; waits for one if that is wanted.
    ///
    /// - Returns: whether the service is open.
    mutating func open() -> Bool {
        while !isOpen {
            isOpen = (try? SerialClient(finding: serial)) != nil
            if !isOpen && !waitsForDriver { return false }
            if !isOpen { nap(milliseconds: 20) }
        }
        return true
    }

    /// Sends what waits, whole lines together. Returns when the driver took all of it.
    ///
    /// What commands say may hold text of others: names of the device tree, of a card's files, of
    /// boot options. Only its printable characters and its line ends reach the terminal.
    /// - Parameter isEdited: it belongs to the line under work, which others' output may replace.
    ///   The editor made it, and it goes out as it is.
    mutating func flush(isEdited: Bool = false) {
        defer { out.clear() }
        if !open() { return tellLog(out.bytes) }
        showSignOfLifeIfDue()
        var bytes = out.bytes
        if !isEdited {
            var text = bytes.mutableSpan
            PrintableText.clean(&text, keepsLines: true)
        }
        var start = 0
        var limit = Instant.after(milliseconds: Terminal.muteness)
        while start < bytes.count {
            let count = Terminal.piece(bytes, start)
            let piece = bytes.span.extracting(start..<(start + count))
            do throws(SystemError) {
                let replaced = try client.writeRaw(
                    Bytes(prefixOf: piece), isEdited: isEdited, by: Terminal.deadline)
                // Output ends the line that was under work: whatever took its place.
                if !isEdited { replacements = replaced }
                start += count
                limit = .after(milliseconds: Terminal.muteness)
            } catch {
                if !waitsForDriver && Instant.now > limit {
                    return tellLog([UInt8](bytes[start...]))
                }
                let isFull = error.of(SerialError.self) == .full
                if !isFull || !waitForRoom() { nap(milliseconds: 10) }
            }
        }
    }

    private var client: SerialClient { SerialClient(Endpoint(serial)) }

    /// Returns whether there was room in time.
    private func waitForRoom() -> Bool {
        do throws(SystemError) { try client.waitForRoom(by: Terminal.deadline) } catch {
            return false
        }
        return true
    }

    /// Gives the lines that wait to the log, which cuts none: a long line takes several of its own.
    private func tellLog(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count && bytes[end] != 10 && end - start < Line.capacity {
                end += 1
            }
            // A character stays in one piece.
            while end < bytes.count && end > start + 1 && bytes[end] & 0xc0 == 0x80 { end -= 1 }
            var shown = end
            while shown > start && bytes[shown - 1] == 13 { shown -= 1 }
            if shown > start { log(bytes.span.extracting(start..<shown)) }
            start = end < bytes.count && bytes[end] == 10 ? end + 1 : end
        }
    }

    /// Bytes of the next request: up to the last line's end that fits, or as many as fit.
    private static func piece(_ bytes: [UInt8], _ start: Int) -> Int {
        let most = min(SerialClient.maximumRawWrite, bytes.count - start)
        var count = most
        while count > 0 && bytes[start + count - 1] != 10 { count -= 1 }
        return count > 0 ? count : most
    }

    /// The next byte from the keyboard; nil when something else was shown, and the line must be
    /// shown anew.
    mutating func byte() -> UInt8? {
        while position == input.count {
            if !fill(by: .after(milliseconds: Terminal.patience)) { return nil }
        }
        position += 1
        return input[position - 1]
    }

    /// Tells the driver that the bytes up to here need not be kept: what they say is done now, and
    /// only once.
    func releaseInput() {
        if next == .max { return }
        let taken = next &- UInt64(input.count - position)
        do throws(SystemError) { try client.release(before: taken, by: Terminal.deadline) } catch {
            // The next `read` says it too.
        }
    }

    /// The counts of the line; nil where the driver does not answer.
    mutating func lineState() -> SerialState? {
        if !open() { return nil }
        return try? client.state(by: Terminal.deadline)
    }

    /// Lets a command wait; ^C ends that. Other keys are kept for the next line.
    mutating func pause(milliseconds: UInt64) {
        flush()
        let end = Instant.after(milliseconds: min(milliseconds, 1 << 40))
        takeInterrupt()
        while !isInterrupted && Instant.now < end {
            let slice = min((end - Instant.now).milliseconds + 1, Terminal.patience)
            if input.count - position > Terminal.maximumAhead {
                nap(milliseconds: slice)
            } else {
                _ = fill(by: min(end, .after(milliseconds: slice)))
                takeInterrupt()
            }
        }
    }

    /// Drops what was typed up to a ^C.
    private mutating func takeInterrupt() {
        for index in position..<input.count where input[index] == 3 {
            isInterrupted = true
            position = index + 1
        }
    }

    /// Waits for input; false where others wrote, or the driver died.
    private mutating func fill(by deadline: Instant) -> Bool {
        if !open() {
            nap(until: deadline)
            return true
        }
        showSignOfLifeIfDue()
        input.removeFirst(position)
        position = 0
        do throws(SystemError) {
            let read = try client.read(from: next, replacements: replacements, by: deadline)
            for index in 0..<read.bytes.count { input.append(read.bytes[index]) }
            if read.bytes.count == 0 {
                replacements = read.replacements
                return false
            }
            next = read.first &+ UInt64(read.bytes.count)
            return true
        } catch {
            if error == .kernel(.timedOut) { return true }
            // Another task reads the keyboard, for as long as it asks for more; or writers have
            // taken all places.
            let isTaken = error.of(SerialError.self) == .taken || error == .refused(.busy)
            nap(milliseconds: isTaken ? 100 : 10)
            return isTaken
        }
    }

    /// Milliseconds in which a driver must take something.
    private static let muteness: UInt64 = 5000
    /// Milliseconds between signs of life of a shell that waits for the terminal.
    private static let patience: UInt64 = 1000
    private static var deadline: Instant { .after(milliseconds: patience) }
    /// Bytes that are kept while a command runs; more stay with the driver.
    private static let maximumAhead = 256

    /// Waits at most a second on the task's own notification, which nobody signals.
    func nap(milliseconds: UInt64) {
        nap(until: .after(milliseconds: min(milliseconds, Terminal.patience)))
    }

    private func nap(until end: Instant) {
        showSignOfLifeIfDue()
        Notification(StartSlot.notification).pause(until: end)
    }
}
