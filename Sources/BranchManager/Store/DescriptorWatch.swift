import Dispatch

/// Calls a function whenever a file descriptor is readable, without its own thread or polling.
package final class DescriptorWatch: Sendable {
    // Dispatch objects may be used from any thread; Dispatch on Linux does not say so.
    private nonisolated(unsafe) let source: any DispatchSourceRead

    /// - Parameters:
    ///   - readable: must read until there is no more, since it is called as long as there is.
    ///   - ended: called once, after ``cancel()``, when the descriptor may be closed.
    package init(
        _ descriptor: Int32,
        readable: @escaping @Sendable () -> Void,
        ended: @escaping @Sendable () -> Void
    ) {
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: .global())
        source.setEventHandler(handler: readable)
        source.setCancelHandler(handler: ended)
        source.activate()
    }

    package func cancel() { source.cancel() }
}
