// A histogram of a measurement, and the figures that are read off it. No heap, no floating point:
// it runs on the target as on the host.

/// Counts of values below `Histogram.buckets`; larger ones are counted as overflows. Minimum,
/// maximum and sum are exact.
public struct Histogram {
    /// Values that have a bucket of their own.
    public static var buckets: Int { 8192 }
    /// Sixteen bits each: 16 KiB, which a task's stack has room for.
    private var counts = InlineArray<8192, UInt16>(repeating: 0)
    public private(set) var total: UInt64 = 0
    public private(set) var minimum: UInt64 = ~0
    public private(set) var maximum: UInt64 = 0
    public private(set) var sum: UInt64 = 0
    /// Values that have no bucket, or whose bucket is full at 65,535.
    public private(set) var overflows: UInt64 = 0
    /// Cycles that were to be measured and brought no value: an expiry that was not seen, or seen
    /// together with another.
    public private(set) var missed: UInt64 = 0

    public init() {}

    public mutating func add(_ value: UInt64) {
        total += 1
        sum &+= value
        if value < minimum { minimum = value }
        if value > maximum { maximum = value }
        if value < UInt64(Histogram.buckets) && counts[Int(value)] < .max {
            counts[Int(value)] += 1
        } else {
            overflows += 1
        }
    }

    public mutating func addMissed(_ count: UInt64 = 1) { missed += count }

    /// Whether there are values, none was missed, and none is larger than `goal`.
    public func keeps(_ goal: UInt64) -> Bool { total > 0 && missed == 0 && maximum <= goal }

    /// Rounded down; 0 without values.
    public var average: UInt64 { total == 0 ? 0 : sum / total }
    public func count(_ bucket: Int) -> UInt64 { UInt64(counts[bucket]) }

    /// The smallest value that is at least as large as `part` of 100,000 values (nearest rank):
    /// 99,990 is the 99.99th percentile. Where it lies among the overflows, the maximum. 0
    /// without values.
    public func percentile(_ part: UInt64) -> UInt64 {
        if total == 0 { return 0 }
        let rank = max(1, (total * part + 99_999) / 100_000)
        var seen: UInt64 = 0
        for bucket in 0..<Histogram.buckets {
            seen += UInt64(counts[bucket])
            if seen >= rank { return UInt64(bucket) }
        }
        return maximum
    }
}
