import FuzzDriver
import FuzzProperties

@main
struct FuzzMachine {
    static func main() {
        FuzzDriver.run { FuzzDriver.check(.machine, $0, $1) }
    }
}
