import GatewayCore
import GatewayHardening
import TestSupport
import Testing

@Suite struct FairQueueTests {
    private func id(_ number: Int) -> ConnectionID { ConnectionID(number: UInt64(number)) }

    @Test("The oldest of who has most, and among equals the oldest of all")
    func choice() {
        var queue = FairQueue<String>()
        queue.insert(id(1), "a")
        queue.insert(id(2), "b")
        queue.insert(id(3), "b")
        #expect(queue.oldestOfLargest() == id(2))
        queue.remove(id(2))
        #expect(queue.oldestOfLargest() == id(1))
        queue.insert(id(4), "a")
        queue.insert(id(5), "b")
        queue.insert(id(6), "b")
        #expect(queue.oldestOfLargest() == id(3))
        #expect(queue.oldest(of: "a") == id(1))
        #expect(queue.count(of: "b") == 3)
    }

    @Test("One that is in keeps its place, one that is not is not missed")
    func repeated() {
        var queue = FairQueue<String>()
        queue.insert(id(1), "a")
        queue.insert(id(2), "a")
        queue.insert(id(1), "a")
        #expect(queue.count == 2)
        #expect(queue.oldest(of: "a") == id(1))
        #expect(queue.remove(id(3)) == false)
        #expect(queue.remove(id(1)) == true)
        #expect(queue.remove(id(1)) == false)
        queue.insert(id(1), "a")
        #expect(queue.oldest(of: "a") == id(2), "who comes back is last")
    }

    /// The queue against a list that is searched.
    @Test("Any order of calls, against the plain way of doing it", arguments: 0..<20)
    func model(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var queue = FairQueue<Int>()
        var model: [(id: Int, key: Int)] = []
        for step in 0..<2_000 {
            if Bool.random(using: &generator) || model.isEmpty {
                let key = Int.random(in: 0..<5, using: &generator)
                queue.insert(id(step), key)
                model.append((step, key))
            } else if Bool.random(using: &generator) {
                let index = Int.random(in: 0..<model.count, using: &generator)
                queue.remove(id(model[index].id))
                model.remove(at: index)
            } else if let victim = queue.oldestOfLargest() {
                let counts = Dictionary(grouping: model, by: \.key).mapValues(\.count)
                let most = counts.values.max()
                let expected = model.first { counts[$0.key] == most }
                #expect(victim == expected.map { id($0.id) })
                queue.remove(victim)
                model.removeAll { id($0.id) == victim }
            }
            #expect(queue.count == model.count)
        }
    }
}
