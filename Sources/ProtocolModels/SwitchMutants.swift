import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

// Breakages of switches.
extension Mutant {
  static var switching: [Mutant] { lockStep + counting }
}
