import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

/// A named small breakage, and a model in which it must be caught.
public struct Mutant: Sendable {
  /// Short, for reports.
  public var name: String
  /// What is broken, in one sentence.
  public var sentence: String
  /// The model with the breakage.
  public var model: any Model
  /// Why it cannot be caught, if so: then the model must hold.
  public var harmless: String?
}

extension Mutant {
  /// All of them.
  public static var all: [Mutant] {
    nativeQueue + paravirtualQueue + nested + lifetime + switching
  }

  /// One CPU that never leaves lock A alone, and one that wants it once.
  static var occupied: Workload {
    var workload = Workload([[.a], [.a]])
    workload.isEndless = [true, false]
    return workload
  }

  /// Two CPUs that never leave lock A alone, and one that wants it once.
  static var saturated: Workload {
    var workload = Workload([[.a], [.a], [.a]])
    workload.isEndless = [true, true, false]
    return workload
  }
}
