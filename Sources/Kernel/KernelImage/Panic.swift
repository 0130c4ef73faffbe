// Panics: the kernel found itself broken. It reports what it knows on its console, and stops.
//
// Of the kernel's state a panic uses only the console. An exception of the kernel enters here on a
// stack of its own, not on the stack that failed. The last line marks the end of the report. The
// host command turns the addresses that start with 0x into functions, files and lines
// (Sources/Tools/ToolCore/FaultReport.swift).

import AArch64
import CAArch64
import HardwareInterface

/// Reports a cause that the code detected itself, and stops.
func panic(_ cause: StaticString) -> Never {
    startPanic()
    let console = KernelConsole.noted
    console.write("swiftlet: kernel panic: ")
    console.write(cause)
    endCause(console)
    halt(console)
}

/// Stops all other cores. A panic during another one, on this core or another, ends here.
private func startPanic() {
    if !swiftlet_start_panic() { swiftlet_halt() }
    stopOtherCores()
}

/// Ends the line of the cause; it names the core if there are several.
private func endCause(_ console: KernelConsole) {
    if swiftlet_count_of_cores() > 1 {
        console.write(", core ")
        console.write(decimal: swiftlet_read_core_number())
    }
    console.endLine()
}

/// Marks the end of the report, and stops.
func halt(_ console: KernelConsole) -> Never {
    console.write("swiftlet: halted")
    console.endLine()
    swiftlet_halt()
}

/// Reports an exception of the kernel itself; `exception` holds all registers. A second exception
/// in here stops without a report.
@c(swiftlet_kernel_exception)
func kernelException(_ exception: UnsafePointer<KernelException>) {
    startPanic()
    let console = KernelConsole.noted
    let syndrome = unsafe ExceptionSyndrome(raw: exception.pointee.syndrome)
    console.write("swiftlet: kernel panic: ")
    console.write(
        unsafe cause(
            exception.pointee.vector, syndrome, stackPointer: exception.pointee.stack_pointer))
    endCause(console)
    unsafe show(console, "pc ", exception.pointee.program_counter, " lr ", exception.pointee.x.30)
    unsafe show(console, "esr ", syndrome.raw, " far ", exception.pointee.address)
    unsafe show(console, "sp ", exception.pointee.stack_pointer, " psr ", exception.pointee.flags)
    unsafe showRegisters(console, UnsafeRawPointer(exception))
    unsafe showStack(
        console, programCounter: exception.pointee.program_counter, frame: exception.pointee.x.29)
    halt(console)
}

/// The address of this core's stack.
private var ownStack: UInt64 { swiftlet_own_block() + swiftlet_core_stack() }

private func cause(_ vector: UInt64, _ syndrome: ExceptionSyndrome, stackPointer: UInt64)
    -> StaticString
{
    let stack = ownStack
    if stackPointer < stack + 64 && stackPointer > stack - 4096 {
        return "the kernel's stack is exhausted"
    }
    switch vector & 3 {
    case 0: return vector >= 12 ? "exception of 32-bit code" : syndrome.name
    case 1: return "interrupt where none is taken"
    case 2: return "fast interrupt"
    default: return "system error"
    }
}

private func show(
    _ console: KernelConsole, _ first: StaticString, _ a: UInt64, _ second: StaticString,
    _ b: UInt64
) {
    console.write("  ")
    console.write(first)
    write(console, address: a)
    console.write(second)
    write(console, address: b)
    console.endLine()
}

private func write(_ console: KernelConsole, address: UInt64) {
    console.write("0x")
    console.write(hexadecimal: address)
}

private func showRegisters(_ console: KernelConsole, _ registers: UnsafeRawPointer) {
    for index in 0..<31 {
        console.write(index % 4 == 0 ? "  x" : " x")
        console.write(decimal: UInt64(index))
        console.write(index < 10 ? "  " : " ")
        // Safety: x0 to x30 come first in the saved registers.
        console.write(
            hexadecimal: unsafe registers.load(fromByteOffset: 8 * index, as: UInt64.self))
        if index % 4 == 3 || index == 30 { console.endLine() }
    }
}

/// Writes the return addresses of the frame records (AAPCS64 6.4.6), as long as the records lie on
/// the kernel's stack and ascend.
private func showStack(_ console: KernelConsole, programCounter: UInt64, frame first: UInt64) {
    let bottom = ownStack
    let top = bottom + swiftlet_stack_bytes()
    console.write("  stack ")
    write(console, address: programCounter)
    var frame = first
    for _ in 0..<32 {
        if frame < bottom || frame > top - 16 || frame & 15 != 0 { break }
        // Safety: the record lies within the kernel's stack, which is mapped.
        let record = unsafe UnsafePointer<UInt64>(bitPattern: UInt(frame)).unsafelyUnwrapped
        console.write(" ")
        write(console, address: unsafe record[1])
        if unsafe record[0] <= frame { break }
        unsafe frame = record[0]
    }
    console.endLine()
}
