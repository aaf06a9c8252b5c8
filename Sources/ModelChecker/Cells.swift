/// A fixed number of plain values without reference counting: what snapshots are made of.
///
/// The memory belongs to whoever allocated it; bounds are checked.
@safe struct Cells<Element: BitwiseCopyable> {
  private let base: UnsafeMutablePointer<Element>
  let count: Int

  /// Contract: `count` initialized values at `base`, for as long as this is used.
  @unsafe init(_ base: UnsafeMutablePointer<Element>, count: Int) {
    unsafe self.base = base
    self.count = count
  }

  subscript(_ index: Int) -> Element {
    @inline(__always) _read {
      precondition(index >= 0 && index < count)
      // Inside the memory of the initializer's contract.
      yield unsafe base[index]
    }
    @inline(__always) nonmutating _modify {
      precondition(index >= 0 && index < count)
      // Inside the memory of the initializer's contract.
      yield unsafe &base[index]
    }
  }
}
