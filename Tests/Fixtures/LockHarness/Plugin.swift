import Glibc
import TestShims

/// A library with patch sites of its own, compiled from Tests/Fixtures/Plugin beside the test
/// program.
public struct Plugin: ~Copyable {
  private let library: UInt

  /// Compiles one.
  ///
  /// Each copy is a library of its own to the dynamic linker. Nil if the compiler is not there.
  public static func build(_ copy: String, by compiler: [String] = ["clang"], _ options: String...)
    -> String?
  {
    let fixtures = #filePath.dropLast("LockHarness/Plugin.swift".count)
    let sites = "\(fixtures)../../Sources/LockSites"
    let library = folder + "/tidelock-plugin-\(copy).so"
    // Renamed when it is whole: another process may be building it too.
    let unfinished = "\(library).\(getpid())"
    let arguments =
      compiler + ["-O2", "-fPIC", "-shared", "-Wall", "-Werror", "-I\(sites)/include"] + options
      + ["\(fixtures)Plugin/plugin.c", "-x", "c", "\(sites)/LockSites.c", "-o", unfinished]
    // Strings are terminated for the time of each call.
    let code = unsafe test_run(arguments.joined(separator: "\n"))
    guard code == 0 else { return nil }
    return unsafe rename(unfinished, library) == 0 ? library : nil
  }

  /// Where the test program is.
  private static var folder: String {
    var path = [CChar](repeating: 0, count: 4096)
    // Writes no more than the array holds.
    let length = unsafe readlink("/proc/self/exe", &path, path.count)
    let parts = String(decoding: path.prefix(max(0, length)).map(UInt8.init), as: UTF8.self)
      .split(separator: "/")
    return "/" + parts.dropLast().joined(separator: "/")
  }

  /// Loads it.
  public init?(_ path: String) {
    library = unsafe test_open(path)
    guard library != 0 else { return nil }
  }

  /// Unloads it.
  deinit { test_close(library) }

  /// Takes a lock, in the library's code.
  public func lock(_ lock: UInt) { test_plugin_lock(library, lock) }
  /// Releases a lock, by a site of the library's.
  public func unlock(_ lock: UInt) { test_plugin_unlock(library, lock) }
  /// Adds 1 so many times to a counter that a lock guards.
  public func add(_ count: Int32, to counter: UInt, under lock: UInt) {
    test_plugin_add(library, lock, counter, count)
  }

  /// The addresses of its patch sites.
  public var sites: [UInt] {
    (0..<test_plugin_site_count(library)).map { test_plugin_site(library, $0) }
  }

  /// What its sites hold, each one's five bytes.
  public var forms: [UInt64] { sites.map { test_read_bytes($0, 5) } }
}

/// The native form of an unlock.
public let nativeUnlock: UInt64 = 0x00_0047_c640

/// Whether five bytes are a jump, as the paravirtual form is.
public func isJump(_ bytes: UInt64) -> Bool { bytes & 0xff == 0xe9 }

/// The lines of /proc/self/maps.
public var memoryMappings: [String] {
  var text: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65536)
  // Literals are terminated; reads no more than the chunk holds.
  let file = unsafe open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
  defer { close(file) }
  while true {
    let got = unsafe read(file, &chunk, chunk.count)
    if got <= 0 { break }
    text += chunk[..<got]
  }
  return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
}

/// The mappings of text that can be written, as lines of /proc/self/maps.
public var writableText: [String] { memoryMappings.filter { $0.contains(" rwxp ") } }
