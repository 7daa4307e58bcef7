package import NIOCore
package import RouteMap

package enum Fixtures {
    package static let target = Target(id: "dbt_1", name: "dev", database: "shop", project: "shop")

    package static func route(_ name: String, port: Int) -> Route {
        // The names of tests are names.
        guard let hostname = try? Hostname(name) else { preconditionFailure("\(name) is no hostname") }
        return Route(hostname: hostname, hostPort: UInt16(port), target: target)
    }

    package static func stopped(_ name: String) -> StoppedRoute {
        guard let hostname = try? Hostname(name) else { preconditionFailure("\(name) is no hostname") }
        return StoppedRoute(hostname: hostname, target: target)
    }
}

/// ClientHellos made by hand.
package enum ClientHelloBytes {
    /// A TLS 1.2 hello in records of at most `recordLength` bytes.
    package static func make(
        serverName: String?,
        protocols: [String] = [],
        padding: Int = 0,
        recordLength: Int = 16_384
    ) -> ByteBuffer {
        make(
            serverNameBytes: serverName.map { Array($0.utf8) },
            protocols: protocols,
            padding: padding,
            recordLength: recordLength
        )
    }

    package static func make(
        serverNameBytes: [UInt8]?,
        protocols: [String] = [],
        padding: Int = 0,
        recordLength: Int = 16_384
    ) -> ByteBuffer {
        var extensions = ByteBuffer()
        if padding > 0 { write(21, ByteBuffer(repeating: 0, count: padding), to: &extensions) }
        if let serverNameBytes {
            var list = ByteBuffer()
            list.writeInteger(UInt8(0))
            list.writeInteger(UInt16(serverNameBytes.count))
            list.writeBytes(serverNameBytes)
            write(0, prefixed(list), to: &extensions)
        }
        if !protocols.isEmpty {
            var list = ByteBuffer()
            for name in protocols {
                list.writeInteger(UInt8(name.utf8.count))
                list.writeString(name)
            }
            write(16, prefixed(list), to: &extensions)
        }
        var body = ByteBuffer()
        body.writeInteger(UInt16(0x0303))
        body.writeRepeatingByte(7, count: 32)
        body.writeInteger(UInt8(0))
        body.writeMultipleIntegers(UInt16(2), UInt16(0xc02b))
        body.writeMultipleIntegers(UInt8(1), UInt8(0))
        body.writeImmutableBuffer(prefixed(extensions))
        return records(of: message(body), length: recordLength)
    }

    package static func message(_ body: ByteBuffer, type: UInt8 = 1) -> ByteBuffer {
        var message = ByteBuffer()
        message.writeInteger(UInt32(type) << 24 | UInt32(body.readableBytes))
        message.writeImmutableBuffer(body)
        return message
    }

    package static func records(of message: ByteBuffer, length: Int, type: UInt8 = 22) -> ByteBuffer {
        var message = message
        var records = ByteBuffer()
        while let part = message.readSlice(length: min(length, message.readableBytes)), part.readableBytes > 0 {
            records.writeMultipleIntegers(type, UInt16(0x0301), UInt16(part.readableBytes))
            records.writeImmutableBuffer(part)
        }
        return records
    }

    private static func prefixed(_ content: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBuffer(integer: UInt16(content.readableBytes))
        buffer.writeImmutableBuffer(content)
        return buffer
    }

    private static func write(_ type: UInt16, _ content: ByteBuffer, to extensions: inout ByteBuffer) {
        extensions.writeInteger(type)
        extensions.writeImmutableBuffer(prefixed(content))
    }
}
