@main struct CrashProbe { static func main() {} }
