import Runs

/// Does some work of a few seconds, with a line on the terminal for as long as it lasts.
///
/// The line goes to standard error, and only if that is a terminal, so that it never is in a file.
func withNotice<Result>(
  _ notice: String, _ work: () async throws -> Result
) async throws -> Result {
  let display = RunDisplay(on: Terminal(.standardError))
  display.draw([notice])
  defer { display.close() }
  return try await work()
}
