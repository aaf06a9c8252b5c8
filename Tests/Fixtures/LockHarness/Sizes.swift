/// How much the stress tests do. Debug builds leave the generic floors unspecialised, so there they
/// only show that the code works at all; the numbers that mean something are release's.
public enum Sizes {
  #if DEBUG
    /// Divides what is otherwise done.
    static let share: UInt64 = 10
  #else
    static let share: UInt64 = 1
  #endif

  /// Acquisitions in one set with no more threads than processors.
  public static let acquisitions = 100_000 / share
  /// The same where each hand-over may cost a time slice: native, more threads than processors.
  public static let slowAcquisitions = 200 / share
  /// Rounds of all six directions, by each method.
  public static let rounds = Int(20 / share)
}
