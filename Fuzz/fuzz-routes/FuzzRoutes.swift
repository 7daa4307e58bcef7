import FuzzDriver
import FuzzProperties

@main
struct FuzzRoutes {
    static func main() {
        FuzzDriver.run { FuzzDriver.check(.routes, $0, $1) }
    }
}
