import ArgumentParser
import Foundation
import GatewayContract
import PostgresGateway

/// Messages on standard error for the user who started the program, separate from the log.
enum ErrorOutput {
    static func print(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data("postgres-gateway: \(text)\n".utf8))
    }

    /// Runs a command; reports an error in one line and with its own exit code.
    static func exiting<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as ConfigurationError {
            print("\(error)")
            // The missing variable may be misspelled.
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
            // The address may appear later: a network that is not up yet, or a floating address.
            case .unavailable, .other: throw ExitCode.failure
            }
        }
    }
}
