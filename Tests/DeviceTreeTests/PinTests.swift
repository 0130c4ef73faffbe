// Where pins lead: to a bank, and through the maps of nexuses.

import DeviceTree
import XCTest

final class PinTests: TreeTestCase {
    /// The banks, of which each has another number of cells.
    private static let banks = """
        a: a { #gpio-cells = <2>; };
        b: b { #gpio-cells = <1>; };
        c: c { #gpio-cells = <3>; };
        off: off { #gpio-cells = <2>; status = "disabled"; };
        """

    /// The bank, the pin and the polarity of `gpios`; nil where it leads to no bank.
    private func pin(
        _ gpios: String, _ more: String = "", _ banks: String = PinTests.banks
    ) throws -> String? {
        let bytes = try compile(
            replacing: "\tpsci {",
            with: "device { gpios = \(gpios); };\n\(banks)\n\(more)\n\tpsci {")
        return try describe(bytes) { tree, _ in
            var pins = DevicePins(of: tree)
            let device = try XCTUnwrap(tree.node("/device"))
            guard let found = pins.pin(of: device) else { return nil }
            let name = String(decoding: found.bank.name, as: UTF8.self)
            return "\(name) \(found.pin)\(found.isActiveLow ? " low" : "")"
        }
    }

    func testAPinOfABank() throws {
        for (gpios, expected) in [
            ("<&a 3 0>", "a 3"), ("<&a 3 1>", "a 3 low"), ("<&a 3 7>, <&b 4>", "a 3 low"),
            ("<&b 5>", "b 5"),
            ("<&b 5>, <&a 1 1>", "b 5"), ("<&c 1 7 0>", "c 1"), ("<&c 1 7 1>", "c 1 low"),
            ("<&a 3>", nil), ("<&a>", nil), ("<0x7777 3 0>", nil), ("[00 00]", nil), ("<>", nil),
        ] as [(String, String?)] {
            XCTAssertEqual(try pin(gpios), expected, gpios)
        }
        for (cells, expected) in [
            ("", "a 3 low"), ("#gpio-cells = <0>;", nil), ("#gpio-cells = <5>;", nil),
        ] {
            XCTAssertEqual(try pin("<&a 3 1 0 0 0>", "", "a: a { \(cells) };"), expected, cells)
        }
    }

    func testAMapLeadsOn() throws {
        let connector = """
            nexus: nexus {
                #gpio-cells = <2>; gpio-map-mask = <0xff 0>; gpio-map-pass-thru = <0 0xf>;
                gpio-map = <0 0 &a 17 0x10>, <1 0 &b 9>, <2 0 &off 4 0>, <2 0 &c 6 1 8>,
                    <3 0 &a 30 0>, <3 0 &a 31 0>;
            };
            """
        for (gpios, expected) in [
            ("<&nexus 0 0>", "a 17"), ("<&nexus 0 1>", "a 17 low"), ("<&nexus 0 0x20>", "a 17"),
            ("<&nexus 0x100 0>", "a 17"), ("<&nexus 1 1>", "b 9"), ("<&nexus 2 1>", "c 6"),
            ("<&nexus 3 0>", "a 30"), ("<&nexus 4 0>", nil), ("<&nexus 0>", nil),
        ] as [(String, String?)] {
            XCTAssertEqual(try pin(gpios, connector), expected, gpios)
        }
    }

    func testWithoutAMaskAllBitsCountAndNoneIsKept() throws {
        let connector =
            "nexus: nexus { #gpio-cells = <2>; gpio-map = <0 0 &a 17 1>, <0 1 &a 18 0>; };"
        XCTAssertEqual(try pin("<&nexus 0 0>", connector), "a 17 low")
        XCTAssertEqual(try pin("<&nexus 0 1>", connector), "a 18")
        XCTAssertNil(try pin("<&nexus 0 2>", connector))
    }

    func testAPinGoesThroughSeveralNexuses() throws {
        // The first keeps the pin's low bits and sets the flags; the second keeps the lowest flag.
        let nexuses = """
            first: first {
                #gpio-cells = <1>; gpio-map-pass-thru = <0xf>; gpio-map-mask = <0xf0>;
                gpio-map = <0x10 &second 0x20 5>;
            };
            second: second {
                #gpio-cells = <2>; gpio-map-pass-thru = <0 1>; gpio-map-mask = <0xffffffff 0>;
                gpio-map = <0x23 0 &a 8 0>;
            };
            """
        XCTAssertEqual(try pin("<&first 0x13>", nexuses), "a 8 low")
        XCTAssertNil(try pin("<&first 0x14>", nexuses))
    }

    func testMapsThatAreWrong() throws {
        for map in ["<0 0 &a 17>", "<0 0>", "<0>", "<1 0 &a 17 0>, <0 0 0x7777 1 1>", "<>"] {
            XCTAssertNil(
                try pin("<&nexus 0 0>", "nexus: nexus { #gpio-cells = <2>; gpio-map = \(map); };"),
                map)
        }
        let circle = """
            x: x { #gpio-cells = <2>; gpio-map = <0 0 &y 0 0>; };
            y: y { #gpio-cells = <2>; gpio-map = <0 0 &x 0 0>; };
            """
        XCTAssertNil(try pin("<&x 0 0>", circle))
    }

    func testTheNumberOfSearchesIsLimited() throws {
        for (count, expected) in [(1000, "a 7"), (1100, nil)] as [(Int, String?)] {
            let others = (0..<count).map { "p\($0): p\($0) { #gpio-cells = <1>; };" }.joined(
                separator: " ")
            let entries = (0..<count).map { "<9 0 &p\($0) 1>" }.joined(separator: ", ")
            let nexus = "nexus: nexus { #gpio-cells = <2>; gpio-map = \(entries), <0 0 &a 7 0>; };"
            XCTAssertEqual(try pin("<&nexus 0 0>", others + nexus), expected, "\(count)")
        }
    }
}
