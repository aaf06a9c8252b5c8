import Glibc
import LockSwitching
import UserSpaceShims

/// The threads of the process, as the kernel knows them.
enum Tasks {
  /// Calls a function with each thread and the signals that it blocks, until it returns false.
  ///
  /// Throws if any of them cannot be looked at: of that one nothing is known.
  ///
  /// Left out: threads that the C library is just creating or ending, and one that takes its number
  /// (`ThreadRecord.enroll`). They block every signal, the library's own first one (SIGCANCEL)
  /// included, which no mask that a program asks for does; they execute no site before they have
  /// their own mask again.
  static func each(_ body: (Int32, UInt64) -> Bool) throws(SwitchFailure) {
    let tasks = try SwitchFailure.checked(tidelock_open_tasks())
    defer { tidelock_close(tasks) }
    var list = TaskList(room: 1024)
    defer { list.discard() }
    var count = 0
    while true {
      guard let tids = unsafe list.tids else { throw .unchecked(.refused(error: ENOMEM)) }
      // Writes no more than there is room for.
      count = Int(
        try SwitchFailure.checked(unsafe tidelock_list_tasks(tasks, tids, Int32(list.room))))
      if count <= list.room { break }
      list.discard()
      list = TaskList(room: count * 2)
    }
    for index in 0..<count {
      // Within what was written.
      guard let tid = unsafe list.tids?[index] else { return }
      var blocked: UInt64 = 0
      let exists = try SwitchFailure.checked(unsafe tidelock_task_blocks(tasks, tid, &blocked))
      guard exists != 0, !blocked.blocks(32) else { continue }
      guard body(Int32(bitPattern: tid), blocked) else { return }
    }
  }

  /// A thread that blocks a signal just now, if there is one.
  static func firstBlocking(_ signal: Int32) throws(SwitchFailure) -> Int32? {
    // The thread that switches blocks all but those that an instruction raises.
    if tidelock_blocked_signals().blocks(signal) { return Int32(bitPattern: tidelock_tid()) }
    var found: Int32?
    try each { tid, blocked in
      if blocked.blocks(signal) { found = tid }
      return found == nil
    }
    return found
  }
}

/// Room for the numbers of threads, in pages of its own: what the program allocates with may itself be
/// waiting for the switch.
@safe private struct TaskList {
  let room: Int
  /// Nil if there is no memory.
  private(set) var tids: UnsafeMutablePointer<UInt32>?

  init(room: Int) {
    self.room = room
    // Zeroed, aligned to pages, ours until `discard`.
    unsafe tids = UnsafeMutablePointer(bitPattern: UInt(tidelock_map(room * 4)))
  }

  mutating func discard() {
    guard let memory = unsafe tids else { return }
    unsafe tids = nil
    tidelock_unmap(UInt(bitPattern: memory), room * 4)
  }
}

extension SwitchFailure {
  /// A result of a system call that looks at /proc; throws if it is an error.
  static func checked(_ result: Int32) throws(SwitchFailure) -> Int32 {
    guard result < 0 else { return result }
    switch -result {
    case EMFILE, ENFILE: throw .unchecked(.noDescriptor)
    case ENOENT, ENOTDIR: throw .unchecked(.noProc)
    case let error: throw .unchecked(.refused(error: error))
    }
  }
}

extension UInt64 {
  /// Whether a signal is in this mask.
  func blocks(_ signal: Int32) -> Bool { self & (1 << UInt64(signal - 1)) != 0 }
}
