import LockPlatform

/// The patch sites of a running system, and what each holds for which implementation.
public protocol SiteTable: ~Copyable {
  /// How many sites there are.
  var count: Int { get }

  /// The address of a site, and the operation it is a site of.
  func site(_ index: Int) -> (address: UInt, operation: LockOperation)

  /// What a site holds for an implementation; nil if its operation has none such.
  func form(of index: Int, as implementation: Implementation) -> Form?

  /// A table that finds each of its sites at once.
  associatedtype Part: SiteTable = Self

  /// Calls a function with tables that have these sites, together and in this order: whoever goes through
  /// all sites need not look for each from the beginning.
  func eachPart(_ body: (Part) throws(PatchError) -> Void) throws(PatchError)
}

extension SiteTable where Part == Self {
  /// The table is one part.
  @inlinable @inline(__always)
  public func eachPart(_ body: (Self) throws(PatchError) -> Void) throws(PatchError) {
    try body(self)
  }
}
