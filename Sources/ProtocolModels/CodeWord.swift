import CodePatching
import LockPlatform
import ModelChecker

/// An aligned word of code with a site in its first five bytes, as CPUs fetch it while it is being
/// changed.
///
/// Until a CPU has serialized it may fetch any of the versions since, each byte by itself. An
/// aligned 8-byte store is fetched whole: an assumption (AMD APM vol. 2 7.6.1; not documented by
/// Intel), see `ModelSettings.wordStoresAreWhole`.
struct CodeWord {
  /// 0 is that of unlock, 1 that of the slow path.
  private let index: UInt

  static var unlock: CodeWord { CodeWord(index: 0) }
  static var slowPath: CodeWord { CodeWord(index: 1) }

  /// All that the model has.
  static var count: UInt { ModelSettings.current.isKernel ? 2 : 1 }

  init(index: UInt) {
    self.index = index
  }

  init(at address: UInt) {
    index = address &- ModelMemory.slowSite.address < 8 ? 1 : 0
  }

  var address: UInt { word.address }
  var word: Location<UInt64> { index == 0 ? ModelMemory.site : ModelMemory.slowSite }
  /// How many versions there are since all CPUs serialized.
  var versions: Location<UInt64> { index == 0 ? ModelMemory.versions : ModelMemory.slowVersions }
  func version(_ version: UInt64) -> Location<UInt64> {
    index == 0 ? ModelMemory.version(version) : ModelMemory.slowVersion(version)
  }
  /// The oldest version that a CPU may still fetch.
  private func view(_ cpu: UInt32) -> Location<UInt64> {
    index == 0 ? ModelMemory.view(cpu) : ModelMemory.slowView(cpu)
  }

  /// What this CPU fetches: all possibilities are explored.
  func fetch(_ cpu: UInt32) -> UInt64 {
    let oldest = Simulated.load(view(cpu), .relaxed)
    let count = Simulated.load(versions, .relaxed)
    if oldest &+ 1 >= count { return form(Simulated.load(version(count &- 1), .relaxed)) }
    if ModelSettings.current.method == .store, ModelSettings.current.wordStoresAreWhole {
      let pick = oldest &+ Simulated.choose(count &- oldest)
      return form(Simulated.load(version(pick), .relaxed))
    }
    var bytes = byte(0, oldest, count)
    // What stands behind a breakpoint is not executed.
    if bytes == Form.breakpoint { return bytes }
    for place: UInt64 in 1..<5 { bytes |= byte(place, oldest, count) << (place &* 8) }
    return bytes
  }

  /// One byte, of any version in which it is different.
  private func byte(_ place: UInt64, _ oldest: UInt64, _ count: UInt64) -> UInt64 {
    var different: UInt64 = 0
    for version in oldest..<count where isNew(place, oldest, version) { different &+= 1 }
    var pick = different > 1 ? Simulated.choose(different) : 0
    for version in oldest..<count where isNew(place, oldest, version) {
      if pick == 0 { return content(place, version) }
      pick &-= 1
    }
    return 0
  }

  private func isNew(_ place: UInt64, _ oldest: UInt64, _ version: UInt64) -> Bool {
    for earlier in oldest..<version where content(place, earlier) == content(place, version) {
      return false
    }
    return true
  }

  private func content(_ place: UInt64, _ index: UInt64) -> UInt64 {
    Simulated.load(version(index), .relaxed) >> (place &* 8) & 0xff
  }

  private func form(_ word: UInt64) -> UInt64 {
    word & 0xff == Form.breakpoint ? Form.breakpoint : word & 0xff_ffff_ffff
  }

  /// From here on this CPU fetches what is there now.
  func serialize(_ cpu: UInt32) {
    Simulated.store(
      Simulated.load(versions, .relaxed) &- 1, to: view(cpu), .relaxed)
  }

  // MARK: Writing

  /// The patcher's store of the whole word, whatever part of it changes.
  func put(_ new: UInt64) {
    // An exchange, though it is a store: a store that lingers in a buffer is one that came later,
    // because nothing follows it but further stores to code and the serialization.
    _ = Simulated.exchange(new, at: word, .sequentiallyConsistent)
    let count = Simulated.load(versions, .relaxed)
    // A nested context that has finished a site, and an undo, may have written the same.
    if Simulated.load(version(count &- 1), .relaxed) == new { return }
    Simulated.expect(count < ModelMemory.maximumVersions, "the model has room for no more versions")
    Simulated.store(new, to: version(count), .relaxed)
    Simulated.store(count &+ 1, to: versions, .relaxed)
  }

  /// All CPUs fetch the last version now: the others can be forgotten.
  func forgetVersions() {
    let last = Simulated.load(versions, .relaxed) &- 1
    Simulated.store(Simulated.load(version(last), .relaxed), to: version(0), .relaxed)
    for index in 1..<max(last &+ 1, 1) { Simulated.store(0, to: version(index), .relaxed) }
    Simulated.store(1, to: versions, .relaxed)
    for cpu in 0..<ModelSettings.current.cpus { Simulated.store(0, to: view(cpu), .relaxed) }
  }

  /// From here on a CPU fetches what is there now, wherever it is.
  static func serializeAll(_ cpu: UInt32) {
    for index in 0..<count { CodeWord(index: index).serialize(cpu) }
  }
}
