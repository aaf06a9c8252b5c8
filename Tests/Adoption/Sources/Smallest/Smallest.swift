// One mutex and nothing else: what the library adds to a program that uses as little of it as can be
// (Scripts/check-adoption).
import Tidelock

@main
enum Smallest {
  static let counter = Mutex(0)

  static func main() {
    counter.withLock { $0 += 1 }
  }
}
