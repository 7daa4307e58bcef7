/// The lists that a table was made from, for those who write the next.
extension RouteTable {
    package var listedRoutes: [Route] { routes }
    package var listedStopped: [StoppedRoute] { stopped }
}
