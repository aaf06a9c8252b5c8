/// How the two CPUs that contend are related just now.
///
/// A host moves the virtual CPUs of its guests, within seconds, between the two hardware threads of
/// one core, cores that share a cache, and cores that do not; and it hides from its guests which it
/// is. What contended locks cost, and which of them is fastest, changes with it. So the class is
/// measured (`Probe`), and only what was measured in one class is compared.
enum Placement: String, Codable, CaseIterable {
  /// Two hardware threads of one core.
  case siblings
  /// Two cores that share a cache.
  case sameCache = "same cache"
  /// Two cores that do not.
  case far
  /// It changed while a run was measured, or while it was being probed.
  case mixed
  /// There is one CPU only.
  case alone

  /// Whether runs of this class are compared with each other.
  var isComparable: Bool { self != .mixed }

  /// A cache line goes there and back in less between cores that share a cache (seen: 66 to 330 ns)
  /// and in more between those that do not (470 to 790 ns).
  static let farRoundTrip = 400.0
  /// Siblings share what the loops of `Slowdown` need, so each takes up to twice as long beside the other;
  /// cores of their own are at most clocked a little lower.
  static let siblingsSlowdown = 1.4
  /// Where the slowdown could not be measured: between what siblings (60 to 100 ns) and cores that share a
  /// cache (200 to 330 ns) were seen to take on the same processor.
  static let siblingsRoundTrip = 140.0

  /// What one probe found.
  init(_ probe: Probe) {
    let isClose = probe.roundTrip < Self.farRoundTrip
    guard let slowdown = probe.slowdown else {
      self =
        probe.roundTrip < Self.siblingsRoundTrip ? .siblings : isClose ? .sameCache : .far
      return
    }
    switch (slowdown >= Self.siblingsSlowdown, isClose) {
    case (true, true): self = .siblings
    case (false, true): self = .sameCache
    case (false, false): self = .far
    // Siblings cannot be far apart: they were moved between the two measurements.
    case (true, false): self = .mixed
    }
  }

  /// What the probes before a run and after it found; none on a single CPU.
  init(probes: [Probe]) {
    let classes = Set(probes.map { Placement($0) })
    self = classes.count > 1 ? .mixed : classes.first ?? .alone
  }
}
