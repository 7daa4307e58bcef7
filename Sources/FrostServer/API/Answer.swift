import HTTPTypes
import Hummingbird

/// The answer to a request.
struct Answer: Sendable {
    var status: HTTPResponse.Status
    var body: JSONValue?
    var location: String?

    init(_ status: HTTPResponse.Status = .ok, _ body: JSONValue? = nil, location: String? = nil) {
        self.status = status
        self.body = body
        self.location = location
    }

    var response: Response {
        var headers: HTTPFields = [.cacheControl: "no-store"]
        if let location { headers[.location] = location }
        if status == .unauthorized { headers[.wwwAuthenticate] = "X-Frost-Token" }
        guard let body else { return Response(status: status, headers: headers) }
        headers[.contentType] = "application/json; charset=utf-8"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body.data)))
    }
}
