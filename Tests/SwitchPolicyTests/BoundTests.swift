import LockPlatform
import SwitchPolicy
import Testing

@Suite struct BoundTests {
  @Test func explore() {
    for (name, settings, interval) in [
      ("guest", PolicySettings.guest, 250_000_000 as UInt64), ("program", .program, 25_000_000),
      ("program50", .program, 50_000_000),
    ] {
      for strict in [false, true] {
        for candidates in [LockSets.queued, .all] {
          var settings = settings
          settings.candidates = candidates
          var search = LoadSearch(settings: settings, interval: interval)
          if strict { search.measure = { $0.strictRatio } }
          let (load, result) = search.worst(random: 4000, climbs: 500)
          print(
            name, strict ? "strict" : "total", candidates == .all ? "three" : "two",
            search.measure(result), result.changes, load)
        }
      }
    }
  }
}
