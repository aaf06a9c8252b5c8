import Foundation

/// One of the standard streams, and what can be done on it.
public struct Terminal: Sendable {
  /// Where it writes: standard output or standard error.
  public let stream: FileHandle
  /// Whether lines can be redrawn, which a pipe or a dumb terminal does not support.
  public let isLive: Bool
  /// Whether only ASCII may be drawn with.
  public let isPlain: Bool
  private let columns: Int?

  /// Asks the stream and the environment.
  public init(
    _ stream: FileHandle, environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.stream = stream
    let kind = environment["TERM"] ?? ""
    isLive = isatty(stream.fileDescriptor) == 1 && !["", "dumb"].contains(kind)
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }
      .first { !$0.isEmpty }
    isPlain = locale == "C" || locale == "POSIX"
    columns = environment["COLUMNS"].flatMap(Int.init).flatMap { $0 > 0 ? $0 : nil }
  }

  /// How many characters fit in a line now; windows are resized while a run goes on.
  public var width: Int {
    var size = winsize()
    // SAFETY: TIOCGWINSZ writes one winsize, to a local that outlives the call.
    let known = unsafe ioctl(stream.fileDescriptor, UInt(TIOCGWINSZ), &size) == 0
    let window = known && size.ws_col > 0 ? Int(size.ws_col) : nil
    // A smaller COLUMNS is what the user wants; a larger one is left over from before a resize.
    return [window, columns].compactMap { $0 }.min() ?? 80
  }

  /// How many characters a line of a report may have: in a pipe this many, unless COLUMNS says fewer.
  func width(inPipe limit: Int) -> Int { isLive ? width : min(columns ?? limit, limit) }

  /// Writes a paragraph, broken between words where lines are drawn at all.
  public func write(paragraph: String) {
    guard isLive else { return write(paragraph + "\n") }
    let limit = max(1, width - 1)
    var line = ""
    for word in paragraph.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > limit {
        write(line + "\n")
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    write(line + "\n")
  }

  /// Writes a text as it is.
  public func write(_ text: String) {
    try? stream.write(contentsOf: Data(text.utf8))
  }
}
