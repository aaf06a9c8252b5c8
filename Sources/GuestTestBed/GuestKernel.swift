import Foundation

/// A stock kernel that `Scripts/guest-setup` fetched, with its headers.
public struct GuestKernel: Sendable {
  /// As `uname -r` prints it.
  public let release: String
  /// The boot image.
  public let image: URL
  /// The headers that modules are built against.
  public let headers: URL
  /// The folder with everything that was fetched.
  public let cache: URL

  /// Finds a kernel.
  ///
  /// - Parameters:
  ///   - series: Such as `6.1`.
  ///   - cache: Where `Scripts/guest-setup` has put it.
  /// - Throws: ``GuestError/notSetUp(missing:)``.
  public init(series: String = "6.1", cache: URL = GuestKernel.defaultCache) throws(GuestError) {
    let folder = cache.appending(path: "series/\(series)").resolvingSymlinksInPath()
    guard
      let release = try? String(
        contentsOf: folder.appending(path: "release"), encoding: .utf8
      ).trimmingCharacters(in: .whitespacesAndNewlines), !release.isEmpty
    else { throw .notSetUp(missing: "kernel \(series) in \(cache.path)") }
    self.release = release
    self.cache = cache
    image = folder.appending(path: "boot/vmlinuz-\(release)")
    headers = folder.appending(path: "usr/src/linux-headers-\(release)")
    for file in [image, headers, busybox] {
      guard FileManager.default.fileExists(atPath: file.path) else {
        throw .notSetUp(missing: file.path)
      }
    }
  }

  /// The guest's whole userland.
  var busybox: URL { cache.appending(path: "busybox") }

  /// `TIDELOCK_GUEST_CACHE`, or `.build/guest` of this checkout.
  public static var defaultCache: URL {
    if let folder = ProcessInfo.processInfo.environment["TIDELOCK_GUEST_CACHE"] {
      return URL(filePath: folder, directoryHint: .isDirectory)
    }
    return checkout.appending(path: ".build/guest")
  }

  /// The folder that holds `Guest`: where the program was started, or where it was built.
  static var checkout: URL {
    let here = URL(filePath: FileManager.default.currentDirectoryPath)
    if FileManager.default.fileExists(atPath: here.appending(path: "Guest/Makefile").path) {
      return here
    }
    // .../Sources/GuestTestBed/GuestKernel.swift
    return URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
  }
}
