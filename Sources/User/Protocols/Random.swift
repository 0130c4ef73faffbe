// The service of random numbers from a source in hardware.

/// Word 0 of requests.
public enum RandomRequest {
    /// Reply: 0, number of words (0 to 6, 0: none yet, ask again), the words with 64 random
    /// bits each.
    public static var read: UInt64 { 1 }
    public static var maximumWords: Int { 6 }
}
