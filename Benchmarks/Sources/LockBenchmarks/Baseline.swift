import Foundation
import Runs

/// A run that was saved by `--json`.
enum Baseline {
  /// Reads one and makes sure that a run on this machine can be compared with it.
  static func load(_ path: String, processor: String, cpus: Int) throws(BaselineError) -> Results {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .unreadable(path, error.localizedDescription)
    }
    return try decode(data, path, processor: processor, cpus: cpus)
  }

  static func decode(_ data: Data, _ path: String, processor: String, cpus: Int)
    throws(BaselineError) -> Results
  {
    struct Header: Decodable {
      let format: Int?
      let machine: Machine
    }
    let decoder = JSONDecoder()
    // As `jsonText` writes them.
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    guard let header = try? decoder.decode(Header.self, from: data) else { throw .notARun(path) }
    // The first had no number.
    let format = header.format ?? 1
    guard format == Results.currentFormat else { throw .otherFormat(path, format) }
    guard let saved = try? decoder.decode(Results.self, from: data) else { throw .notARun(path) }
    guard saved.processor == processor, saved.machine.cpus == cpus else {
      throw .otherMachine(
        path, saved: "\(saved.processor) with \(saved.machine.cpus) CPU(s)",
        now: "\(processor) with \(cpus)")
    }
    return saved
  }
}

/// Why a saved run is none to compare with.
enum BaselineError: Error, Equatable, CustomStringConvertible {
  case unreadable(String, String)
  case notARun(String)
  case otherFormat(String, Int)
  case otherMachine(String, saved: String, now: String)

  var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "The saved run \(path) cannot be read (\(reason)); save one with --json > FILE."
    case .notARun(let path):
      "\(path) is not a run of these benchmarks; save one with --json > FILE."
    case .otherFormat(let path, let format):
      """
      \(path) has format \(format), and this version compares runs of format \(Results.currentFormat) only; save \
      the run again with --json, by this version.
      """
    case .otherMachine(let path, let saved, let now):
      """
      \(path) was measured on another machine (\(saved); this is \(now)), and figures of two machines do not \
      compare; save a run of this one with --json.
      """
    }
  }
}
