import ProtocolModels

/// Which checks a command is about.
struct CheckSelection {
  var names: [String] = []
  /// How many CPUs take locks.
  var cpus: Int?
  /// Without checks that take long.
  var isQuick = false

  /// The checks, in the order of a run; never none.
  func checks(of all: [Check] = Check.all) throws(SelectionError) -> [Check] {
    var wanted = Set<String>()
    for name in names {
      let matches = Self.matches(name, all)
      guard !matches.isEmpty else { throw .unknownName(name) }
      wanted.formUnion(matches)
    }
    let checks = all.filter { check in
      (names.isEmpty || wanted.contains(check.id))
        && (cpus == nil || cpus == check.model.lockers) && !(isQuick && check.isLong)
    }
    guard !checks.isEmpty else { throw .nothingLeft }
    return checks
  }

  /// The checks of exactly this name, or else those whose name begins with it.
  private static func matches(_ name: String, _ all: [Check]) -> [String] {
    let exact = all.filter { $0.id == name || $0.name == name || $0.group.rawValue == name }
    let found =
      exact.isEmpty ? all.filter { $0.id.hasPrefix(name) || $0.name.hasPrefix(name) } : exact
    return name.isEmpty ? [] : found.map(\.id)
  }
}

/// Why no check is selected.
enum SelectionError: Error, Equatable, CustomStringConvertible {
  case unknownName(String)
  case nothingLeft

  var description: String {
    switch self {
    case .unknownName(let name):
      "There is no check '\(name)'; name a group ("
        + Check.Group.allCases.map(\.rawValue).joined(separator: ", ")
        + ") or a check that `tidelock verify --list` shows."
    case .nothingLeft:
      "No check has such a name and such bounds; `tidelock verify --list` shows them all."
    }
  }
}
