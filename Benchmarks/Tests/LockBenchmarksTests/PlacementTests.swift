import Runs
import Testing

@testable import LockBenchmarks

@Suite(.serialized) struct PlacementTests {
  @Test(arguments: [
    (Probe.siblings, Placement.siblings), (.sameCache, .sameCache), (.far, .far),
    // Cores of a small processor are as near as another's siblings: the slowdown tells.
    (Probe(roundTrip: 70, slowdown: 1.05), .sameCache),
    (Probe(roundTrip: 210, slowdown: 1.9), .siblings),
    // No siblings are so far apart: they were moved in between.
    (Probe(roundTrip: 600, slowdown: 1.9), .mixed),
    // Without the slowdown the round trip tells far cores only.
    (Probe(roundTrip: 70, slowdown: nil), .mixed), (Probe(roundTrip: 600, slowdown: nil), .far),
  ])
  func `a class is told by round trip and slowdown together`(
    _ probe: Probe, _ placement: Placement
  ) {
    #expect(Placement(probe, farRoundTrip: 400) == placement)
  }

  @Test func `what is far depends on the processor`() {
    func placement(_ roundTrip: Double, family: Int) -> Placement {
      Placement(
        Probe(roundTrip: roundTrip, slowdown: 1),
        farRoundTrip: Placement.farRoundTrip(family: family))
    }
    #expect([130, 320].map { placement($0, family: 26) } == [.sameCache, .far])
    #expect([330, 470].map { placement($0, family: 25) } == [.sameCache, .far])
  }

  @Test func `a run has a class if all of its probes have it`() {
    #expect(Placement(probes: [.siblings, .siblings]) == .siblings)
    #expect(Placement(probes: [.siblings, .sameCache]) == .mixed)
    #expect(Placement(probes: []) == .alone)
  }

  @Test func `a probe of this machine finds something`() throws {
    let probe = try Probe.measure()
    guard Machine.current.cpus > 1 else {
      #expect(probe == nil)
      return
    }
    let found = try #require(probe)
    #expect(found.roundTrip > 0)
    // Two CPUs do not speed each other up; what is measured is the least on both sides.
    if let slowdown = found.slowdown { #expect(slowdown > 0.5) }
  }
}
