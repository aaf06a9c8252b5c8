import KernelServices

/// What the kernel itself knows about its lock operations: it is put back on removal as it was.
struct KernelTable {
  private var operations: InlineArray<5, UInt> = [0, 0, 0, 0, 0]
  private let key: UInt
  private let keySet: Bool

  /// As it is now.
  init(_ symbols: KernelSymbols) {
    key = symbols.testAndSetKey
    keySet = keyIsSet(key)
    for operation in operations.indices {
      operations[operation] = kernelOperation(Int32(operation))
    }
  }

  /// Puts the key back that makes the native slow path test-and-set; returns how many operations
  /// differ.
  ///
  /// The boot set is in force, which has put them back one by one.
  func restore() -> Int {
    holdCPUs()
    if keyIsSet(key) != keySet { setKey(key, keySet) }
    releaseCPUs()
    var different = 0
    for operation in operations.indices
    where kernelOperation(Int32(operation)) != operations[operation] {
      different += 1
    }
    return different
  }
}
