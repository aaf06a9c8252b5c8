import Foundation
import SystemPackage

/// What a guest's kernel says on its console, kept in a file as it comes.
package actor ConsoleLog: LineReceiver {
  nonisolated let url: URL
  private let file: FileDescriptor
  private var marks: [String: LineMailbox] = [:]
  private var number = 0
  private var hasEnded = false

  /// Appends to the file, which is made if it is not there.
  package init(appendingTo url: URL) throws(GuestError) {
    self.url = url
    do {
      file = try FileDescriptor.open(
        FilePath(url.path), .writeOnly, options: [.append, .create],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
    } catch {
      throw .file(path: url.path, reason: "\(error)")
    }
  }

  package func put(_ line: String) async {
    // A mark may arrive in the middle of a line.
    if let start = line.range(of: Self.markBegin, options: .backwards),
      let waiting = marks.removeValue(forKey: String(line[start.lowerBound...]))
    {
      if start.lowerBound > line.startIndex { write(String(line[..<start.lowerBound])) }
      await waiting.put("")
    } else {
      write(line)
    }
  }

  /// A log that cannot be written does not end the run: whoever reads it sees that it is short.
  private func write(_ line: String) { _ = try? file.writeAll((line + "\n").utf8) }

  package func end() async {
    hasEnded = true
    for waiting in marks.values { await waiting.end() }
    marks = [:]
    try? file.close()
  }

  private static let markBegin = "tidelock-log-mark "

  /// Waits until the file has everything that was said before.
  ///
  /// A guest that has ended, or whose host hangs, is not waited for.
  ///
  /// - Parameter send: Puts a line behind what the console has printed.
  package func settle(_ send: @Sendable (String) async throws -> Void) async {
    guard !hasEnded else { return }
    number += 1
    let mark = Self.markBegin + "\(number)"
    let waiting = LineMailbox()
    marks[mark] = waiting
    if (try? await send(mark)) != nil { _ = await waiting.next(within: .seconds(10)) }
    marks[mark] = nil
  }
}
