/// A lock under test together with the word it guards: a reference to both in memory.
///
/// A new one is free, guards 0, and is at an address of its own. All that a contestant has to say: the
/// measuring loops are generic over it and specialised for each, so nothing stands between the loop and the
/// lock.
protocol BenchmarkLock: Sendable {
  /// Takes the lock, lets the section at the word, releases the lock.
  func withLock(_ section: (inout UInt64) -> Void)

  /// Gives the memory back. Nobody uses the lock any more.
  func free()
}

/// Memory for one value that shares its cache lines with nothing else.
///
/// Two lines: processors fetch them in pairs.
@safe struct OwnLines<Value: ~Copyable>: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Value>

  init(_ value: consuming Value) {
    let line = 128
    let size = (MemoryLayout<Value>.size + line - 1) / line * line
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: line)
    // Allocated above, with room for it.
    unsafe pointer = memory.bindMemory(to: Value.self, capacity: 1)
    unsafe pointer.initialize(to: value)
  }

  /// Contract: called once, and nobody uses the value any more.
  func free() {
    unsafe pointer.deinitialize(count: 1)
    unsafe pointer.deallocate()
  }
}

/// A lock that is mere memory, and the word it guards next to it, as a mutex keeps its value.
struct Guarded<Lock: ~Copyable>: ~Copyable {
  var lock: Lock
  var word: UInt64 = 0
}
