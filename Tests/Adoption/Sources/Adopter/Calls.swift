// Locks that calls take and release, as SwiftNIO has them: only the import has changed.
import TidelockNIO

enum Calls {
  static let lock = NIOLock()
  static let box = NIOLockedValueBox([1])

  static func run() -> Int {
    lock.lock()
    defer { lock.unlock() }
    return box.withLockedValue {
      $0.append(2)
      return $0.count
    }
  }
}
