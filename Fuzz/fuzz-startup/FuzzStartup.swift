// libFuzzer on everything that reads a stranger's first bytes: start-up packets, ClientHellos,
// a server's first messages. Built and run by `make fuzz`.

import FuzzDriver
import GatewayCore
import NIOCore
import PostgresWire
import RouteMap
import TLSWire

@main
struct FuzzStartup {
    static func main() {
        FuzzDriver.run(testOneInput)
    }
}

/// Feeds the same bytes whole and in pieces and demands the same answers.
func testOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: start, count: count)
    guard let step = input.first.map({ Int($0 % 17) + 1 }) else { return 0 }
    let bytes = ByteBuffer(bytes: input.dropFirst())
    checkStartupPacket(bytes, step: step)
    checkClientHello(bytes, step: step)
    checkScanner(bytes, step: step)
    checkTexts(bytes)
    return 0
}

private func pieces(_ bytes: ByteBuffer, step: Int) -> [ByteBuffer] {
    var rest = bytes
    var pieces: [ByteBuffer] = []
    while let piece = rest.readSlice(length: min(step, rest.readableBytes)), piece.readableBytes > 0 {
        pieces.append(piece)
    }
    return pieces
}

private func decode(_ pieces: [ByteBuffer]) -> Result<StartupPacket?, StartupPacketError> {
    var buffer = ByteBuffer()
    for piece in pieces {
        buffer.writeImmutableBuffer(piece)
        do throws(StartupPacketError) {
            if let packet = try StartupPacket.decode(from: &buffer) { return .success(packet) }
        } catch {
            return .failure(error)
        }
    }
    return .success(nil)
}

private func checkStartupPacket(_ bytes: ByteBuffer, step: Int) {
    let whole = decode([bytes])
    precondition(decode(pieces(bytes, step: step)) == whole, "the split changed the packet")
    switch whole {
    case .success(.startupMessage(let message)):
        precondition(message.packet.readableBytes <= 10_004)
        _ = message.parameters
        _ = message.parameter("user")
    case .success(.cancelRequest(let request)):
        var encoded = ByteBuffer()
        CancelRequest.encode(key: request.key, into: &encoded)
        precondition(encoded == request.packet, "a CancelRequest did not go there and back")
    default:
        break
    }
}

private func read(_ pieces: [ByteBuffer]) -> ClientHelloReader.Outcome {
    var reader = ClientHelloReader()
    var outcome = ClientHelloReader.Outcome.incomplete
    for piece in pieces where outcome == .incomplete { outcome = reader.receive(piece) }
    return outcome
}

private func checkClientHello(_ bytes: ByteBuffer, step: Int) {
    let whole = read([bytes])
    precondition(read(pieces(bytes, step: step)) == whole, "the split changed the ClientHello")
    if case .complete(let hello) = whole, let name = hello.serverName {
        _ = RouteTable.empty.lookUp(serverName: name)
        _ = Refusal.unknownHostname(name).errorResponse
    }
}

private func checkScanner(_ bytes: ByteBuffer, step: Int) {
    var scanner = BackendStartupScanner()
    let whole = scanner.observe(bytes)
    var second = BackendStartupScanner()
    let found = pieces(bytes, step: step).flatMap { second.observe($0) }
    precondition(found == whole, "the split changed what is found")
    precondition(scanner.isFinished == second.isFinished)
}

private func checkTexts(_ bytes: ByteBuffer) {
    let text = String(buffer: bytes)
    if let hostname = try? Hostname(text) {
        precondition(hostname.name.utf8.count <= Hostname.maximumLength)
        precondition((try? Hostname(hostname.name)) == hostname)
    }
    precondition(DisplayName.escape(text).allSatisfy { $0.isASCII && !$0.isNewline })
    _ = ErrorResponse.decodeFields(body: bytes)
    _ = BackendKeyData.decode(body: bytes)
}
