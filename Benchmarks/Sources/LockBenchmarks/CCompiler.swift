import Foundation

/// The system's C compiler, for what has to be compiled while the program runs.
struct CCompiler {
  let path: String

  /// What `CC` names, or the first of cc, clang and gcc in the search path.
  static func find(in environment: [String: String] = ProcessInfo.processInfo.environment)
    throws(CCompilerError) -> CCompiler
  {
    let names = environment["CC"].map { [$0] } ?? ["cc", "clang", "gcc"]
    let folders = (environment["PATH"] ?? "").split(separator: ":")
    for name in names {
      let paths = name.contains("/") ? [name] : folders.map { "\($0)/\(name)" }
      if let path = paths.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) {
        return CCompiler(path: path)
      }
    }
    throw .missing(names)
  }

  /// Makes a shared library of a source text.
  func library(of source: String, at path: String, options: [String] = []) throws {
    let file = path + ".c"
    try Data(source.utf8).write(to: URL(fileURLWithPath: file))
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: self.path)
    process.arguments = ["-O1", "-fPIC", "-shared", "-o", path, file] + options
    process.standardError = output
    try process.run()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw CCompilerError.failed(self.path, String(decoding: said.prefix(2000), as: UTF8.self))
    }
  }
}

/// Why nothing was compiled.
enum CCompilerError: Error, CustomStringConvertible {
  case missing([String])
  case failed(String, String)

  var description: String {
    switch self {
    case .missing(let names):
      """
      No C compiler was found (\(names.joined(separator: ", "))), and this measurement compiles C; install one \
      (Debian: apt-get install gcc), or name it in CC.
      """
    case .failed(let path, let said): "The C compiler \(path) refused what it was given:\n\(said)"
    }
  }
}
