import Foundation

/// The Markdown page that keeps what was measured: a section for each benchmark, between two marks.
///
/// Only what stands between the marks of the benchmarks that ran is replaced.
struct Page {
  let path: String

  /// Reads the page, replaces sections and writes it, whole or not at all.
  func write(_ sections: [(benchmark: Benchmark, text: String)]) throws(PageError) {
    var text = ""
    do {
      if FileManager.default.fileExists(atPath: path) {
        text = try String(contentsOfFile: path, encoding: .utf8)
      }
    } catch {
      throw .unusable(path, "\(error.localizedDescription)")
    }
    for (benchmark, section) in sections {
      text = try replacing(benchmark, by: section, in: text)
    }
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .unusable(path, "\(error.localizedDescription)")
    }
  }

  /// The text with this section in place of the one between the benchmark's marks, or at the end.
  func replacing(_ benchmark: Benchmark, by section: String, in text: String) throws(PageError)
    -> String
  {
    let begin = "<!-- benchmarks \(benchmark.rawValue): from here -->"
    let end = "<!-- benchmarks \(benchmark.rawValue): to here -->"
    let whole = "\(begin)\n\n\(section)\n\n\(end)"
    let (first, last) = (text.ranges(of: begin), text.ranges(of: end))
    if first.isEmpty, last.isEmpty {
      let gap = text.isEmpty ? "" : text.hasSuffix("\n") ? "\n" : "\n\n"
      return text + gap + whole + "\n"
    }
    guard first.count == 1, last.count == 1, first[0].upperBound <= last[0].lowerBound else {
      throw .marks(path, benchmark)
    }
    return text.replacingCharacters(in: first[0].lowerBound..<last[0].upperBound, with: whole)
  }
}

/// Why a page cannot be written.
enum PageError: Error, CustomStringConvertible {
  case unusable(String, String)
  case marks(String, Benchmark)

  var description: String {
    switch self {
    case .unusable(let path, let reason):
      "The page \(path) cannot be read or written (\(reason)); name a file that can, with --page."
    case .marks(let path, let benchmark):
      """
      The page \(path) does not have both marks of \(benchmark.rawValue) once and in order; remove what is left \
      of them, and the section is appended.
      """
    }
  }
}
