import GuestTestBed
import SwitchPolicy
import Testing

/// Lines of `/sys/kernel/tidelock/decisions`, as the floor that writes them writes them.
@Suite struct GuestDecisionTests {
  @Test func readsWhatThePolicyWrites() throws {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: DecisionLog.byteCount, alignment: 16)
    defer { memory.deallocate() }
    var log = DecisionLog(in: memory)
    var policy = Policy(in: .native, .guest)
    var time: UInt64 = 20_000_000_000
    var expected: [Decision] = []
    func decide(waited: Int64?, hint: DedicationHint) {
      time += 250_000_000
      let decision = policy.decide(
        PolicySample(
          time: time, elapsed: 250_000_000, cpus: 2, waited: waited,
          ran: waited.map { 500_000_000 - $0 }, hint: hint))
      log.add(decision)
      expected.append(decision)
    }
    while policy.underWay == nil { decide(waited: 250_000_000, hint: .dedicated) }
    log.add(policy.switched(to: .paravirtual, at: time))
    for _ in 0..<3 { decide(waited: nil, hint: .unknown) }

    var found: [GuestDecision] = []
    for index in 0..<log.count {
      var line = ""
      log[index]?.write { line.unicodeScalars.append(Unicode.Scalar($0)) }
      found.append(try #require(GuestDecision(line: line.dropLast()), "\(line)"))
    }
    let change = try #require(found.first { $0.change != nil })
    #expect(change.set == "native" && change.change == "paravirtual" && change.reason == "losing")
    #expect(change.shares["steal"] == 50 && change.hint == "dedicated")
    let losses = try #require(expected.first { $0.change != nil }?.losses)
    #expect(change.shares["native loses"] == Double(losses.native / 1000) / 10)
    #expect(change.shares["paravirtual loses"] == Double(losses.paravirtual / 1000) / 10)
    #expect(found.contains { $0.reason == "switched" && $0.set == "paravirtual" })
    // The hint that was seen last is all there is.
    #expect(found.contains { $0.reason == "blind" && $0.change == "native" })
    let last = try #require(found.last)
    #expect(last.reason == "under-way" && last.count == 2 && last.shares.isEmpty)
    #expect(last.seconds == Double(time / 1_000_000) / 1000 && last.hint == "unknown")
  }

  @Test(arguments: ["", "native", "1.0 native", "x native, best: hint none", "1 a b, c: d"])
  func whatIsNoDecisionIsNone(line: String) { #expect(GuestDecision(line: line) == nil) }
}
