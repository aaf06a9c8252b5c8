import Foundation

/// Files that a test makes with the toolchain's own C compiler, in a folder of their own.
public final class CompiledFixture: Sendable {
  /// The folder; it goes when the fixture goes.
  public let folder: URL

  /// Makes an empty folder.
  public init() throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("tidelock-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  /// Compiles source with clang and returns the path of what came out.
  ///
  /// - Parameters:
  ///   - source: C, or another language clang knows.
  ///   - name: The file to make.
  ///   - options: For the compiler and linker.
  ///   - suffix: What the name of a file in the source's language ends with.
  /// - Returns: The path of the file.
  /// - Throws: ``ProgramFailed`` with the compiler's words.
  public func compile(
    _ source: String, to name: String, _ options: [String], suffix: String = ".c"
  ) throws -> String {
    let input = try write(Array(source.utf8), to: name + suffix)
    let output = path(name)
    let result = try runProgram(
      "clang", ["-O1", "-fcf-protection=none"] + options + ["-o", output, input])
    guard result.status == 0 else { throw ProgramFailed(program: "clang", output: result.error) }
    return output
  }

  /// Writes a file into the folder and returns its path.
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    try Data(bytes).write(to: folder.appendingPathComponent(name))
    return path(name)
  }

  /// The path of a file of that name in the folder.
  public func path(_ name: String) -> String {
    folder.appendingPathComponent(name).path
  }
}

/// A program that a fixture needs did not succeed.
public struct ProgramFailed: Error {
  /// Its name.
  public let program: String
  /// What it said.
  public let output: String
}

/// What a program left behind.
public struct ProgramResult: Sendable {
  /// Its exit status.
  public let status: Int32
  /// Its standard output.
  public let output: [UInt8]
  /// Its standard error, as text.
  public let error: String
}

/// Runs a program found on the search path, or at a path with a slash, until it ends.
///
/// - Parameters:
///   - program: Its name or path.
///   - arguments: What comes after its name.
///   - environment: Variables set in addition to the test's own.
/// - Returns: Its exit status and all it wrote.
/// - Throws: Foundation's error if it could not be started.
public func runProgram(
  _ program: String, _ arguments: [String], environment: [String: String] = [:]
) throws -> ProgramResult {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  // Files instead of pipes: nothing can fill up while the other end waits.
  let files = try (0..<2).map { _ in
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try Data().write(to: path)
    return (path: path, handle: try FileHandle(forWritingTo: path))
  }
  defer { for file in files { try? FileManager.default.removeItem(at: file.path) } }
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = files[0].handle
  process.standardError = files[1].handle
  try process.run()
  process.waitUntilExit()
  return ProgramResult(
    status: process.terminationStatus, output: [UInt8](try Data(contentsOf: files[0].path)),
    error: String(decoding: try Data(contentsOf: files[1].path), as: UTF8.self))
}
