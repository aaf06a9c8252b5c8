import Foundation

/// A report cannot be written where it was asked for.
struct ReportFileError: Error, CustomStringConvertible {
  let path: String
  let reason: String

  var description: String {
    "The report cannot be written to '\(path)' (\(reason)); name a file in a folder that this"
      + " user may write to."
  }
}

/// The file that `--report` names.
enum ReportFile {
  /// Tries to open the file, changing nothing, so that no run is lost for want of a place.
  static func check(_ path: String) throws(ReportFileError) {
    // SAFETY, here and below: the path is a C string for the time of the call.
    let existed = unsafe faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0
    // Not truncated: the report before stays until there is a new one.
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard file >= 0 else { throw error(path) }
    close(file)
    if !existed { unsafe unlink(path) }
  }

  static func write(_ text: String, to path: String) throws(ReportFileError) {
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    } catch {
      throw ReportFileError(path: path, reason: error.localizedDescription)
    }
  }

  private static func error(_ path: String) -> ReportFileError {
    // SAFETY: strerror returns a C string that is valid until this thread calls it again.
    let reason = unsafe String(cString: strerror(errno))
    return ReportFileError(path: path, reason: reason)
  }
}
