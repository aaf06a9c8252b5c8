import LockPlatform

/// Changes all sites of one operation from one form to another while they may be executing.
///
/// Contract of every function here: one caller at a time, the sites are mapped and writable
/// through the platform for as long as it runs.
public enum Poke<Memory: CodeMemory> {
  /// Compares every site of an operation with what it must hold; returns how many there are.
  @inlinable
  public static func verify<Sites: SiteTable & ~Copyable>(
    _ sites: borrowing Sites, _ operation: LockOperation, holds implementation: Implementation
  ) throws(PatchError) -> Int {
    var found = 0
    for index in 0..<sites.count {
      let (address, of) = sites.site(index)
      guard of == operation else { continue }
      guard let form = sites.form(of: index, as: implementation) else {
        throw .noForm(site: address)
      }
      let bytes = Memory.loadCode(address, count: form.count)
      guard bytes == form.bytes else {
        throw .unknownBytes(site: address, found: bytes, expected: form.bytes)
      }
      found &+= 1
    }
    guard found > 0 else { throw .noSites }
    return found
  }

  /// Verifies every site and finds its new form, and only then writes the first.
  ///
  /// If a write is refused midway, everything is put back. Returns the number of sites.
  @inlinable
  public static func poke<Sites: SiteTable & ~Copyable>(
    _ sites: borrowing Sites, _ operation: LockOperation, from old: Implementation,
    to new: Implementation, by method: PokeMethod
  ) throws(PatchError) -> Int {
    let found = try ready(sites, operation, from: old, to: new)
    switch method {
    case .store: try byStore(sites, operation, from: old, to: new)
    case .breakpoint: try byBreakpoint(sites, operation, from: old, to: new)
    }
    return found
  }

  /// Verifies every site of an operation, and that it has a form to change to; returns how many
  /// there are.
  @inlinable
  public static func ready<Sites: SiteTable & ~Copyable>(
    _ sites: borrowing Sites, _ operation: LockOperation, from old: Implementation,
    to new: Implementation
  ) throws(PatchError) -> Int {
    let found = try verify(sites, operation, holds: old)
    for index in 0..<sites.count where sites.site(index).operation == operation {
      guard sites.form(of: index, as: new) != nil else {
        throw .noForm(site: sites.site(index).address)
      }
    }
    return found
  }

  // MARK: One aligned store

  @inlinable
  static func byStore<Sites: SiteTable & ~Copyable>(
    _ sites: borrowing Sites, _ operation: LockOperation, from old: Implementation,
    to new: Implementation
  ) throws(PatchError) {
    for index in 0..<sites.count where sites.site(index).operation == operation {
      let address = sites.site(index).address
      guard let form = sites.form(of: index, as: new), address & 7 &+ UInt(form.count) <= 8 else {
        throw .straddles(site: address)
      }
    }
    for index in 0..<sites.count {
      let (address, of) = sites.site(index)
      guard of == operation, let form = sites.form(of: index, as: new) else { continue }
      if storeWhole(form, at: address) { continue }
      for earlier in 0..<index {
        let (address, of) = sites.site(earlier)
        guard of == operation, let form = sites.form(of: earlier, as: old) else { continue }
        guard storeWhole(form, at: address) else { throw .undoRefused(site: address) }
      }
      _ = Memory.serializeCores()
      throw .notWritable(site: address)
    }
    // From here on no CPU executes an old form: each has serialized since the last store.
    guard !Memory.serializeCores() else { return }
    for index in 0..<sites.count {
      let (address, of) = sites.site(index)
      guard of == operation, let form = sites.form(of: index, as: old) else { continue }
      guard storeWhole(form, at: address) else { throw .undoRefused(site: address) }
    }
    throw .notSerializable
  }

  /// Replaces a form within its aligned word.
  ///
  /// The word's other bytes are code that stays.
  @inlinable
  static func storeWhole(_ form: Form, at address: UInt) -> Bool {
    let word = address & ~7
    let shift = UInt64(address & 7) &* 8
    let others = Memory.loadCode(word, count: 8) & ~(Form.mask(form.count) << shift)
    return Memory.storeCodeWord(others | form.bytes << shift, at: word)
  }

  // MARK: Breakpoint, tail, first byte

  @inlinable
  static func byBreakpoint<Sites: SiteTable & ~Copyable>(
    _ sites: borrowing Sites, _ operation: LockOperation, from old: Implementation,
    to new: Implementation
  ) throws(PatchError) {
    do {
      try arm(sites, operation, holding: old)
      try complete(sites, operation, as: new)
    } catch {
      try putBack(sites, operation, old)
      throw error
    }
  }

  /// Puts the breakpoint over every site of an operation: the first of the three phases.
  ///
  /// When it returns, no CPU executes a site any more. If it throws, some have their breakpoint:
  /// `putBack` removes them.
  @inlinable
  public static func arm<Sites: SiteTable & ~Copyable>(
    _ sites: borrowing Sites, _ operation: LockOperation, holding old: Implementation
  ) throws(PatchError) {
    try phase(sites, operation, old, .breakpoint)
  }

  /// Gives every site behind a breakpoint its new form: the second phase and the third.
  ///
  /// If it throws, sites are anywhere between: `putBack` repairs them.
  @inlinable
  public static func complete<Sites: SiteTable & ~Copyable>(
    _ sites: borrowing Sites, _ operation: LockOperation, as new: Implementation
  ) throws(PatchError) {
    try phase(sites, operation, new, .tail)
    try phase(sites, operation, new, .first)
  }

  /// Gives every site its old form again, from whatever it holds now.
  ///
  /// No site may ever show the first byte of one form and the tail of another, so all that differ
  /// get their breakpoint (again) before the first tail is touched.
  @inlinable
  public static func putBack<Sites: SiteTable & ~Copyable>(
    _ sites: borrowing Sites, _ operation: LockOperation, _ old: Implementation
  ) throws(PatchError) {
    let parts = Part.inOrder
    for turn in parts.indices {
      let part = parts[turn]
      for index in 0..<sites.count {
        let (address, of) = sites.site(index)
        guard of == operation, let form = sites.form(of: index, as: old),
          Memory.loadCode(address, count: form.count) != form.bytes
        else { continue }
        guard write(part, form, address) else { throw .undoRefused(site: address) }
      }
      _ = Memory.serializeCores()
    }
  }

  /// One of the three phases of a breakpoint poke, for all sites, and the serialization after it.
  @inlinable
  static func phase<Sites: SiteTable & ~Copyable>(
    _ sites: borrowing Sites, _ operation: LockOperation, _ implementation: Implementation,
    _ part: Part
  ) throws(PatchError) {
    for index in 0..<sites.count {
      let (address, of) = sites.site(index)
      guard of == operation, let form = sites.form(of: index, as: implementation) else { continue }
      guard write(part, form, address) else { throw .notWritable(site: address) }
    }
    guard Memory.serializeCores() else { throw .notSerializable }
  }

  /// Writes one part of a form; false if the write was refused.
  ///
  /// Contract: each part of a site is followed by a serialization of every CPU that may execute
  /// it, before the next is written.
  @inlinable @inline(__always)
  public static func write(_ part: Part, _ form: Form, _ address: UInt) -> Bool {
    switch part {
    case .breakpoint: Memory.storeCode(Form.breakpoint, count: 1, at: address)
    case .tail: Memory.storeCode(form.tail, count: form.count &- 1, at: address &+ 1)
    case .first: Memory.storeCode(form.bytes & 0xff, count: 1, at: address)
    }
  }

  /// What is written of a form, in this order.
  @frozen public enum Part: Sendable {
    /// 1: `int3` over the first byte. Who comes from now on traps; who was in the old form leaves.
    case breakpoint
    /// 2: the new bytes behind it. Nobody executes them: the breakpoint stands before.
    case tail
    /// 3: the new first byte. From now on the new form executes.
    case first

    @usableFromInline static var inOrder: InlineArray<3, Part> {
      @inlinable get { [.breakpoint, .tail, .first] }
    }
  }
}
