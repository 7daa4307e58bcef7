import FuzzDriver
import FuzzProperties

@main
struct FuzzAdmission {
    static func main() {
        FuzzDriver.run { FuzzDriver.check(.admission, $0, $1) }
    }
}
