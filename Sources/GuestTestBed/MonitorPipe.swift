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
    // What QEMU answers is of no use, but it must not fill the pipe.
    var answer = [UInt8](repeating: 0, count: 4096)
    // Reads into the array, no more than it holds.
    while unsafe answer.withUnsafeMutableBytes({ (try? unsafe output.read(into: $0)) ?? 0 }) > 0 {}
    do {
      _ = try input.writeAll((text + "\n").utf8)
    } catch {
      throw .file(path: path, reason: "QEMU does not take '\(text)': \(error)")
    }
  }

  func close() {
    try? input.close()
    try? output.close()
  }
}
