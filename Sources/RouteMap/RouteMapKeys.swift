// The keys of a route map, named as they stand in the file.

enum VersionKey: UInt8, JSONKey {
    case version

    init?(name: String) {
        guard name == "version" else { return nil }
        self = .version
    }
}

enum MapKey: UInt8, JSONKey {
    case version, routes, stopped, confirmedAt, validForSeconds

    init?(name: String) {
        switch name {
        case "version": self = .version
        case "routes": self = .routes
        case "stopped": self = .stopped
        case "confirmedAt": self = .confirmedAt
        case "validForSeconds": self = .validForSeconds
        default: return nil
        }
    }
}

enum RouteKey: UInt8, JSONKey {
    case hostname, hostPort, target, host, maxConnections, tls, sharedAddress

    init?(name: String) {
        switch name {
        case "hostname": self = .hostname
        case "hostPort": self = .hostPort
        case "target": self = .target
        case "host": self = .host
        case "maxConnections": self = .maxConnections
        case "tls": self = .tls
        case "sharedAddress": self = .sharedAddress
        default: return nil
        }
    }
}

enum StoppedKey: UInt8, JSONKey {
    case hostname, target

    init?(name: String) {
        switch name {
        case "hostname": self = .hostname
        case "target": self = .target
        default: return nil
        }
    }
}

enum TargetKey: UInt8, JSONKey {
    case id, name, database, project

    init?(name: String) {
        switch name {
        case "id": self = .id
        case "name": self = .name
        case "database": self = .database
        case "project": self = .project
        default: return nil
        }
    }
}
