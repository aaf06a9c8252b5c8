import Foundation
import Synchronization
import Tidelock

import struct Tidelock.Mutex

/// Threads that wait for a mutex while its set changes under them, and between two switches: what
/// ThreadSanitizer is to see.
enum Contended {
  static let counter = Mutex(0)
  static let counted = Atomic(0)
  static let isOver = Atomic(false)
  static let running = Atomic(4)

  static func run() {
    for _ in 0..<4 { start() }
    for _ in 0..<10 {
      change(to: .native)
      change(to: .paravirtual)
      let enough = counted.load(ordering: .relaxed) + 200_000
      while counted.load(ordering: .relaxed) < enough { sched_yield() }
    }
    isOver.store(true, ordering: .relaxed)
    while running.load(ordering: .acquiring) > 0 { sched_yield() }
    precondition(counter.withLock { $0 } == counted.load(ordering: .relaxed))
  }

  private static func start() {
    Thread.detachNewThread {
      count()
      running.subtract(1, ordering: .releasing)
    }
  }

  private static func count() {
    while !isOver.load(ordering: .relaxed) {
      // Long enough for others to queue.
      counter.withLock { for _ in 0..<100 { $0 += 1 } }
      counted.add(100, ordering: .relaxed)
    }
  }

  private static func change(to set: LockSet) {
    do throws(SwitchError) {
      try LockOperations.switch(to: set, timeLimit: .seconds(60))
    } catch {
      fatalError("\(error)")
    }
  }
}
