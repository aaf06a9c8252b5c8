import LockPlatform

/// What the breakpoint handler is to do about a breakpoint that a CPU hit.
@frozen public enum BreakpointHit: Equatable, Sendable {
  /// Not at one of the sites: the previous handler is asked.
  case notOurs
  /// The site no longer holds a breakpoint: execute it again.
  case retry
  /// The site is in transit: do the operation in its stead.
  case emulate(LockOperation)

  /// Looks up the breakpoint at an address.
  ///
  /// Callable in the handler: it only reads. The platform chooses what to emulate: a plan pokes an
  /// operation only while both of its implementations are sound.
  ///
  /// The address is that of the breakpoint instruction itself; the sites are sorted by address.
  @inlinable
  public static func resolve<Sites: SiteTable & ~Copyable, Code: CodeMemory>(
    _ address: UInt, _ sites: borrowing Sites, _: Code.Type
  ) -> BreakpointHit {
    var low = 0
    var high = sites.count
    while low < high {
      let middle = low &+ (high &- low) / 2
      if sites.site(middle).address < address { low = middle &+ 1 } else { high = middle }
    }
    guard low < sites.count, sites.site(low).address == address else { return .notOurs }
    // A trap may be delivered long after it was taken.
    guard Code.loadCode(address, count: 1) == Form.breakpoint else { return .retry }
    return .emulate(sites.site(low).operation)
  }
}
