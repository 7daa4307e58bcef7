/// An address that routes of different targets have, though not all of them say that they share it.
///
/// Only one server can listen there, so all routes but one would lead to another's data, and the map
/// does not say which one is right: none of them is dialled.
package struct AddressConflict: Hashable, Sendable {
    /// As the first of the routes writes it.
    package let host: String
    package let hostPort: UInt16
    /// All that lead there, in the order of the map.
    package let routes: [Route]
}
