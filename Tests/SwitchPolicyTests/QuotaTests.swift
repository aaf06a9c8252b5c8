import Foundation
import LockPlatform
import PolicySimulation
import ProgramSamples
import SwitchPolicy
import Testing

/// What a program under a CPU quota sees of it, on cgroups that the test writes and a clock that it moves.
@Suite final class QuotaTests {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("tidelock-cgroup-\(UUID().uuidString)")
  var time: UInt64 = 1_000_000_000

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func write(_ text: String, to path: String) throws {
    let file = folder.appendingPathComponent(path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  /// A cgroup of version 2 that allows half of a CPU, and has been throttled for so many milliseconds.
  private func throttle(_ group: String, _ milliseconds: Int, periods: Int = 0) throws {
    try write("50000 100000\n", to: "cgroup/\(group)/cpu.max")
    try write(
      """
      usage_usec 900
      nr_periods 7
      nr_throttled \(periods)
      throttled_usec \(milliseconds * 1000)

      """, to: "cgroup/\(group)/cpu.stat")
  }

  /// The program: a thread whose run delay nobody counts, in a cgroup; nothing but the quota is shown.
  private func recorder(in membership: String?) throws -> ProgramRecorder {
    try write("", to: "proc/7/task/7/stat")
    if let membership { try write(membership, to: "proc/7/cgroup") }
    return try ProgramRecorder(
      of: 7, at: time,
      .init(proc: folder.path + "/proc", cgroup: folder.path + "/cgroup"), ticksPerSecond: 100)
  }

  private func look(_ recorder: inout ProgramRecorder) throws -> ProgramSamples.Recorded {
    time += 100_000_000
    let recorded = recorder.look(at: time)
    return try #require(recorded)
  }

  private func throttling(_ recorder: ProgramRecorder) -> String? {
    recorder.missing.first { $0.hasPrefix("throttling: ") }
  }

  // MARK: Where cgroups are

  /// As most containers see it: the cgroup is the root of its namespace, with or without /proc.
  @Test(arguments: ["0::/\n", nil])
  func theRootOfANamespace(_ membership: String?) throws {
    try throttle("", 5)
    var recorder = try recorder(in: membership)
    #expect(throttling(recorder) == nil)
    try throttle("", 65, periods: 1)
    let recorded = try look(&recorder)
    #expect(recorded.sample.waited == 60_000_000)
    #expect(
      recorded.signals == ["throttled_us": 60_000, "throttled_periods": 1, "quota_us": 500_000])
  }

  /// The path is the host's, and only this container's part of the tree is mounted.
  @Test func thePathOfAnotherNamespace() throws {
    try throttle("", 0)
    var recorder = try recorder(in: "0::/docker/abc\n")
    try throttle("", 20)
    #expect(try look(&recorder).sample.waited == 20_000_000)
  }

  /// A quota holds for all that is below it: the counter is its own group's.
  @Test func theQuotaOfAGroupAround() throws {
    try write("max 100000\n", to: "cgroup/pod/box/cpu.max")
    try write("throttled_usec 999\n", to: "cgroup/pod/box/cpu.stat")
    try throttle("pod", 0)
    var recorder = try recorder(in: "0::/pod/box\n")
    try write("throttled_usec 99999\n", to: "cgroup/pod/box/cpu.stat")
    try throttle("pod", 30)
    #expect(try look(&recorder).sample.waited == 30_000_000)
  }

  /// Version 1: nanoseconds, two files for the quota, and a second name for the same hierarchy, which does
  /// not count twice.
  @Test func versionOne() throws {
    func throttle(_ milliseconds: Int) throws {
      for mount in ["cpu,cpuacct", "cpu"] {
        try write("150000\n", to: "cgroup/\(mount)/box/cpu.cfs_quota_us")
        try write("100000\n", to: "cgroup/\(mount)/box/cpu.cfs_period_us")
        try write("-1\n", to: "cgroup/\(mount)/cpu.cfs_quota_us")
        try write(
          "nr_periods 3\nnr_throttled 2\nthrottled_time \(milliseconds * 1_000_000)\n",
          to: "cgroup/\(mount)/box/cpu.stat")
      }
    }
    try throttle(1)
    var recorder = try recorder(in: "4:cpu,cpuacct:/box\n2:memory:/other\n0::/\n")
    try throttle(41)
    let recorded = try look(&recorder)
    #expect(recorded.sample.waited == 40_000_000 && recorded.signals["quota_us"] == 1_500_000)
  }

  /// Nothing is taken for the program's that another group counts.
  @Test func whatIsMissingIsNamedWithItsReason() throws {
    try write("max 100000\n", to: "cgroup/box/cpu.max")
    try write("throttled_usec 5\n", to: "cgroup/box/cpu.stat")
    let none = try recorder(in: "0::/box\n")
    #expect(throttling(none) == "throttling: no cgroup of the program has a CPU quota")

    try throttle("", 5)
    let outside = try recorder(in: "0::/../elsewhere\n")
    #expect(throttling(outside)?.hasSuffix("/cgroup shows no cgroup of the program") == true)

    try write("10000 100000\n", to: "cgroup/closed/cpu.max")
    try FileManager.default.removeItem(atPath: folder.path + "/cgroup/cpu.max")
    try FileManager.default.removeItem(atPath: folder.path + "/cgroup/cpu.stat")
    let closed = try recorder(in: "0::/closed\n")
    #expect(throttling(closed)?.hasSuffix("/cgroup/closed/cpu.stat cannot be read") == true)
  }

  // MARK: What a policy makes of it

  /// The quota alone is enough, there and back.
  @Test func theQuotaAloneIsEnough() throws {
    try throttle("", 0)
    var recorder = try recorder(in: nil)
    var policy = Policy(in: .native, .program)
    var throttled = 0
    func follow(_ milliseconds: Int, until set: LockSet) throws -> Bool {
      for _ in 0..<60 where policy.inForce != set {
        throttled += milliseconds
        try throttle("", throttled)
        let decision = policy.decide(try look(&recorder).sample)
        if let change = decision.change { policy.switched(to: change, at: time) }
      }
      return policy.inForce == set
    }
    #expect(try follow(50, until: .paravirtual))
    #expect(try follow(0, until: .native))
    #expect(policy.impossibleSamples == 0)
  }

  /// Moved to other cgroups, whose counters are ahead or behind: nothing of what those have counted is
  /// this program's, and from then on theirs count.
  @Test(arguments: [3, 90_000])
  func aMoveIsNoLoss(_ counted: Int) throws {
    try throttle("old", 500)
    try throttle("new", counted)
    var recorder = try recorder(in: "0::/old\n")
    try write("0::/new\n", to: "proc/7/cgroup")
    let moved = try look(&recorder)
    #expect(moved.sample.waited == nil && moved.signals["throttled_us"] == nil)
    try throttle("new", counted + 10)
    #expect(try look(&recorder).sample.waited == 10_000_000)
  }

  /// The same file counts from the start again, since the group is another of the same name: the sample
  /// changes nothing and is counted.
  @Test func aCounterThatRunsBackwardsIsImpossible() throws {
    try throttle("", 800)
    var recorder = try recorder(in: nil)
    var policy = Policy(in: .native, .program)
    #expect(policy.decide(try look(&recorder).sample).reason == .best)
    let work = policy.work
    try throttle("", 2)
    let decision = policy.decide(try look(&recorder).sample)
    #expect(decision.reason == .ranBackwards && decision.change == nil)
    #expect(policy.impossibleSamples == 1 && policy.work == work)
    #expect(policy.decide(try look(&recorder).sample).reason == .best)
  }

  /// Where the time is not told, the number of throttled periods is a guess at it.
  @Test func periodsAloneAreAGuess() throws {
    try write("nr_throttled 4\n", to: "cgroup/cpu.stat")
    var recorder = try recorder(in: nil)
    try write("nr_throttled 6\n", to: "cgroup/cpu.stat")
    let recorded = try look(&recorder)
    #expect(recorded.signals["throttled_periods"] == 2)
    #expect((recorded.sample.waited ?? 0) > 0)
  }
}
