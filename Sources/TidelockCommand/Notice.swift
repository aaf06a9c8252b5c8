import Foundation

/// Does some work of a few seconds, with a line on the terminal as long as it lasts.
///
/// The line goes to standard error, and only if that is a terminal, so that it never is in a file.
func withNotice<Result>(
  _ notice: String, _ work: () async throws -> Result
) async throws -> Result {
  let isTerminal = isatty(STDERR_FILENO) == 1
  if isTerminal { FileHandle.standardError.write(Data(notice.utf8)) }
  defer {
    // Back to the start of the line, and erase it.
    if isTerminal { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
  }
  return try await work()
}
