import Synchronization

/// A value that several threads read and replace.
final class Lock<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) {
        mutex = Mutex(value)
    }

    var value: Value {
        get { mutex.withLock { $0 } }
        set { mutex.withLock { $0 = newValue } }
    }

    func update<Result: Sendable>(_ change: @Sendable (inout Value) -> Result) -> Result {
        mutex.withLock { change(&$0) }
    }
}
