/// How much the stress tests do.
///
/// In debug builds the tests themselves and the inlined fast paths are not optimised, so there is less
/// to learn; the numbers that mean something are release's.
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
  /// Switches of a saturated lock.
  public static let saturatedSwitches = Int(60 / share)
  /// Acquisitions in which each thread must have had its turn.
  ///
  /// In native two threads that have the processors pass the lock to and fro until their time
  /// slices end, millions of times a second.
  public static let starvedAfter = 5_000_000 / share
  /// Acquisitions over which a paravirtual queue must be fair: many turns of every thread.
  public static let fairAcquisitions = 1_000_000 / share
  /// Generations of forty threads that come and go.
  public static let generations = Int(60 / share)
  /// Switches under a storm of signals.
  public static let stormSwitches = 300 / share
  /// Forks in the middle of switches.
  public static let forks = Int(200 / share)
  /// Times a library is loaded and unloaded while switches go on.
  public static let libraryCycles = Int(1_000 / share)
  /// Rounds of three threads that wait, are woken and end.
  public static let lateKicks = Int(2_000 / share)
}
