/// A counter of one file, which only a later value of the same file can be compared with.
struct GroupCounter: Equatable, Sendable {
  /// Where it was read.
  let file: String
  /// Its value, in nanoseconds or as a number.
  let value: Int64
}

/// What a program's cgroup and those around it say of its CPUs, by version 2 and 1: no privileges are
/// needed, nor /proc where the cgroup is a namespace's root, as in most containers.
///
/// A quota holds for all that is below it, so the groups around count too; each counts for itself what it
/// kept from running.
struct ControlGroups: Sendable {
  /// How long each group that has a quota was kept from running by it.
  private(set) var throttled: [GroupCounter] = []
  /// In how many of its periods.
  private(set) var throttledPeriods: [GroupCounter] = []
  /// The CPU time that the tightest quota allows a second, in nanoseconds; nil if there is no quota.
  private(set) var quota: Int64?
  /// Why there is nothing of a quota to be seen; nil if there is.
  private(set) var missing: String?
  /// For how long at least one task of the nearest group that says so waited for a CPU.
  private(set) var pressure: GroupCounter?

  /// Reads them; `membership` is the program's `cgroup` in /proc, nil if that cannot be read.
  init(_ membership: String?, _ root: String) {
    var isShown = false
    var unreadable: String?
    for hierarchy in Self.hierarchies(membership, root) {
      for folders in hierarchy {
        var isHere = false
        for folder in folders {
          if pressure == nil { pressure = Self.pressure(folder + "/cpu.pressure") }
          let quota = Self.quota(folder)
          let stat = quota == .unlimited ? nil : SmallFiles.text(folder + "/cpu.stat")
          isHere = isHere || quota != .unknown || stat != nil
          note(folder, quota, stat)
          if case .limited = quota, stat == nil { unreadable = unreadable ?? folder }
        }
        isShown = isShown || isHere
        // The same hierarchy under another name would count twice.
        if isHere { break }
      }
    }
    guard throttled.isEmpty, throttledPeriods.isEmpty else { return }
    missing =
      if let unreadable {
        "\(unreadable)/cpu.stat cannot be read"
      } else if isShown {
        "no cgroup of the program has a CPU quota"
      } else {
        "\(root) shows no cgroup of the program"
      }
  }

  private mutating func note(_ folder: String, _ quota: Quota, _ stat: String?) {
    if case .limited(let nanoseconds) = quota {
      self.quota = min(self.quota ?? .max, nanoseconds)
    }
    guard let stat else { return }
    if let value = Self.throttled(stat) {
      throttled.append(GroupCounter(file: folder, value: value))
    }
    if let value = Self.number("nr_throttled", in: stat) {
      throttledPeriods.append(GroupCounter(file: folder, value: value))
    }
  }

  // MARK: Folders

  /// For each hierarchy of cgroups with CPUs, the places where it may be mounted; and for each place, the
  /// program's folder and those around it, from the inside out.
  ///
  /// The path may lead nowhere: that of another namespace, from whose mount only this container's part is
  /// seen. Then the outermost folder is the container's own.
  static func hierarchies(_ membership: String?, _ root: String) -> [[[String]]] {
    (membership ?? "0::/\n0:cpu:/\n").split(separator: "\n").compactMap { line in
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return nil }
      let controllers = parts[1].split(separator: ",")
      let mounts: [String]
      if controllers.isEmpty {
        mounts = [root, root + "/unified"]
      } else if controllers == ["cpu"] {
        mounts = [root + "/cpu", root + "/cpu,cpuacct"]
      } else if controllers.contains("cpu") {
        mounts = ["\(root)/\(parts[1])", root + "/cpu"]
      } else {
        return nil
      }
      var names = parts[2].split(separator: "/")
      // Outside of what this namespace shows: the folders here are others' groups.
      guard !names.contains("..") else { return nil }
      var paths: [String] = []
      while true {
        paths.append(names.map { "/\($0)" }.joined())
        if names.popLast() == nil { break }
      }
      return mounts.map { mount in paths.map { mount + $0 } }
    }
  }

  // MARK: Files

  enum Quota: Equatable, Sendable {
    /// Nobody says.
    case unknown
    /// There is none.
    case unlimited
    /// So many nanoseconds a second.
    case limited(Int64)
  }

  /// `cpu.max` of version 2 holds quota and period, in microseconds; version 1 has a file for each.
  static func quota(_ folder: String) -> Quota {
    if let text = SmallFiles.text(folder + "/cpu.max") {
      let words = text.split { $0 == " " || $0 == "\n" }
      return quota(words.first, words.dropFirst().first)
    }
    guard let text = SmallFiles.text(folder + "/cpu.cfs_quota_us") else { return .unknown }
    let period = SmallFiles.text(folder + "/cpu.cfs_period_us")
    return quota(text.split(separator: "\n").first, period?.split(separator: "\n").first)
  }

  private static func quota(_ quota: Substring?, _ period: Substring?) -> Quota {
    if quota == "max" || quota == "-1" { return .unlimited }
    guard let quota = quota.flatMap({ Int64($0) }), let period = period.flatMap({ Int64($0) }),
      quota > 0, period > 0
    else { return .unknown }
    let (scaled, overflow) = quota.multipliedReportingOverflow(by: 1_000_000_000)
    return .limited(overflow ? .max : scaled / period)
  }

  /// `throttled_usec` in version 2, `throttled_time`, in nanoseconds, in version 1.
  static func throttled(_ stat: String) -> Int64? {
    number("throttled_usec", in: stat).map { $0.multipliedReportingOverflow(by: 1000).partialValue }
      ?? number("throttled_time", in: stat)
  }

  private static func number(_ name: String, in stat: String) -> Int64? {
    for line in stat.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == name { return Int64(words[1]) }
    }
    return nil
  }

  /// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, in microseconds.
  static func pressure(_ file: String) -> GroupCounter? {
    guard let text = SmallFiles.text(file) else { return nil }
    return text.split(separator: "\n").first { $0.hasPrefix("some ") }?.split(separator: " ")
      .first { $0.hasPrefix("total=") }.flatMap { Int64($0.dropFirst(6)) }
      .map {
        GroupCounter(file: file, value: $0.multipliedReportingOverflow(by: 1000).partialValue)
      }
  }
}

extension [GroupCounter] {
  /// By how much the counters have grown that were there before; nil if none was, as when the program was
  /// moved to other cgroups: what theirs have counted is nobody's loss.
  ///
  /// One that ran backwards makes it negative, whatever the others say.
  func growth(since before: [GroupCounter]) -> Int64? {
    var sum: Int64?
    for counter in self {
      guard let old = before.first(where: { $0.file == counter.file }) else { continue }
      let grown = counter.value &- old.value
      if grown < 0 { return grown }
      sum = (sum ?? 0).addingReportingOverflow(grown).partialValue
    }
    return sum
  }
}
