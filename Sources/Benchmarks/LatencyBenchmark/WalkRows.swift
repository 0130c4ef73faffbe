// How long a caller's own urgency takes to the end of a chain: from an urgent thread's call to the
// first instruction of the thread that all others wait for, and that was running before.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

extension Bench {
    mutating func walkRows() throws(KernelError) {
        if !needs("walk.") { return }
        let parts = try enterTrees()
        let lengths: InlineArray<4, Int> = [1, 4, 8, 15]
        let callers: InlineArray<2, Int> = [0, 200]
        for second in callers.indices {
            for index in lengths.indices { try walkRow(lengths[index], callers[second], parts) }
        }
        try leaveTrees(parts)
    }

    /// The chain's last server watches the clock, until the client, which a timer has woken, has
    /// called.
    private mutating func walkRow(_ length: Int, _ callers: Int, _ parts: TreeParts)
        throws(KernelError)
    {
        let name = ChainTree.rowName("walk.chain-", length, callers)
        if !selection.accepts(name) { return }
        let tree = try makeTree(length: length, callers: callers, watchesEnd: true, parts.arena)
        try build(tree)
        let timer = Timer(try makeForTree(.timer, parts.arena))
        try timer.bind(tree.client.wake, bits: 1)
        let watch = TreePlace.serverBlock(1)
        try row(name, clock: timerClock, samples: 50) { () throws(KernelError) in
            let wake = bench_counter() &+ 300
            let instant = timerClock.value(atTick: wake &+ 100)
            tree.client.block.set(instant: instant)
            watch.set(instant: instant)
            try timer.arm(Instant(ticks: wake))
            try Notification(tree.end).signal(1)
            let length = watch.end &- (instant &+ Block.lead)
            try recall(tree)
            return length
        }
        try destroy(parts.arena)
    }
}
