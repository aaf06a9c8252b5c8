import Foundation
import Glibc

/// Shared libraries with patch sites, compiled from Tidelock's header when the program runs, in a folder that
/// goes with the value.
struct SiteLibraries: ~Copyable {
  private let compiler: CCompiler
  private let folder: String
  private let options: [String]

  /// Finds the compiler and the header; makes the folder.
  init() throws {
    let compiler = try CCompiler.find()
    // Where this file was when it was compiled: Benchmarks/Sources/LockBenchmarks in Tidelock's root.
    let sources = URL(filePath: #filePath).appending(path: "../../../../Sources").standardized.path
    guard FileManager.default.fileExists(atPath: sources + "/LockSites/LockSites.c") else {
      throw SiteLibraryError.noSources(sources)
    }
    let folder = FileManager.default.temporaryDirectory.appending(path: "benchmarks-\(UUID())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    self.compiler = compiler
    self.folder = folder
    options = ["LockSites", "LockSites/include", "UserSpaceShims/include"].flatMap {
      ["-I", "\(sources)/\($0)"]
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// A library with so many sites; its path.
  func compile(sites: Int) throws -> String {
    let path = "\(folder)/\(sites).so"
    try compiler.library(of: Self.source(sites: sites), at: path, options: options)
    return path
  }

  static func source(sites: Int) -> String {
    // A compiler takes a function of a hundred thousand badly.
    let perFunction = 1000
    let functions = stride(from: 0, to: sites, by: perFunction).map { first in
      let body = String(
        repeating: "  tidelock_unlock(lock);\n", count: min(perFunction, sites - first))
      return "void bench_sites_\(first)(uintptr_t lock) {\n\(body)}\n"
    }
    return """
      #include "LockSites.c"
      #include "UserSpaceShims.h"
      uintptr_t bench_site_size(void) { return sizeof(struct tidelock_site); }
      uintptr_t bench_thread_size(void) { return TIDELOCK_THREAD_SIZE; }

      """ + functions.joined()
  }

  /// As many libraries as one compiled one copied: the loader tells them apart by their files.
  func copies(of path: String, _ count: Int) throws -> [String] {
    try (0..<count).map { number in
      let copy = "\(path).\(number)"
      if !FileManager.default.fileExists(atPath: copy) {
        try FileManager.default.copyItem(atPath: path, toPath: copy)
      }
      return copy
    }
  }
}

/// Libraries that are loaded for as long as the value lives.
@safe struct LoadedLibraries: ~Copyable {
  private var handles = unsafe [UnsafeMutableRawPointer]()

  init(_ paths: [String]) throws {
    for path in paths {
      // Their constructors hand the core their sites.
      guard let handle = unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
        // dlerror's text is this thread's until its next call.
        throw SiteLibraryError.notLoaded(
          unsafe dlerror().map { unsafe String(cString: $0) } ?? "no reason given")
      }
      unsafe handles.append(handle)
    }
  }

  /// What a function of the first library returns.
  func number(_ name: String) throws -> Int {
    guard let handle = unsafe handles.first, let function = unsafe dlsym(handle, name) else {
      throw SiteLibraryError.notLoaded("it has no function \(name)")
    }
    // The library is ours: `source`.
    return Int(bitPattern: unsafe unsafeBitCast(function, to: (@convention(c) () -> UInt).self)())
  }

  deinit {
    // Opened above, and nobody is in them.
    unsafe handles.forEach { unsafe _ = dlclose($0) }
  }
}

/// Why there are no libraries with sites.
enum SiteLibraryError: Error, CustomStringConvertible {
  case noSources(String)
  case notLoaded(String)

  var description: String {
    switch self {
    case .noSources(let folder):
      """
      The sources of Tidelock are not in \(folder), where they were when the benchmarks were built; build them \
      again where they are to run.
      """
    case .notLoaded(let reason): "A library with patch sites cannot be loaded (\(reason))."
    }
  }
}
