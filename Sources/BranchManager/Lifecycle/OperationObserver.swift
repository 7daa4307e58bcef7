/// Tells whoever began an operation its row in the store, as soon as there is one: the rest takes its time.
package enum OperationObserver {
    @TaskLocal package static var registered: (@Sendable (Operation) -> Void)?
}
