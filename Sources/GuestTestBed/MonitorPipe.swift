import Foundation
import SystemPackage

/// The two pipes of QEMU's monitor.
struct MonitorPipe: Sendable {
  let path: String
  private let input: FileDescriptor
  private let output: FileDescriptor

  /// Makes the pipes `PATH.in` and `PATH.out` and opens both; QEMU opens them, too.
  init(path: String) async throws(GuestError) {
    self.path = path
    let made = try await runTool("mkfifo", [path + ".in", path + ".out"])
    guard made.succeeded else { throw .file(path: path, reason: made.output) }
    do {
      // Read and write, so that opening does not wait for the other side.
      input = try FileDescriptor.open(FilePath(path + ".in"), .readWrite, options: .nonBlocking)
      output = try FileDescriptor.open(FilePath(path + ".out"), .readWrite, options: .nonBlocking)
    } catch {
      throw .file(path: path, reason: "the pipe cannot be opened: \(error)")
    }
  }

  func command(_ text: String) throws(GuestError) {
    // QEMU's answer is of no use, but must not fill the pipe.
    var answer = [UInt8](repeating: 0, count: 4096)
    // Reads into the array, no more than it holds.
    while unsafe answer.withUnsafeMutableBytes({ (try? unsafe output.read(into: $0)) ?? 0 }) > 0 {}
    do {
      _ = try input.writeAll((text + "\n").utf8)
    } catch {
      throw .file(path: path, reason: "QEMU does not take '\(text)': \(error)")
    }
  }

  /// The state of each CPU.
  func standing() -> [String] {
    CPUStanding.lines(of: (try? answer(to: CPUStanding.command)) ?? "")
  }

  /// Makes QEMU carry out a command and waits for its answer, five seconds at most.
  func answer(to text: String) throws(GuestError) -> String {
    try command(text)
    var answer: [UInt8] = []
    let deadline = ContinuousClock.now + .seconds(5)
    var waiting = pollfd(fd: output.rawValue, events: Int16(POLLIN), revents: 0)
    // The prompt that QEMU prints once it has answered.
    while !answer.hasSuffix("(qemu) ".utf8) {
      guard ContinuousClock.now < deadline else {
        throw .monitor(command: text, reason: "no answer in 5 s")
      }
      // One structure, which lives while `poll` writes to it.
      guard unsafe poll(&waiting, 1, 500) > 0 else { continue }
      var chunk = [UInt8](repeating: 0, count: 1 << 14)
      // Reads into the array, no more than it holds.
      let count = unsafe chunk.withUnsafeMutableBytes { (try? unsafe output.read(into: $0)) ?? 0 }
      answer += chunk.prefix(count)
    }
    return String(decoding: answer, as: UTF8.self)
  }

  func close() {
    try? input.close()
    try? output.close()
  }
}

extension [UInt8] {
  fileprivate func hasSuffix(_ suffix: String.UTF8View) -> Bool {
    self.suffix(suffix.count).elementsEqual(suffix)
  }
}
