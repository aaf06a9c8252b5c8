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
  ///   - version: A series such as `6.1`, or the whole release such as `6.1.0-56-amd64`.
  ///   - cache: Where `Scripts/guest-setup` has put it.
  /// - Throws: ``GuestError/noKernel(version:cache:)`` or ``GuestError/notSetUp(missing:)``.
  public init(_ version: String = "6.1", cache: URL = GuestKernel.defaultCache) throws(GuestError) {
    let found = ["series", "kernels"].lazy.compactMap { kind -> (URL, String)? in
      let folder = cache.appending(path: "\(kind)/\(version)").resolvingSymlinksInPath()
      let file = folder.appending(path: "release")
      guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
      let release = text.trimmingCharacters(in: .whitespacesAndNewlines)
      return release.isEmpty ? nil : (folder, release)
    }
    // A version is one name, not a path to somewhere else.
    guard !version.contains("/"), !version.isEmpty, let (folder, release) = found.first else {
      throw .noKernel(version: version, cache: cache.path)
    }
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
