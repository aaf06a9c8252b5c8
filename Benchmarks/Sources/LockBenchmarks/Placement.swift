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
  /// It changed while a run was measured, or while it was being probed; or it could not be told.
  case mixed
  /// There is one CPU only.
  case alone

  /// Whether runs of this class are compared with each other.
  var isComparable: Bool { self != .mixed }

  /// From how many nanoseconds there and back on two cores share no cache.
  ///
  /// Read off many probes. Zen 5 (family 26): 60 to 130 within a cache, 320 to 400 and more without; Zen 4 (family
  /// 25): 200 to 330 and 470 to 790, which is what others get, too, for want of a better one. No one value serves
  /// both.
  static func farRoundTrip(family: Int?) -> Double { family == 26 ? 220 : 400 }
  private static let farRoundTrip = farRoundTrip(family: Processor.current.family)

  /// Siblings share what the loops of `Slowdown` need, so each takes twice as long beside the other; cores of
  /// their own are at most clocked a little lower (seen: 0.9 to 1.15).
  static let siblingsSlowdown = 1.4

  /// What one probe found.
  init(_ probe: Probe, farRoundTrip: Double = Self.farRoundTrip) {
    let isClose = probe.roundTrip < farRoundTrip
    guard let slowdown = probe.slowdown else {
      // A round trip tells far cores, and not siblings from others that are close.
      self = isClose ? .mixed : .far
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
