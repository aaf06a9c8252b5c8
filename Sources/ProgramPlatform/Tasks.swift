import Glibc
import UserSpaceShims

/// The threads of the process, as the kernel knows them.
enum Tasks {
  /// Calls a function with each thread and the signals that it blocks, until it returns false.
  ///
  /// Left out: threads that the C library is just creating or ending, and one that takes its number
  /// (`ThreadRecord.enroll`). They block every signal, the library's own first one (SIGCANCEL)
  /// included, which no mask that a program asks for does; they execute no site before they have
  /// their own mask again.
  static func each(_ body: (Int32, UInt64) -> Bool) {
    let tasks = tidelock_open_tasks()
    guard tasks >= 0 else { return }
    defer { tidelock_close(tasks) }
    var tids = [UInt32](repeating: 0, count: 64)
    while true {
      // Writes no more than there is room for.
      let count = Int(unsafe tidelock_list_tasks(tasks, &tids, Int32(tids.count)))
      guard count > tids.count else {
        tids.removeLast(tids.count - max(count, 0))
        break
      }
      tids = [UInt32](repeating: 0, count: count * 2)
    }
    for tid in tids {
      var blocked: UInt64 = 0
      guard unsafe tidelock_task_blocks(tasks, tid, &blocked), !blocked.blocks(32) else { continue }
      guard body(Int32(bitPattern: tid), blocked) else { return }
    }
  }

  /// A thread that blocks a signal just now, if there is one.
  static func firstBlocking(_ signal: Int32) -> Int32? {
    var found: Int32?
    each { tid, blocked in
      if blocked.blocks(signal) { found = tid }
      return found == nil
    }
    return found
  }
}

extension UInt64 {
  /// Whether a signal is in this mask.
  func blocks(_ signal: Int32) -> Bool { self & (1 << UInt64(signal - 1)) != 0 }
}
