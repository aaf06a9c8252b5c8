/// A change of the code at one address.
@frozen public struct Poke: Equatable, Sendable {
  /// Where it is.
  public let address: UInt
  /// What is there.
  public let old: Form
  /// What may be there instead, where an earlier poke failed midway.
  public let other: Form?
  /// Whether an earlier poke may have left its breakpoint there, before a tail of any form.
  public let mayBeInTransit: Bool
  /// What is to be there: as many bytes as are there now.
  public let new: Form

  /// A change.
  @inlinable
  public init(
    at address: UInt, from old: Form, or other: Form? = nil, mayBeInTransit: Bool = false,
    to new: Form
  ) {
    self.address = address
    self.old = old
    self.other = other
    self.mayBeInTransit = mayBeInTransit
    self.new = new
  }
}

/// Pokes that are carried out together, in one pass.
public protocol PokeList: ~Copyable {
  /// How many places there are in the list.
  var count: Int { get }

  /// The poke at an index; nil if nothing is changed there.
  ///
  /// The same whenever it is asked, until the list has been carried out.
  ///
  /// - Throws: `PatchError.noForm` if the address has no such form.
  func poke(_ index: Int) throws(PatchError) -> Poke?

  /// A list that finds each of its pokes at once.
  associatedtype Part: PokeList = Self

  /// Calls a function with lists that have these pokes, together and in this order: whoever goes through all
  /// of them need not look for each from the beginning.
  func eachPart(_ body: (Part) throws(PatchError) -> Void) throws(PatchError)
}

extension PokeList where Part == Self {
  /// The list is one part.
  @inlinable @inline(__always)
  public func eachPart(_ body: (Self) throws(PatchError) -> Void) throws(PatchError) {
    try body(self)
  }
}
