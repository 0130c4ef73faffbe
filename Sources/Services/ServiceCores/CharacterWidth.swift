// How many columns a character takes on a terminal, and where characters begin and end in UTF-8.
//
// The rule is that of glibc's `wcwidth`, which most terminals follow. Two columns: the wide and
// fullwidth characters of Unicode's EastAsianWidth.txt. None: marks and format characters
// (DerivedGeneralCategory.txt: Mn, Me, Cf), and the vowels and final consonants of a Hangul
// syllable. One: all others. The tables are those of Unicode 14; unassigned characters between two
// ranges belong to both. A test holds the rule against the C library.

/// The rule, for one character.
public enum CharacterWidth {
    /// Columns of a character that is no control character: 0, 1 or 2.
    /// - Complexity: O(log ranges).
    public static func columns(of scalar: UInt32) -> Int {
        if scalar < 0x300 { return 1 }
        let low = UInt16(truncatingIfNeeded: scalar)
        switch scalar >> 16 {
        case 0: return holds(zero0, low) ? 0 : holds(wide0, low) ? 2 : 1
        case 1: return holds(zero1, low) ? 0 : holds(wide1, low) ? 2 : 1
        case 2, 3: return 2
        case 14: return low < 0x1000 ? 0 : 1
        default: return 1
        }
    }

    /// Whether a character moves the cursor or starts a sequence, and so must not reach a terminal:
    /// the controls C0 and C1, DEL, and the separators of lines and paragraphs.
    public static func isControl(_ scalar: UInt32) -> Bool {
        scalar < 0x20 || (0x7f...0x9f).contains(scalar) || (0x2028...0x2029).contains(scalar)
    }

    /// Columns of a text without control characters. A byte that is not part of a character of
    /// UTF-8 counts one.
    /// - Complexity: O(bytes).
    public static func columns(of text: some Sequence<UInt8>) -> Int {
        var input = CharacterInput()
        var count = 0
        for byte in text {
            if input.isBroken(by: byte) { count += 1 }
            if let scalar = input.take(byte) { count += columns(of: scalar) }
        }
        return input.isInside ? count + 1 : count
    }

    /// Whether one of the ranges (first << 16 | last, rising) holds the value.
    private static func holds(_ ranges: [UInt32], _ value: UInt16) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if UInt16(truncatingIfNeeded: ranges[middle]) < value {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < ranges.count && ranges[low] >> 16 <= UInt32(value)
    }

    /// No column, U+0300 to U+FFFF.
    private static let zero0: [UInt32] = [
        0x0300_036f, 0x0483_0489, 0x0591_05bd, 0x05bf_05bf, 0x05c1_05c2, 0x05c4_05c5, 0x05c7_05c7,
        0x0610_061a, 0x061c_061c, 0x064b_065f, 0x0670_0670, 0x06d6_06dc, 0x06df_06e4, 0x06e7_06e8,
        0x06ea_06ed, 0x0711_0711, 0x0730_074a, 0x07a6_07b0, 0x07eb_07f3, 0x07fd_07fd, 0x0816_0819,
        0x081b_0823, 0x0825_0827, 0x0829_082d, 0x0859_085b, 0x0898_089f, 0x08ca_08e1, 0x08e3_0902,
        0x093a_093a, 0x093c_093c, 0x0941_0948, 0x094d_094d, 0x0951_0957, 0x0962_0963, 0x0981_0981,
        0x09bc_09bc, 0x09c1_09c4, 0x09cd_09cd, 0x09e2_09e3, 0x09fe_0a02, 0x0a3c_0a3c, 0x0a41_0a51,
        0x0a70_0a71, 0x0a75_0a75, 0x0a81_0a82, 0x0abc_0abc, 0x0ac1_0ac8, 0x0acd_0acd, 0x0ae2_0ae3,
        0x0afa_0b01, 0x0b3c_0b3c, 0x0b3f_0b3f, 0x0b41_0b44, 0x0b4d_0b56, 0x0b62_0b63, 0x0b82_0b82,
        0x0bc0_0bc0, 0x0bcd_0bcd, 0x0c00_0c00, 0x0c04_0c04, 0x0c3c_0c3c, 0x0c3e_0c40, 0x0c46_0c56,
        0x0c62_0c63, 0x0c81_0c81, 0x0cbc_0cbc, 0x0cbf_0cbf, 0x0cc6_0cc6, 0x0ccc_0ccd, 0x0ce2_0ce3,
        0x0d00_0d01, 0x0d3b_0d3c, 0x0d41_0d44, 0x0d4d_0d4d, 0x0d62_0d63, 0x0d81_0d81, 0x0dca_0dca,
        0x0dd2_0dd6, 0x0e31_0e31, 0x0e34_0e3a, 0x0e47_0e4e, 0x0eb1_0eb1, 0x0eb4_0ebc, 0x0ec8_0ecd,
        0x0f18_0f19, 0x0f35_0f35, 0x0f37_0f37, 0x0f39_0f39, 0x0f71_0f7e, 0x0f80_0f84, 0x0f86_0f87,
        0x0f8d_0fbc, 0x0fc6_0fc6, 0x102d_1030, 0x1032_1037, 0x1039_103a, 0x103d_103e, 0x1058_1059,
        0x105e_1060, 0x1071_1074, 0x1082_1082, 0x1085_1086, 0x108d_108d, 0x109d_109d, 0x1160_11ff,
        0x135d_135f, 0x1712_1714, 0x1732_1733, 0x1752_1753, 0x1772_1773, 0x17b4_17b5, 0x17b7_17bd,
        0x17c6_17c6, 0x17c9_17d3, 0x17dd_17dd, 0x180b_180f, 0x1885_1886, 0x18a9_18a9, 0x1920_1922,
        0x1927_1928, 0x1932_1932, 0x1939_193b, 0x1a17_1a18, 0x1a1b_1a1b, 0x1a56_1a56, 0x1a58_1a60,
        0x1a62_1a62, 0x1a65_1a6c, 0x1a73_1a7f, 0x1ab0_1b03, 0x1b34_1b34, 0x1b36_1b3a, 0x1b3c_1b3c,
        0x1b42_1b42, 0x1b6b_1b73, 0x1b80_1b81, 0x1ba2_1ba5, 0x1ba8_1ba9, 0x1bab_1bad, 0x1be6_1be6,
        0x1be8_1be9, 0x1bed_1bed, 0x1bef_1bf1, 0x1c2c_1c33, 0x1c36_1c37, 0x1cd0_1cd2, 0x1cd4_1ce0,
        0x1ce2_1ce8, 0x1ced_1ced, 0x1cf4_1cf4, 0x1cf8_1cf9, 0x1dc0_1dff, 0x200b_200f, 0x202a_202e,
        0x2060_206f, 0x20d0_20f0, 0x2cef_2cf1, 0x2d7f_2d7f, 0x2de0_2dff, 0x302a_302d, 0x3099_309a,
        0xa66f_a672, 0xa674_a67d, 0xa69e_a69f, 0xa6f0_a6f1, 0xa802_a802, 0xa806_a806, 0xa80b_a80b,
        0xa825_a826, 0xa82c_a82c, 0xa8c4_a8c5, 0xa8e0_a8f1, 0xa8ff_a8ff, 0xa926_a92d, 0xa947_a951,
        0xa980_a982, 0xa9b3_a9b3, 0xa9b6_a9b9, 0xa9bc_a9bd, 0xa9e5_a9e5, 0xaa29_aa2e, 0xaa31_aa32,
        0xaa35_aa36, 0xaa43_aa43, 0xaa4c_aa4c, 0xaa7c_aa7c, 0xaab0_aab0, 0xaab2_aab4, 0xaab7_aab8,
        0xaabe_aabf, 0xaac1_aac1, 0xaaec_aaed, 0xaaf6_aaf6, 0xabe5_abe5, 0xabe8_abe8, 0xabed_abed,
        0xd7b0_d7fb, 0xfb1e_fb1e, 0xfe00_fe0f, 0xfe20_fe2f, 0xfeff_feff, 0xfff9_fffb,
    ]
    /// Two columns, U+0300 to U+FFFF.
    private static let wide0: [UInt32] = [
        0x1100_115f, 0x231a_231b, 0x2329_232a, 0x23e9_23ec, 0x23f0_23f0, 0x23f3_23f3, 0x25fd_25fe,
        0x2614_2615, 0x2648_2653, 0x267f_267f, 0x2693_2693, 0x26a1_26a1, 0x26aa_26ab, 0x26bd_26be,
        0x26c4_26c5, 0x26ce_26ce, 0x26d4_26d4, 0x26ea_26ea, 0x26f2_26f3, 0x26f5_26f5, 0x26fa_26fa,
        0x26fd_26fd, 0x2705_2705, 0x270a_270b, 0x2728_2728, 0x274c_274c, 0x274e_274e, 0x2753_2755,
        0x2757_2757, 0x2795_2797, 0x27b0_27b0, 0x27bf_27bf, 0x2b1b_2b1c, 0x2b50_2b50, 0x2b55_2b55,
        0x2e80_3029, 0x302e_303e, 0x3041_3096, 0x309b_a4c6, 0xa960_a97c, 0xac00_d7a3, 0xf900_fad9,
        0xfe10_fe19, 0xfe30_fe6b, 0xff01_ff60, 0xffe0_ffe6,
    ]
    /// No column, from U+10000 on; less 10000.
    private static let zero1: [UInt32] = [
        0x01fd_01fd, 0x02e0_02e0, 0x0376_037a, 0x0a01_0a0f, 0x0a38_0a3f, 0x0ae5_0ae6, 0x0d24_0d27,
        0x0eab_0eac, 0x0f46_0f50, 0x0f82_0f85, 0x1001_1001, 0x1038_1046, 0x1070_1070, 0x1073_1074,
        0x107f_1081, 0x10b3_10b6, 0x10b9_10ba, 0x10c2_10c2, 0x1100_1102, 0x1127_112b, 0x112d_1134,
        0x1173_1173, 0x1180_1181, 0x11b6_11be, 0x11c9_11cc, 0x11cf_11cf, 0x122f_1231, 0x1234_1234,
        0x1236_1237, 0x123e_123e, 0x12df_12df, 0x12e3_12ea, 0x1300_1301, 0x133b_133c, 0x1340_1340,
        0x1366_1374, 0x1438_143f, 0x1442_1444, 0x1446_1446, 0x145e_145e, 0x14b3_14b8, 0x14ba_14ba,
        0x14bf_14c0, 0x14c2_14c3, 0x15b2_15b5, 0x15bc_15bd, 0x15bf_15c0, 0x15dc_15dd, 0x1633_163a,
        0x163d_163d, 0x163f_1640, 0x16ab_16ab, 0x16ad_16ad, 0x16b0_16b5, 0x16b7_16b7, 0x171d_171f,
        0x1722_1725, 0x1727_172b, 0x182f_1837, 0x1839_183a, 0x193b_193c, 0x193e_193e, 0x1943_1943,
        0x19d4_19db, 0x19e0_19e0, 0x1a01_1a0a, 0x1a33_1a38, 0x1a3b_1a3e, 0x1a47_1a47, 0x1a51_1a56,
        0x1a59_1a5b, 0x1a8a_1a96, 0x1a98_1a99, 0x1c30_1c3d, 0x1c3f_1c3f, 0x1c92_1ca7, 0x1caa_1cb0,
        0x1cb2_1cb3, 0x1cb5_1cb6, 0x1d31_1d45, 0x1d47_1d47, 0x1d90_1d91, 0x1d95_1d95, 0x1d97_1d97,
        0x1ef3_1ef4, 0x3430_3438, 0x6af0_6af4, 0x6b30_6b36, 0x6f4f_6f4f, 0x6f8f_6f92, 0x6fe4_6fe4,
        0xbc9d_bc9e, 0xbca0_cf46, 0xd167_d169, 0xd173_d182, 0xd185_d18b, 0xd1aa_d1ad, 0xd242_d244,
        0xda00_da36, 0xda3b_da6c, 0xda75_da75, 0xda84_da84, 0xda9b_daaf, 0xe000_e02a, 0xe130_e136,
        0xe2ae_e2ae, 0xe2ec_e2ef, 0xe8d0_e8d6, 0xe944_e94a,
    ]
    /// Two columns, from U+10000 on; less 10000.
    private static let wide1: [UInt32] = [
        0x6fe0_6fe3, 0x6ff0_b2fb, 0xf004_f004, 0xf0cf_f0cf, 0xf18e_f18e, 0xf191_f19a, 0xf200_f320,
        0xf32d_f335, 0xf337_f37c, 0xf37e_f393, 0xf3a0_f3ca, 0xf3cf_f3d3, 0xf3e0_f3f0, 0xf3f4_f3f4,
        0xf3f8_f43e, 0xf440_f440, 0xf442_f4fc, 0xf4ff_f53d, 0xf54b_f54e, 0xf550_f567, 0xf57a_f57a,
        0xf595_f596, 0xf5a4_f5a4, 0xf5fb_f64f, 0xf680_f6c5, 0xf6cc_f6cc, 0xf6d0_f6d2, 0xf6d5_f6df,
        0xf6eb_f6ec, 0xf6f4_f6fc, 0xf7e0_f7f0, 0xf90c_f93a, 0xf93c_f945, 0xf947_f9ff, 0xfa70_faf6,
    ]
}

/// Bytes of a stream as characters of UTF-8 (Unicode, table 3-7: well-formed sequences).
public struct CharacterInput: Equatable, Sendable {
    /// What stands for bytes that are no character: U+FFFD.
    public static let replacement: UInt32 = 0xfffd
    private var scalar: UInt32 = 0
    /// Bytes of the present character that are still to come.
    private var missing = 0
    /// The second byte must lie in here.
    private var next: ClosedRange<UInt8> = 0x80...0xbf

    public init() {}

    /// Whether a character was begun and is not complete.
    public var isInside: Bool { missing > 0 }

    /// Whether `byte` does not go on with the character that was begun: that one is lost, and a
    /// replacement stands for it. The byte itself is to be taken.
    public mutating func isBroken(by byte: UInt8) -> Bool {
        if missing == 0 || next.contains(byte) { return false }
        missing = 0
        return true
    }

    /// Takes a byte that breaks no character. Returns the character that it completes.
    public mutating func take(_ byte: UInt8) -> UInt32? {
        if missing > 0 {
            scalar = scalar << 6 | UInt32(byte & 0x3f)
            missing -= 1
            next = 0x80...0xbf
            return missing == 0 ? scalar : nil
        }
        switch byte {
        case 0x00...0x7f: return UInt32(byte)
        case 0xc2...0xdf: begin(byte & 0x1f, missing: 1)
        case 0xe0...0xef:
            begin(byte & 0x0f, missing: 2)
            if byte == 0xe0 { next = 0xa0...0xbf }
            if byte == 0xed { next = 0x80...0x9f }
        case 0xf0...0xf4:
            begin(byte & 0x07, missing: 3)
            if byte == 0xf0 { next = 0x90...0xbf }
            if byte == 0xf4 { next = 0x80...0x8f }
        default: return CharacterInput.replacement
        }
        return nil
    }

    private mutating func begin(_ bits: UInt8, missing count: Int) {
        scalar = UInt32(bits)
        missing = count
        next = 0x80...0xbf
    }

    /// The bytes of a character.
    public static func bytes(of scalar: UInt32) -> [UInt8] {
        func tail(_ shift: UInt32) -> UInt8 {
            0x80 | UInt8(truncatingIfNeeded: scalar >> shift) & 0x3f
        }
        func head(_ mark: UInt8, _ shift: UInt32) -> UInt8 {
            mark | UInt8(truncatingIfNeeded: scalar >> shift)
        }
        if scalar < 0x80 { return [head(0, 0)] }
        if scalar < 0x800 { return [head(0xc0, 6), tail(0)] }
        if scalar < 0x10000 { return [head(0xe0, 12), tail(6), tail(0)] }
        return [head(0xf0, 18), tail(12), tail(6), tail(0)]
    }
}
