import FuzzDriver
import FuzzProperties

@main
struct FuzzStartup {
    static func main() {
        FuzzDriver.run { FuzzDriver.check(.startup, $0, $1) }
    }
}
