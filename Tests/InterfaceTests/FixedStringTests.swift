// Text in messages.

import Interfaces
import Testing

@Suite struct FixedStringTests {
    let system = ModelSystem()
    let client = SampleClient(ModelSystem.client)

    @Test(arguments: [("dreizehn Byte", false), ("zw\u{1b}[H", false), ("", true)])
    func text(_ text: String, _ isOne: Bool) {
        #expect((FixedString<12>(Array(text.utf8).span) != nil) == isOne)
    }

    @Test(arguments: [
        ("", ""), ("zwölf Bytes!", "zwölf Bytes"), ("zwölf Bytesä", "zwölf Bytes"),
        ("zw\u{1b}[H", "zw.[H"), ("123456789012345", "123456789012"),
    ]) func textIsCleaned(_ text: String, _ clean: String) {
        let result = FixedString<12>(cleaning: Array(text.utf8).span)
        #expect((0..<result.count).map { result.span[$0] } == Array(clean.utf8))
    }

    @Test(arguments: ["", "ACT", "raspberrypi,firmware-gpio", "12345678901234567890123456789012"])
    func structuresOfTextArrive(_ text: String) throws {
        let light = try client.light(FixedString(cleaning: Array(text.utf8).span))
        #expect(light.pin == 2 && light.isActiveLow && light.holder == .firmware)
        for name in [light.name, light.bank] {
            #expect((0..<name.count).map { name[$0] } == Array(text.utf8) && name[32] == 0)
        }
    }
}
