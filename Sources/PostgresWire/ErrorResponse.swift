package import NIOCore

/// A SQLSTATE code, five characters.
///
/// PostgreSQL: appendix A, `errcodes.txt`. This is the one list of the codes the gateway sends.
package struct SQLState: RawRepresentable, Hashable, Sendable {
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// sqlserver_rejected_establishment_of_sqlconnection
    package static let connectionRejected = Self(rawValue: "08004")
    /// protocol_violation
    package static let protocolViolation = Self(rawValue: "08P01")
    /// feature_not_supported
    package static let featureNotSupported = Self(rawValue: "0A000")
    /// invalid_authorization_specification
    package static let invalidAuthorization = Self(rawValue: "28000")
    /// invalid_catalog_name
    package static let invalidCatalogName = Self(rawValue: "3D000")
    /// too_many_connections
    package static let tooManyConnections = Self(rawValue: "53300")
    /// query_canceled, as PostgreSQL has it when authentication takes too long (`ProcessInterrupts`)
    package static let queryCanceled = Self(rawValue: "57014")
    /// invalid_password
    package static let invalidPassword = Self(rawValue: "28P01")
    /// cannot_connect_now
    package static let cannotConnectNow = Self(rawValue: "57P03")
}

/// An ErrorResponse with the fields that end a connection attempt: severity FATAL, code, message, detail, hint.
package struct ErrorResponse: Hashable, Sendable {
    package var sqlState: SQLState
    package var message: String
    package var detail: String?
    package var hint: String

    package init(sqlState: SQLState, message: String, detail: String? = nil, hint: String) {
        self.sqlState = sqlState
        self.message = message
        self.detail = detail
        self.hint = hint
    }

    /// Appends the message; zero bytes inside the texts, which would end a field, are dropped.
    package func encode(into buffer: inout ByteBuffer) {
        buffer.writeInteger(BackendMessageType.errorResponse.rawValue)
        let start = buffer.writerIndex
        buffer.writeInteger(UInt32(0))
        for (field, text) in fields {
            buffer.writeInteger(field.rawValue)
            buffer.writeBytes(text.utf8.lazy.filter { $0 != 0 })
            buffer.writeInteger(UInt8(0))
        }
        buffer.writeInteger(UInt8(0))
        buffer.setInteger(UInt32(buffer.writerIndex - start), at: start)
    }

    private var fields: [(Field, String)] {
        [
            (.localizedSeverity, "FATAL"), (.severity, "FATAL"),
            (.sqlState, sqlState.rawValue), (.message, message),
        ] + (detail.map { [(.detail, $0)] } ?? []) + [(.hint, hint)]
    }

    /// The body's fields by their type byte.
    ///
    /// - Returns: the fields, or nil when the body is not a list of fields and a terminator.
    package static func decodeFields(body: ByteBuffer) -> [Field: String]? {
        var body = body
        var found: [Field: String] = [:]
        while let type = body.readInteger(as: UInt8.self) {
            guard type != 0 else { return found }
            guard let text = body.readNullTerminatedBytes() else { return nil }
            found[Field(rawValue: type)] = String(buffer: text)
        }
        return nil
    }

    /// One field of a body of which only the beginning may be there; nil when it is not in it whole.
    package static func field(_ wanted: Field, ofBodyPrefix body: ByteBuffer) -> String? {
        var body = body
        while let type = body.readInteger(as: UInt8.self), type != 0 {
            guard let text = body.readNullTerminatedBytes() else { return nil }
            if type == wanted.rawValue { return String(buffer: text) }
        }
        return nil
    }

    /// The type byte of a field (protocol documentation, "Error and Notice Message Fields").
    package struct Field: RawRepresentable, Hashable, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        package static let localizedSeverity = Self(rawValue: UInt8(ascii: "S"))
        package static let severity = Self(rawValue: UInt8(ascii: "V"))
        package static let sqlState = Self(rawValue: UInt8(ascii: "C"))
        package static let message = Self(rawValue: UInt8(ascii: "M"))
        package static let detail = Self(rawValue: UInt8(ascii: "D"))
        package static let hint = Self(rawValue: UInt8(ascii: "H"))
    }
}
