import CodePatching
import LockPlatform

/// The pokes of a batch: what its operations' sites hold in a state, and what they are to hold.
@frozen public struct BatchPokes<Sites: SiteTable>: PokeList {
  @usableFromInline let sites: Sites
  @usableFromInline let batch: Batch
  @usableFromInline let state: SwitchState

  /// The pokes that a batch is in a state.
  @inlinable
  public init(_ batch: Batch, of sites: Sites, in state: SwitchState) {
    self.sites = sites
    self.batch = batch
    self.state = state
  }

  /// As many as there are sites.
  @inlinable public var count: Int { sites.count }

  /// The poke of a site; nil if its operation is not in the batch.
  @inlinable @inline(__always)
  public func poke(_ index: Int) throws(PatchError) -> Poke? {
    let (address, operation) = sites.site(index)
    guard let wanted = batch[operation] else { return nil }
    let held = state[operation]
    guard let one = held.first, let old = sites.form(of: index, as: one),
      let new = sites.form(of: index, as: wanted)
    else { throw .noForm(site: address) }
    var other: Form?
    if let second = held.without(one).first {
      guard let form = sites.form(of: index, as: second) else { throw .noForm(site: address) }
      other = form
    }
    return Poke(
      at: address, from: old, or: other, mayBeInTransit: state.isInTransit(operation), to: new)
  }

  /// Part after part of the table.
  @inlinable @inline(__always)
  public func eachPart(
    _ body: (BatchPokes<Sites.Part>) throws(PatchError) -> Void
  ) throws(PatchError) {
    try sites.eachPart { part throws(PatchError) in
      try body(BatchPokes<Sites.Part>(batch, of: part, in: state))
    }
  }
}

extension Batch {
  /// What is in place: a batch that changes nothing, to verify every site by.
  @usableFromInline
  init(holding state: SwitchState) {
    self.init()
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      self[operation] = state[operation].first
    }
  }

  /// The batch with what another one has in its place.
  @usableFromInline
  func changed(by other: Batch) -> Batch {
    var changed = self
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      if let new = other[operation] { changed[operation] = new }
    }
    return changed
  }

  /// The implementations that a batch replaces, as far as the state knows one.
  @usableFromInline
  func replaced(in state: SwitchState) -> Batch {
    var replaced = Batch()
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      guard let new = self[operation] else { continue }
      replaced[operation] = state[operation].without(new).first ?? new
    }
    return replaced
  }
}
