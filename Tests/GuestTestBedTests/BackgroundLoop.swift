import GuestTestBed

/// A command line that a guest repeats beside everything else, until it is told to stop.
struct BackgroundLoop {
  private let shell: GuestShell
  private let name: String

  /// Begins to repeat it.
  init(_ command: String, as name: String, in shell: GuestShell) async throws(GuestError) {
    (self.shell, self.name) = (shell, name)
    // Each command has a shell of its own, which cannot wait for another's children: a file tells.
    try await shell.run(
      "touch /tmp/\(name); (while [ -e /tmp/\(name) ]; do \(command); echo >> /tmp/\(name).rounds; done;"
        + " touch /tmp/\(name).ended) >/dev/null 2>&1 & true")
  }

  /// Ends it, waits for the end of its last round, and returns how many there were.
  func stop(limit: Duration = .seconds(120)) async throws(GuestError) -> Int {
    try await shell.run(
      "rm /tmp/\(name); until [ -e /tmp/\(name).ended ]; do sleep 0.1; done", limit: limit)
    let rounds = try await shell.run("wc -l < /tmp/\(name).rounds")
    return Int(rounds.filter(\.isNumber)) ?? 0
  }
}
