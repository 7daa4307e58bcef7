package import NIOCore

/// All ways of cutting bytes in two, and one byte at a time.
package enum Splits {
    /// Calls back with the pieces, in order, for each way of cutting.
    package static func forEach(_ bytes: ByteBuffer, _ body: ([ByteBuffer]) throws -> Void) rethrows {
        let all = Array(bytes.readableBytesView)
        for cut in 0...all.count {
            try body([ByteBuffer(bytes: all[..<cut]), ByteBuffer(bytes: all[cut...])])
        }
        try body(all.map { ByteBuffer(bytes: [$0]) })
    }
}
