import ELFReader
import Foundation

/// Where a command writes its results.
struct Output {
  private let handle: FileHandle
  private let place: String

  static let standard = Output(handle: .standardOutput, place: "Standard output")

  private init(handle: FileHandle, place: String) {
    self.handle = handle
    self.place = place
  }

  /// A file, empty by now.
  init(_ path: String, as what: String) throws(OutputError) {
    place = "\(what) '\(path)'"
    let file = try Self.open(path, O_TRUNC, place)
    handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
  }

  /// Tries to open a file without changing it: its content stays until there is something new.
  static func check(_ path: String, as what: String) throws(OutputError) {
    // SAFETY, here and below: the path is a C string for the time of the call.
    let existed = unsafe faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0
    close(try open(path, 0, "\(what) '\(path)'"))
    if !existed { unsafe unlink(path) }
  }

  private static func open(
    _ path: String, _ flags: CInt, _ place: String
  ) throws(OutputError) -> CInt {
    let file = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0o666)
    guard file >= 0 else { throw OutputError(place, reason: systemReason(code: errno)) }
    return file
  }

  /// Writes some text, and how it ends.
  func write(_ text: String, terminator: String = "\n") throws(OutputError) {
    do {
      try handle.write(contentsOf: Data((text + terminator).utf8))
    } catch {
      throw OutputError(place, error)
    }
  }
}

/// A command's results cannot be written.
public struct OutputError: Error, CustomStringConvertible {
  let place: String
  let reason: String

  /// What cannot be written, why, and what can be done.
  public var description: String {
    "\(place) cannot be written (\(reason)); name a file in a folder that this user may write to,"
      + " on a disk with room."
  }

  init(_ place: String, reason: String) {
    self.place = place
    self.reason = reason
  }

  init(_ place: String, _ error: any Error) { self.init(place, reason: systemReason(of: error)) }
}
