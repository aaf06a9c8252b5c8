import Foundation
import LockPlatform
import SwitchPolicy

/// What a system looked like for a while: a head, and samples in order.
///
/// As a file, it is lines of JSON: the head first, then a line for each sample.
///
///     {"trace":"tidelock-policy","version":1,"kind":"program","synthetic":false,"missing":["hint"]}
///     {"elapsed_us":250012,"cpus":8,"waited_us":1200,"ran_us":480000,"hint":"none"}
///
/// A signal that a line does not name was not offered.
public struct Trace: Sendable, Equatable {
  /// Whose estimates, prices and rhythm hold for a trace.
  public enum Kind: String, Codable, Sendable, CaseIterable { case guest, program }

  /// What the trace is of.
  public var kind: Kind
  /// Whether nobody ever saw it: a trace that was made up.
  public var isSynthetic: Bool
  /// Where it is from, in words.
  public var comment: String
  /// Signals that were not to be had, and why.
  public var missing: [String]
  /// The samples.
  public var samples: [PolicySample]

  /// A trace of these parts.
  public init(
    _ kind: Kind, isSynthetic: Bool, comment: String = "", missing: [String] = [],
    samples: [PolicySample] = []
  ) {
    self.kind = kind
    self.isSynthetic = isSynthetic
    self.comment = comment
    self.missing = missing
    self.samples = samples
  }

  /// What a policy of this kind of system is told.
  public var settings: PolicySettings { kind == .guest ? .guest : .program }
}

/// Why a trace cannot be read.
public struct TraceError: Error, CustomStringConvertible {
  /// One sentence, with the file, the line and the way out.
  public let description: String

  init(_ file: String, _ reason: String) { description = "\(file) \(reason)" }
}

// MARK: Lines

private let magic = "tidelock-policy"
private let version = 1

private struct HeadLine: Codable {
  var trace: String
  var version: Int
  var kind: Trace.Kind
  var synthetic: Bool
  var comment: String?
  var missing: [String]?
}

private struct SampleLine: Codable {
  var elapsed_us: Int64
  var cpus: UInt32
  var waited_us: Int64?
  var ran_us: Int64?
  var stalled_us: Int64?
  var hint: String?
  /// What a recorder made the sample of; for people.
  var signals: [String: Int64]?
}

extension Trace {
  /// The head, as the first line of a file.
  public func head() throws -> String {
    try Self.line(
      HeadLine(
        trace: magic, version: version, kind: kind, synthetic: isSynthetic,
        comment: comment.isEmpty ? nil : comment, missing: missing.isEmpty ? nil : missing))
  }

  /// A sample, as a line of a file; and what it was made of, for people who read the file.
  public static func line(
    of sample: PolicySample, signals: [String: Int64]? = nil
  ) throws -> String {
    try line(
      SampleLine(
        elapsed_us: Int64(clamping: sample.elapsed / 1000), cpus: sample.cpus,
        waited_us: sample.waited.map { $0 / 1000 }, ran_us: sample.ran.map { $0 / 1000 },
        stalled_us: sample.stalled.map { $0 / 1000 },
        hint: sample.hint == .unknown ? nil : sample.hint.name.description, signals: signals))
  }

  private static func line(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// The whole file.
  public func text() throws -> String {
    try ([head()] + samples.map { try Self.line(of: $0) }).joined(separator: "\n") + "\n"
  }

  /// Reads the file at a path.
  public init(path: String) throws {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw TraceError(
        "The trace '\(path)'", "cannot be read; name a file that `tidelock policy record` wrote.")
    }
    try self.init(text: String(decoding: data, as: UTF8.self), name: path)
  }

  /// Reads the text of a file; `name` is what errors call it.
  public init(text: String, name: String) throws {
    let file = "The trace '\(name)'"
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let decoder = JSONDecoder()
    guard let first = lines.first,
      let head = try? decoder.decode(HeadLine.self, from: Data(first.utf8)), head.trace == magic
    else {
      throw TraceError(
        file, "does not begin with the head of a trace; `tidelock policy record` writes one.")
    }
    guard head.version == version else {
      throw TraceError(
        file, "has version \(head.version), and this program reads version \(version) only.")
    }
    self.init(
      head.kind, isSynthetic: head.synthetic, comment: head.comment ?? "",
      missing: head.missing ?? [])
    var time: UInt64 = 0
    for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      guard let read = try? decoder.decode(SampleLine.self, from: Data(line.utf8)),
        let sample = Self.sample(read, after: time)
      else {
        throw TraceError(
          file, "has a line \(index + 1) that is no sample; remove it, or record the trace anew.")
      }
      time = sample.time
      samples.append(sample)
    }
    guard !samples.isEmpty else {
      throw TraceError(file, "has no samples; record it for longer.")
    }
  }

  /// Nil where a number is too large for a count of nanoseconds, or a word unknown.
  ///
  /// Impossible values are for the policy to recognise.
  private static func sample(_ line: SampleLine, after time: UInt64) -> PolicySample? {
    func nanoseconds(_ microseconds: Int64?) -> Int64?? {
      guard let microseconds else { return .some(nil) }
      let (value, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
      return overflow ? nil : .some(value)
    }
    let hints: [String: DedicationHint] = ["none": .none, "dedicated": .dedicated]
    let hint = line.hint.map { hints[$0] } ?? .unknown
    guard line.elapsed_us >= 0, let elapsed = nanoseconds(line.elapsed_us) ?? nil,
      let waited = nanoseconds(line.waited_us), let ran = nanoseconds(line.ran_us),
      let stalled = nanoseconds(line.stalled_us), let hint
    else { return nil }
    let (end, overflow) = time.addingReportingOverflow(UInt64(elapsed))
    guard !overflow else { return nil }
    return PolicySample(
      time: end, elapsed: UInt64(elapsed), cpus: line.cpus, waited: waited, ran: ran,
      stalled: stalled, hint: hint)
  }
}
