@main struct Frost { static func main() {} }
