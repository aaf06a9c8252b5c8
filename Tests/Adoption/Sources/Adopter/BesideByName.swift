// The same without an import by name: `SwitchableMutex` is in no other module.
import Synchronization
import Tidelock

enum BesideByName {
  static let hits = Atomic(0)
  static let table = SwitchableMutex<[Int]>([])

  static func run() -> Int {
    table.withLock {
      $0.append(hits.load(ordering: .relaxed))
      return $0.count
    }
  }
}
