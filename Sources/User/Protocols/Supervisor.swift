// The supervisor's service. Word 0 of a request is the operation; the badge is the task that asks.

/// Word 0 of requests; 0 is a sign of life, sent by every watched task's runtime (one-way).
public enum SupervisorRequest {
    /// One-way. Word 1: key code (Linux's: 116 is the power key).
    public static var key: UInt64 { 1 }
    /// Word 1: task. It faults; what follows is the restart policy's. Reply: 0 or a `FactoryError`.
    public static var crash: UInt64 { 2 }
    /// Word 1: task. It ends, and stays ended. Reply: as above.
    public static var kill: UInt64 { 3 }
    /// Word 1: task. It ends if it runs, and starts anew at once. Reply: as above, and its
    /// generation.
    public static var restart: UInt64 { 4 }
    /// Word 1: task. Reply: 0, deaths since the last stable run, 1 if given up.
    public static var state: UInt64 { 5 }
    public static var powerKey: UInt64 { 116 }
}
