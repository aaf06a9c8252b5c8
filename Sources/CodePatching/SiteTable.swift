import LockPlatform

/// The patch sites of a running system, and what each holds for which implementation.
public protocol SiteTable: ~Copyable {
  /// How many sites there are.
  var count: Int { get }

  /// The address of a site, and the operation it is a site of.
  func site(_ index: Int) -> (address: UInt, operation: LockOperation)

  /// What a site holds for an implementation; nil if its operation has none such.
  func form(of index: Int, as implementation: Implementation) -> Form?
}
