import Foundation
import PolicySimulation
import ProgramSamples
import SwitchPolicy
import Testing

/// The recorder, on a /proc that the test writes.
@Suite final class RecorderTests {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("tidelock-proc-\(UUID().uuidString)")

  deinit { try? FileManager.default.removeItem(at: folder) }

  var roots: ProgramReadings.Roots {
    .init(proc: folder.path + "/proc", cgroup: folder.path + "/cgroup")
  }

  func write(_ text: String, to path: String) throws {
    let file = folder.appendingPathComponent(path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  func writeProgram(ran: Int, delayed: Int, steal: Int = 0, throttled: Int = 0) throws {
    for thread in [7, 8] {
      try write("\(ran) \(delayed) 3\n", to: "proc/7/task/\(thread)/schedstat")
    }
    // 40 ticks of 10 ms of work since the machine started; ran twice as long as the program.
    try write("cpu  40 0 0 9 9 0 0 \(steal) 0 0\ncpu0 1 1\n", to: "proc/stat")
    try write("0::/box\n", to: "proc/7/cgroup")
    try write("usage_usec 5\nthrottled_usec \(throttled)\n", to: "cgroup/box/cpu.stat")
    try write(
      "some avg10=0.00 avg60=0.00 total=\(delayed / 1000)\nfull x\n", to: "proc/pressure/cpu")
  }

  func record() throws -> (recorder: ProgramRecorder, look: () -> ProgramSamples.Recorded?) {
    var recorder = try ProgramRecorder(of: 7, at: 1_000_000_000, roots, ticksPerSecond: 100)
    var time: UInt64 = 1_000_000_999
    return (
      recorder,
      {
        time += 100_000_000
        return recorder.look(at: time)
      }
    )
  }

  @Test func everySignalIsSeen() throws {
    try writeProgram(ran: 0, delayed: 0)
    let (recorder, look) = try record()
    #expect(recorder.missing.count == 2)
    try writeProgram(ran: 30_000_000, delayed: 50_000_000, steal: 2, throttled: 9)
    let recorded = try #require(look())
    // The machine's work did not grow, so that all of its steal counts.
    #expect(
      recorded.sample
        == PolicySample(
          time: 1_100_000_999, elapsed: 100_000_000, cpus: 2, waited: 120_000_000, ran: 60_000_000))
    #expect(
      recorded.signals == [
        "ran_us": 60_000, "run_delay_us": 100_000, "machine_steal_us": 20_000, "throttled_us": 9,
        "pressure_us": 50_000,
      ])
  }

  /// A delay that is booked late is not more than there was time.
  @Test func lateDelaysAreCut() throws {
    try writeProgram(ran: 0, delayed: 0)
    let (_, look) = try record()
    try writeProgram(ran: 1, delayed: 900_000_000)
    #expect(look()?.sample.waited == 200_000_000)
  }

  /// Without schedstat, pressure and throttling are left, each alone; and each that is missing has a
  /// name.
  @Test func eachSignalAloneIsEnough() throws {
    try writeProgram(ran: 0, delayed: 0)
    for thread in [7, 8] {
      try FileManager.default.removeItem(atPath: folder.path + "/proc/7/task/\(thread)/schedstat")
    }
    let (recorder, look) = try record()
    #expect(recorder.missing.contains { $0.hasPrefix("run delay: ") })
    try write("some avg10=0.00 total=40000\n", to: "proc/pressure/cpu")
    #expect(look()?.sample.waited == 40_000_000)
    try write("throttled_usec 70000\n", to: "cgroup/box/cpu.stat")
    try FileManager.default.removeItem(atPath: folder.path + "/proc/pressure/cpu")
    #expect(look()?.sample.waited == 70_000_000)
  }

  @Test func whatIsMissingIsNamed() throws {
    try write("", to: "proc/7/task/7/stat")
    let (recorder, look) = try record()
    for signal in ["run delay", "steal", "throttling", "pressure", "hint", "the locks'"] {
      #expect(recorder.missing.contains { $0.hasPrefix(signal) })
    }
    #expect(
      try Trace(text: recorder.trace.head() + "\n" + Self.line(look()), name: "x").missing
        == recorder.missing)
    #expect(look()?.sample.waited == nil)
  }

  static func line(_ recorded: ProgramSamples.Recorded?) throws -> String {
    try Trace.line(of: #require(recorded).sample)
  }

  /// Counters that ran backwards stay so: it is for the policy to see.
  @Test func backwardsStaysBackwards() throws {
    try writeProgram(ran: 50, delayed: 9_000_000)
    let (_, look) = try record()
    try writeProgram(ran: 50, delayed: 0)
    #expect(try #require(look()?.sample.waited) < 0)
  }

  @Test func aProgramThatEndedHasNoSample() throws {
    try writeProgram(ran: 0, delayed: 0)
    let (_, look) = try record()
    try FileManager.default.removeItem(atPath: folder.path + "/proc/7")
    #expect(look() == nil)
    #expect(throws: ProgramRecorder.NoProgram.self) { try self.record() }
  }

  @Test func aFileOfNoCountersSaysNothing() {
    #expect(ProgramReadings.machine("intr 1\n", 100) == nil)
  }

  /// A guest, seen from inside: CPUs that stood still say so when they go on.
  @Test func aGuestSeesItsSteal() throws {
    func write(busy: Int, steal: Int) throws {
      try self.write("cpu  \(busy) 0 0 9 9 0 0 \(steal) 0 0\ncpu0 1 1\n", to: "proc/stat")
    }
    try write(busy: 10, steal: 4)
    let first = MachineSamples(at: 1_000_000_000, roots, ticksPerSecond: 100, cpus: { 2 })
    var samples = try #require(first)
    var time: UInt64 = 1_000_000_000
    func look() throws -> PolicySample {
      time += 250_000_000
      let recorded = samples.look(at: time)
      return try #require(recorded).sample
    }
    try write(busy: 30, steal: 9)
    #expect(
      try look()
        == PolicySample(
          time: 1_250_000_000, elapsed: 250_000_000, cpus: 2, waited: 50_000_000, ran: 200_000_000))
    #expect(try look().waited == 0)
    #expect(try look().waited == 0)
    try write(busy: 30, steal: 9 + 120)
    #expect(try look().waited == 500_000_000)
    // More than there was time, and backwards: for the policy to see.
    try write(busy: 30, steal: 129 + 199)
    #expect(try look().waited == 1_990_000_000)
    try write(busy: 30, steal: 0)
    #expect(try #require(look().waited) < 0)
    try FileManager.default.removeItem(atPath: folder.path + "/proc/stat")
    let last = samples.look(at: time + 1_000_000)
    #expect(last == nil)
    let none = MachineSamples(at: 0, roots)
    #expect(none == nil)
  }

  /// The machine that this runs on shows this very program.
  @Test func thisProgramCanBeRecorded() throws {
    let pid = Int(ProcessInfo.processInfo.processIdentifier)
    var recorder = try ProgramRecorder(of: pid, at: 0)
    let look = recorder.look(at: 1_000_000_000)
    let recorded = try #require(look)
    #expect(recorded.sample.cpus >= 1)
    #expect(recorded.sample.ran != nil || recorder.missing.contains { $0.hasPrefix("run delay") })
  }
}
