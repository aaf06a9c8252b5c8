import GuestTestBed
import Testing

@Suite struct GuestLocktortureTests {
  private static func log(end: String, fail: String) -> [String] {
    """
    [    9.1] spin_lock-torture:--- Start of test [debug]: nwriters_stress=8 nreaders_stress=0
    [   20.1] spin_lock-torture: Writes:  Total: 5  Max/Min: 3/1   Fail: 0
    [   69.8] spin_lock-torture: Writes:  Total: 12345  Max/Min: 3456/1234   Fail: \(fail)
    [   69.9] spin_lock-torture:--- End of test: \(end): nwriters_stress=8 nreaders_stress=0
    """.split(separator: "\n").map(String.init)
  }

  @Test(arguments: [
    ("SUCCESS", "0", true), ("FAILURE", "1 !!!", false), ("LOCK_HOTPLUG", "0", true),
  ])
  func readsTheVerdict(end: String, fail: String, hasExcluded: Bool) throws {
    let verdict = try #require(
      GuestLocktorture.Verdict(log: Self.log(end: end, fail: fail), lock: .spin))
    #expect(verdict.acquisitions == 12345)
    #expect(verdict.hasExcluded == hasExcluded)
    #expect(verdict.end == end)
  }

  @Test func countsReadersToo() throws {
    let log = [
      "[ 1.0] rw_lock_irq-torture: Writes:  Total: 10  Max/Min: 3/1   Fail: 0",
      "[ 1.0] rw_lock_irq-torture: Reads :  Total: 5  Max/Min: 3/1   Fail: 1 !!!",
      "[ 1.1] rw_lock_irq-torture:--- End of test: FAILURE: nwriters_stress=8",
    ]
    let verdict = try #require(
      GuestLocktorture.Verdict(log: log, lock: .readWriteInterruptsOff))
    #expect(verdict.acquisitions == 15 && !verdict.hasExcluded)
  }

  /// A log that does not say how it ended is not taken for a good one.
  @Test func aLogThatIsCutOffSaysNothing() {
    let whole = Self.log(end: "SUCCESS", fail: "0")
    #expect(GuestLocktorture.Verdict(log: Array(whole.dropLast()), lock: .spin) == nil)
    #expect(GuestLocktorture.Verdict(log: [whole[3]], lock: .spin) == nil)
    #expect(GuestLocktorture.Verdict(log: whole, lock: .mutex) == nil)
    #expect(GuestLocktorture.Verdict(log: [], lock: .spin) == nil)
  }
}
