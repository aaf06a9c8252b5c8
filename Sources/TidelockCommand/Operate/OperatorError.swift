import ELFReader

/// Why an operator's command failed: one sentence that ends with the way out.
public enum OperatorError: Error, Equatable, CustomStringConvertible {
  case notLoaded
  case notPermitted(file: String)
  case unreadable(file: String, reason: String)
  case kernelFile(ELFError)
  case underWay
  case blocked(module: String)
  case refused(reason: String)
  case undone(reason: String)
  case stuck(reason: String)
  case notAccepted(value: String, file: String)
  case noPolicy
  case noImage(path: String, release: String)
  case notInserted(reason: String)
  case notRemoved(reason: String)
  case noTool(name: String, reason: String)

  /// The sentence.
  public var description: String {
    switch self {
    case .notLoaded:
      "The module is not loaded; `systemctl start tidelock` loads it, and `tidelock guest doctor`"
        + " says whether it can be."
    case .notPermitted(let file):
      "\(file) may only be used by root with CAP_SYS_MODULE; run this with sudo."
    case .unreadable(let file, let reason): "\(file) cannot be read: \(reason)."
    case .kernelFile(let error): "\(error)"
    case .underWay: "A switch is under way; retry when it has ended."
    case .blocked(let module):
      "No switch: module \(module) has lock operations of its own that cannot be followed; remove it"
        + " with `rmmod \(module)` first."
    case .refused(let reason): "The switch was refused: \(reason)."
    case .undone(let reason):
      "The switch was undone and the old set is in force: \(reason). Retry when the load is lower,"
        + " or raise /sys/kernel/tidelock/time_limit."
    case .stuck(let reason):
      "The switch stopped in a sound mixture of both sets, which the module keeps trying to leave:"
        + " \(reason)."
    case .notAccepted(let value, let file): "The module does not accept '\(value)' in \(file)."
    case .noPolicy:
      "The loaded module has no policy; reload it with `systemctl restart tidelock` if a newer one is"
        + " installed."
    case .noImage(let path, let release):
      "The boot image of the running kernel, \(path), is not there; install"
        + " linux-image-\(release)."
    case .notInserted(let reason): "The module was not loaded: \(reason)."
    case .notRemoved(let reason): "The module was not removed: \(reason)."
    case .noTool(let name, let reason):
      "\(name) cannot be run (\(reason)); install the package kmod."
    }
  }
}
