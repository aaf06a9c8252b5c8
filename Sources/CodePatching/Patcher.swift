import LockPlatform

/// Changes code while it may be executing.
///
/// Contract of every function here: one caller at a time, and the code is mapped and writable
/// through `Code` for as long as it runs.
public enum Patcher<Code: CodeMemory> {
  /// Compares every place of a list with what it must hold, and looks whether the method can change
  /// it; returns how many there are.
  ///
  /// Only reads.
  @inlinable
  public static func verify<List: PokeList & ~Copyable>(
    _ list: borrowing List, _ method: PokeMethod
  ) throws(PatchError) -> UInt32 {
    var found: UInt32 = 0
    try list.eachPart { part throws(PatchError) in
      for index in 0..<part.count {
        guard let poke = try part.poke(index) else { continue }
        let bytes = Code.loadCode(poke.address, count: poke.old.count)
        let isOurs = poke.mayBeInTransit && bytes & 0xff == Form.breakpoint
        guard bytes == poke.old.bytes || bytes == poke.other?.bytes || isOurs else {
          throw .unknownBytes(site: poke.address, found: bytes, expected: poke.old.bytes)
        }
        if method == .store, poke.address & 7 &+ UInt(poke.new.count) > 8 {
          throw .straddles(site: poke.address)
        }
        found &+= 1
      }
    }
    return found
  }

  /// Brings every place of a list from whatever it holds to its new form.
  ///
  /// When it returns, no CPU executes anything else there. If it throws, places hold the old form,
  /// the new one, or a breakpoint; calling it again, for this list or one that leads back, goes on
  /// from there.
  @inlinable
  public static func poke<List: PokeList & ~Copyable>(
    _ list: borrowing List, _ method: PokeMethod
  ) throws(PatchError) {
    switch method {
    case .store: try byStore(list)
    case .breakpoint:
      try arm(list)
      try complete(list)
    }
  }

  // MARK: One aligned store

  @inlinable
  static func byStore<List: PokeList & ~Copyable>(_ list: borrowing List) throws(PatchError) {
    try list.eachPart { part throws(PatchError) in
      for index in 0..<part.count {
        guard let poke = try part.poke(index), !holdsNew(poke) else { continue }
        guard storeWhole(poke.new, at: poke.address) else { throw .notWritable(site: poke.address) }
      }
    }
    // From here on no CPU executes an old form: each has serialized since the last store.
    guard Code.serializeCores() else { throw .notSerializable }
  }

  /// Replaces a form within its aligned word.
  ///
  /// The word's other bytes are code that stays.
  @inlinable @inline(__always)
  static func storeWhole(_ form: Form, at address: UInt) -> Bool {
    let word = address & ~7
    let shift = UInt64(address & 7) &* 8
    let others = Code.loadCode(word, count: 8) & ~(Form.mask(form.count) << shift)
    return Code.storeCodeWord(others | form.bytes << shift, at: word)
  }

  @inlinable @inline(__always)
  static func holdsNew(_ poke: Poke) -> Bool {
    Code.loadCode(poke.address, count: poke.new.count) == poke.new.bytes
  }

  // MARK: Breakpoint, tail, first byte

  /// 1: puts the breakpoint over every place that does not hold its new form, or over all.
  ///
  /// When it returns, no CPU executes anything else there.
  @inlinable
  public static func arm<List: PokeList & ~Copyable>(
    _ list: borrowing List, everywhere: Bool = false
  ) throws(PatchError) {
    try list.eachPart { part throws(PatchError) in
      for index in 0..<part.count {
        guard let poke = try part.poke(index), everywhere || !holdsNew(poke) else { continue }
        guard write(.breakpoint, poke.new, poke.address) else {
          throw .notWritable(site: poke.address)
        }
      }
    }
    guard Code.serializeCores() else { throw .notSerializable }
  }

  /// 2 and 3: gives every place behind a breakpoint its new form.
  @inlinable
  public static func complete<List: PokeList & ~Copyable>(
    _ list: borrowing List
  ) throws(PatchError) {
    try phase(list, .tail)
    try phase(list, .first)
  }

  /// One phase, and the serialization after it.
  @inlinable
  static func phase<List: PokeList & ~Copyable>(
    _ list: borrowing List, _ part: Part
  ) throws(PatchError) {
    try list.eachPart { list throws(PatchError) in
      for index in 0..<list.count {
        guard let poke = try list.poke(index),
          Code.loadCode(poke.address, count: 1) == Form.breakpoint
        else { continue }
        guard write(part, poke.new, poke.address) else { throw .notWritable(site: poke.address) }
      }
    }
    guard Code.serializeCores() else { throw .notSerializable }
  }

  /// Writes one part of a form; false if the write was refused.
  ///
  /// Contract: each part of a site is followed by a serialization of every CPU that may execute
  /// it, before the next is written.
  @inlinable @inline(__always)
  public static func write(_ part: Part, _ form: Form, _ address: UInt) -> Bool {
    switch part {
    case .breakpoint: Code.storeCode(Form.breakpoint, count: 1, at: address)
    case .tail: Code.storeCode(form.tail, count: form.count &- 1, at: address &+ 1)
    case .first: Code.storeCode(form.bytes & 0xff, count: 1, at: address)
    }
  }

  /// What is written of a form, in this order.
  @frozen public enum Part: Sendable {
    /// 1: `int3` over the first byte. From now on a CPU that arrives traps; one that is in the old form
    /// leaves it.
    case breakpoint
    /// 2: the new bytes behind it. No CPU executes them, because the breakpoint stands in front.
    case tail
    /// 3: the new first byte. From now on the new form executes.
    case first
  }
}
