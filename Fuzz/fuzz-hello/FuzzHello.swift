import FuzzDriver
import FuzzProperties

@main
struct FuzzHello {
    static func main() {
        FuzzDriver.run { FuzzDriver.check(.hello, $0, $1) }
    }
}
