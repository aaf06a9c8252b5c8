import Foundation

/// Reads a regular file whole, so that nothing that happens to it later can disturb its reader.
///
/// - Parameters:
///   - path: The file; symbolic links are followed.
///   - limit: The most bytes that are read; a larger file is refused.
/// - Returns: The file's bytes as they were at this moment.
/// - Throws: ``ELFError/unreadable(file:reason:)``, also for folders, devices and pipes, which
///   have no end to wait for.
public func readRegularFile(_ path: String, limit: Int = 2 << 30) throws(ELFError) -> [UInt8] {
  do {
    let attributes = try FileManager.default.attributesOfItem(
      atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path)
    guard attributes[.type] as? FileAttributeType == .typeRegular else {
      throw ELFError.unreadable(file: path, reason: "it is not a regular file")
    }
    if let size = attributes[.size] as? UInt64, size > UInt64(limit) {
      throw ELFError.unreadable(file: path, reason: "its \(size) bytes are more than \(limit)")
    }
    return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  } catch let error as ELFError {
    throw error
  } catch {
    throw .unreadable(file: path, reason: systemReason(of: error))
  }
}

/// Reads a file of the kernel's, of /proc or /sys, to its end.
///
/// Such a file says that it is empty and gives as much in one call as it likes; Foundation takes the first
/// piece for all of it.
///
/// - Throws: ``ELFError/unreadable(file:reason:)``.
public func readKernelFile(_ path: String) throws(ELFError) -> [UInt8] {
  func failure() -> ELFError {
    .unreadable(file: path, reason: systemReason(code: errno))
  }
  // SAFETY: the path is a C string for the time of the call.
  let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { throw failure() }
  defer { close(file) }
  var bytes: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    // SAFETY: reads no more than the array has.
    let count = unsafe read(file, &piece, piece.count)
    if count < 0, errno == EINTR { continue }
    guard count >= 0 else { throw failure() }
    if count == 0 { return bytes }
    bytes += piece[..<count]
  }
}

/// The operating system's words for a failed file operation, without Foundation's around them.
public func systemReason(of error: any Error) -> String {
  let error = (error as? CocoaError)?.underlying ?? error
  guard let error = error as? POSIXError else { return "\(error)" }
  return systemReason(code: error.code.rawValue)
}

/// The operating system's words for the number of an error.
public func systemReason(code: Int32) -> String {
  // `strerror` returns a string that is valid until the next call on this thread; it is copied here.
  unsafe String(cString: strerror(code))
}
