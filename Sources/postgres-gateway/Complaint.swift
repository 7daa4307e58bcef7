import ArgumentParser
import Foundation
import GatewayContract
import PostgresGateway

/// Lines for the person who started the program, before and beside the log.
enum Complaint {
    static func print(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data("postgres-gateway: \(text)\n".utf8))
    }

    /// Runs a command; what it cannot do is told in one line and with an exit code of its own.
    static func exiting<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as ConfigurationError {
            print("\(error)")
            // What is missing may be there under another name.
            for unknown in UnknownVariable.all(in: ProcessInfo.processInfo.environment.keys) {
                print("warning: \(unknown)")
            }
            throw ExitCode(GatewayExitCode.configuration)
        } catch let error as ListenerLost {
            print("\(error)")
            throw ExitCode(GatewayExitCode.listenerLost)
        } catch let error as ListenError {
            print("\(error)")
            switch error.kind {
            case .portInUse: throw ExitCode(GatewayExitCode.portInUse)
            case .notPermitted: throw ExitCode(GatewayExitCode.configuration)
            // The address may come: of a network that is not up yet, or one that floats.
            case .unavailable, .other: throw ExitCode.failure
            }
        }
    }
}
