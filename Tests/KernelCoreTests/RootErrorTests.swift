// The root task's errors: each keeps its reason on its way through a message.

import Interfaces
import KernelABI
import Testing

@testable import UserRuntime

@Suite struct RootErrorTests {
    @Test func rawValuesNameOneErrorEach() {
        let errors = (0...UInt16.max).compactMap { raw in
            RootError(rawValue: raw).map { (raw, $0) }
        }
        for (raw, error) in errors { #expect(error.rawValue == raw) }
        #expect(errors.count == 15 + 21)
        let texts = Set(errors.map { $0.1.text.description })
        #expect(texts.count == errors.count)
    }

    /// A refusal of the kernel's reaches the client by name, and a library's caller as it was.
    @Test func theKernelsReasonArrives() {
        let error = SystemError.service(RootError.kernel(.derivationTooDeep).rawValue)
        #expect(error.reason.description == "the kernel refuses: derivationTooDeep")
        #expect(RootError(error) == .kernel(.derivationTooDeep))
        #expect(error.kernelError == .derivationTooDeep)
        #expect(SystemError.kernel(.timedOut).kernelError == .timedOut)
        #expect(RootError(.kernel(.timedOut)) == .kernel(.timedOut))
        for other in [RootError.notPermitted, .badRequest, .wrongState] {
            #expect(SystemError.service(other.rawValue).kernelError == .notPermitted)
        }
        #expect(SystemError.refused(.busy).kernelError == .notPermitted)
    }
}
