import ArgumentParser
import Foundation
import PolicySimulation
import ProgramSamples
import Runs

/// `tidelock policy record`: a trace of a program's load.
struct PolicyRecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record a trace of a program, or of the guest this runs in, for `policy simulate`.",
    discussion: """
      Reads /proc and the program's cgroup, and needs no privileges. Recording ends with the program, \
      after --seconds, or on an interrupt. With --guest, run it inside the guest: it records the steal \
      that the guest's kernel counts.
      """)

  @Option(help: ArgumentHelp("The process number of the program.", valueName: "pid"))
  var pid: Int?

  @Flag(help: "Record this whole machine, as a guest of its hypervisor.")
  var guest = false

  @Option(help: ArgumentHelp("Stop after this time.", valueName: "s"))
  var seconds: Double?

  @Option(
    help: ArgumentHelp(
      "The time between samples (default: 25 for a program, 250 for a guest).", valueName: "ms"))
  var interval: Int?

  @Option(
    help: ArgumentHelp("Write to a file instead of standard output.", valueName: "file.jsonl"))
  var output: String?

  func validate() throws {
    guard guest != (pid != nil) else { throw ValidationError("Give either --pid or --guest.") }
    if let pid, pid <= 0 { throw ValidationError("--pid must be a process number.") }
    try check("--interval", interval, 1...5000)
    if let seconds, !(seconds > 0 && seconds <= 604_800) {
      throw ValidationError("--seconds must be more than 0 and at most 604800.")
    }
  }

  func run() throws {
    let trace: Trace
    let look: () -> ProgramSamples.Recorded?
    if let pid {
      var recorder = try ProgramRecorder(of: pid, at: now)
      trace = recorder.trace
      look = { recorder.look(at: now) }
    } else {
      var recorder = try GuestRecorder(at: now)
      trace = recorder.trace
      look = { recorder.look(at: now) }
    }
    let interval = interval ?? (guest ? 250 : 25)
    let file = try output.map { try Output($0, as: "The trace") } ?? .standard
    try file.write(trace.head())
    let messages = Terminal(.standardError)
    for signal in trace.missing { messages.write("Not recorded: \(signal).\n") }

    let end = seconds.map { now + UInt64($0 * 1e9) }
    var count = 0
    var isOver = false
    var failure: (any Error)?
    _ = watch(
      // Standard output may be the trace.
      RunDisplay(json: true), every: Double(interval) / 1000, wake: DispatchSemaphore(value: 0),
      isFinished: { isOver || end.map { now >= $0 } ?? false }, begin: {},
      interrupt: { isOver = true },
      look: {
        guard !isOver, let recorded = look() else {
          isOver = true
          return
        }
        do {
          try file.write(Trace.line(of: recorded.sample, signals: recorded.signals))
          count += 1
        } catch {
          failure = error
          isOver = true
        }
      })
    if let failure { throw failure }
    if let output { messages.write("\(Quantity.exact(count, "sample")) are in \(output).\n") }
  }

  /// On the clock of samples, in nanoseconds.
  private var now: UInt64 { DispatchTime.now().uptimeNanoseconds }
}
