// The benchmark task's service.

/// Word 0 of requests.
public enum BenchmarkRequest {
    /// Word 1: 0 quick, 1 all. Measures, and replies when it has: 0.
    public static var run: UInt64 { 1 }
    /// Word 1: first byte. The result's text goes into the lent memory. Reply: 0, bytes of the whole, bytes copied.
    public static var result: UInt64 { 2 }
}
