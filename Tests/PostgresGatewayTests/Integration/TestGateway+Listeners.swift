import Dispatch
import NIOCore
import PostgresGateway
import TestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension TestGateway {
    /// Closes a listening socket, and takes its port before it can be opened again.
    ///
    /// Sockets are bound on the loops; all of them stand still meanwhile.
    func takePort(_ port: Int, of channel: any Channel) async throws -> RawListener {
        let isHeld = DispatchSemaphore(value: 0)
        let others = server.loops.filter { $0 !== channel.eventLoop }
        for loop in others { loop.execute { isHeld.wait() } }
        let holder = channel.eventLoop.submit {
            // On its loop the socket is closed when this returns.
            channel.close(promise: nil)
            // Another test may have been given the port for an instant: as the local port of a connection, or as one that
            // is free.
            for _ in 0..<1_000 {
                if let holder = try? RawListener(port: port) { return holder }
                usleep(10_000)
            }
            return try RawListener(port: port)
        }
        return try await holder.always { _ in for _ in others { isHeld.signal() } }.get()
    }
}
