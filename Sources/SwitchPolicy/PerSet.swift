import LockPlatform

/// One value for each set of lock operations.
@frozen public struct PerSet<Value> {
  /// The value of the native set.
  public var native: Value
  /// The value of the paravirtual set.
  public var paravirtual: Value
  /// The value of the test-and-set set.
  public var testAndSet: Value

  /// Three values.
  @inlinable
  public init(native: Value, paravirtual: Value, testAndSet: Value) {
    self.native = native
    self.paravirtual = paravirtual
    self.testAndSet = testAndSet
  }

  /// The value of a set.
  @inlinable
  public subscript(set: LockSet) -> Value {
    get {
      switch set {
      case .native: native
      case .paravirtual: paravirtual
      case .testAndSet: testAndSet
      }
    }
    set {
      switch set {
      case .native: native = newValue
      case .paravirtual: paravirtual = newValue
      case .testAndSet: testAndSet = newValue
      }
    }
  }
}

extension PerSet: Sendable where Value: Sendable {}
extension PerSet: BitwiseCopyable where Value: BitwiseCopyable {}
extension PerSet: Equatable where Value: Equatable {}

/// Some of the sets.
@frozen public struct LockSets: Equatable, Sendable {
  private var bits: UInt8

  /// None of them.
  public static let none = LockSets(bits: 0)
  /// Native and paravirtual.
  public static let queued = LockSets.none.adding(.native).adding(.paravirtual)
  /// All three.
  public static let all = LockSets.queued.adding(.testAndSet)

  private init(bits: UInt8) { self.bits = bits }

  /// These and one more.
  public func adding(_ set: LockSet) -> LockSets { LockSets(bits: bits | 1 << set.rawValue) }

  /// Whether a set is one of them.
  public func contains(_ set: LockSet) -> Bool { bits & 1 << set.rawValue != 0 }

  /// Calls `body` with each of them.
  ///
  /// Paravirtual comes first: of two sets that are equally good, a search that starts here finds
  /// the one that is never much worse.
  public func forEach(_ body: (LockSet) -> Void) {
    if contains(.paravirtual) { body(.paravirtual) }
    if contains(.native) { body(.native) }
    if contains(.testAndSet) { body(.testAndSet) }
  }
}
