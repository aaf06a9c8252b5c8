// A file that needs `Synchronization` for something else: both modules have a `Mutex`, and a declaration
// that is imported by name is the one meant.
import Synchronization
import Tidelock

import struct Tidelock.Mutex

enum Beside {
  static let hits = Atomic(0)
  static let table = Mutex<[Int]>([])
  static let lastly = SwitchableMutex<Int>(1)

  static func run() -> Int {
    hits.add(1, ordering: .relaxed)
    table.withLock { $0.append(hits.load(ordering: .relaxed)) }
    // Ours, and no other.
    func check(_: borrowing Tidelock.Mutex<[Int]>) {}
    check(table)
    return table.withLock { $0.count } + lastly.withLock { $0 }
  }
}
