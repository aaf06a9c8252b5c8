import KernelServices

/// What the kernel itself knows about its lock operations, and gets back on removal.
struct KernelTable {
  private var operations: InlineArray<5, UInt> = [0, 0, 0, 0, 0]
  private let key: UInt
  private let keySet: Bool
  private let forced: UInt32

  /// As it is now.
  init(_ symbols: KernelSymbols) {
    key = symbols.testAndSetKey
    keySet = keyIsSet(key)
    forced = forcedCapabilities()
    for operation in operations.indices {
      operations[operation] = kernelOperation(Int32(operation))
    }
  }

  /// Puts back the key that makes the native slow path test-and-set, and what is forced for modules;
  /// returns how many operations differ.
  ///
  /// The boot set is in force, which has put them back one by one. With the CPUs held.
  func restore() -> Int {
    if keyIsSet(key) != keySet { setKey(key, keySet) }
    restoreForcedCapabilities(forced)
    var different = 0
    for operation in operations.indices
    where kernelOperation(Int32(operation)) != operations[operation] {
      different += 1
    }
    return different
  }
}
