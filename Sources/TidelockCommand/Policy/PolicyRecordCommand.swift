import ArgumentParser
import Foundation
import PolicySimulation
import ProgramSamples
import RunReports

/// `tidelock policy record`: a trace of what a program goes through.
struct PolicyRecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record a trace of a running program for `tidelock policy simulate`.",
    discussion: """
      Reads /proc and the program's cgroup, and needs no privileges. Recording ends with the program, \
      after --seconds, or on an interrupt.
      """)

  @Option(help: ArgumentHelp("The program, by its process number.", valueName: "pid"))
  var pid: Int

  @Option(help: ArgumentHelp("Stop after so long.", valueName: "s"))
  var seconds: Double?

  @Option(help: ArgumentHelp("The time between samples.", valueName: "ms"))
  var interval = 25

  @Option(
    help: ArgumentHelp("Write to a file instead of standard output.", valueName: "file.jsonl"))
  var output: String?

  func validate() throws {
    guard pid > 0 else { throw ValidationError("--pid must be a process number.") }
    guard 1...5000 ~= interval else {
      throw ValidationError("--interval must be between 1 and 5000.")
    }
    if let seconds, !(seconds > 0 && seconds <= 604_800) {
      throw ValidationError("--seconds must be more than 0 and at most 604800.")
    }
  }

  func run() throws {
    var recorder = try ProgramRecorder(of: pid, at: now)
    let file = try TraceOutput(output)
    try file.write(recorder.trace.head())
    let messages = Terminal(.standardError)
    for signal in recorder.missing { messages.write("Not recorded: \(signal).\n") }

    let wake = DispatchSemaphore(value: 0)
    let end = seconds.map { now + UInt64($0 * 1e9) }
    var count = 0
    var isOver = false
    var failure: OutputError?
    _ = watchRun(
      wake: wake, interval: Double(interval) / 1000,
      isFinished: { isOver || end.map { now >= $0 } ?? false },
      handle: { event in
        switch event {
        case .look:
          guard !isOver else { return }
          guard let recorded = recorder.look(at: now) else {
            isOver = true
            return
          }
          do throws(OutputError) {
            try file.write(recorded)
            count += 1
          } catch {
            failure = error
            isOver = true
          }
        case .interrupt: isOver = true
        case .begin, .close: break
        }
      })
    if let failure { throw failure }
    if let output { messages.write("\(Quantity.exact(count, "sample")) are in \(output).\n") }
  }

  /// On the clock of samples, in nanoseconds.
  private var now: UInt64 { DispatchTime.now().uptimeNanoseconds }
}

/// Where a trace is written to, line by line.
private struct TraceOutput {
  private let handle: FileHandle
  private let place: String

  /// A new file, or standard output.
  init(_ path: String?) throws(OutputError) {
    guard let path else {
      handle = .standardOutput
      place = "Standard output"
      return
    }
    place = "The trace '\(path)'"
    // SAFETY: the path is a C string for the time of the call.
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard file >= 0 else { throw OutputError(place, code: errno) }
    handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
  }

  func write(_ recorded: ProgramSamples.Recorded) throws(OutputError) {
    do {
      try handle.write(
        contentsOf: Data(
          (Trace.line(of: recorded.sample, signals: recorded.signals) + "\n").utf8))
    } catch {
      throw OutputError(place, error)
    }
  }

  func write(_ line: String) throws(OutputError) {
    do {
      try handle.write(contentsOf: Data((line + "\n").utf8))
    } catch {
      throw OutputError(place, error)
    }
  }
}
