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

/// The operating system's words for a failed file operation, without Foundation's around them.
public func systemReason(of error: any Error) -> String {
  let error = (error as? CocoaError)?.underlying ?? error
  guard let error = error as? POSIXError else { return "\(error)" }
  // `strerror` returns a string that is valid until the next call on this thread; it is copied here.
  return unsafe String(cString: strerror(error.code.rawValue))
}
