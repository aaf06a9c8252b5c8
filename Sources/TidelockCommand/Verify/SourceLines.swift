import ELFReader
import Foundation

/// Where in the source the calls of this very program are, by return address.
///
/// From its debug information, which `swift build` leaves in optimized programs too, as the
/// toolchain's llvm-symbolizer reads it; without either, the symbol table's function, and no line.
struct SourceLines {
  /// A place in the source.
  struct Place: Equatable {
    var function: String
    /// The path from `Sources` on, and the line; nil if unknown.
    var line: String?
  }

  private var places: [UInt64: Place] = [:]

  /// Looks all of them up at once.
  init(of addresses: Set<UInt64>) {
    guard let program = Self.program, let file = try? ELFFile(path: program),
      let bias = Self.loadBias(of: file, at: program)
    else { return }
    // The call ends where it returns to, so the byte before is part of it.
    let calls = addresses.filter { $0 > bias }.map { ($0, $0 - bias - 1) }
    guard !calls.isEmpty else { return }
    let frames = Self.symbolize(calls.map(\.1), in: program)
    isSymbolized = frames != nil
    let symbols = frames == nil ? try? file.functionSymbols() : nil
    for (index, call) in calls.enumerated() {
      if let found = frames?[index] {
        places[call.0] = Self.choose(found)
      } else if let function = symbols?.containing(call.1) {
        places[call.0] = Place(function: FunctionName(function.name).short)
      }
    }
  }

  subscript(_ address: UInt64) -> Place? { places[address] }

  private var isSymbolized = false

  /// How to get lines where they are missing; nil if none is missing.
  var hint: String? {
    guard places.values.contains(where: { $0.line == nil }) || places.isEmpty else { return nil }
    return isSymbolized
      ? """
      Where only a function is named, this build does not know the line; one with
      -Xswiftc -Xfrontend -Xswiftc -experimental-serialize-debug-info does.
      """
      : "There is no llvm-symbolizer on the PATH that could tell the lines; Swift's toolchain has one."
  }

  private static var program: String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  }

  /// What was added to the addresses of the program's file when it was loaded; nil if unknown.
  private static func loadBias(of file: ELFFile, at path: String) -> UInt64? {
    let first = file.segments.filter(\.isLoadable).map(\.address).min()
    let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
    let start = maps?.split(separator: "\n").first { $0.hasSuffix(" " + path) }?
      .split(separator: "-").first.flatMap { UInt64($0, radix: 16) }
    guard let first, let start else { return nil }
    return start - first & ~4095
  }

  // MARK: Debug information

  private struct Frame: Decodable {
    var FunctionName: String
    var FileName: String
    var Line: Int
  }

  private struct Answer: Decodable {
    var Symbol: [Frame]?
  }

  /// Of each address: the functions inlined there, innermost first; nil without a symbolizer.
  private static func symbolize(_ addresses: [UInt64], in program: String) -> [[Frame]]? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["llvm-symbolizer", "--obj=\(program)", "--output-style=JSON"]
      + addresses.map { "0x" + String($0, radix: 16) }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = try? output.fileHandleForReading.readToEnd()
    process.waitUntilExit()
    guard process.terminationStatus == 0, let data,
      let answers = try? JSONDecoder().decode([Answer].self, from: data),
      answers.count == addresses.count
    else { return nil }
    return answers.map { $0.Symbol ?? [] }
  }

  /// Of functions inlined into each other, those of the code that ships; where there are none, the
  /// model's own, without what stands between code and machine.
  ///
  /// Generic code of another module keeps its name when it is specialised, and loses its lines,
  /// unless the compiler was told to keep them.
  private static func choose(_ frames: [Frame]) -> Place? {
    let named = frames.map { (frame: $0, name: FunctionName($0.FunctionName)) }
    var chosen = named.filter {
      ["QueuedSpinlocks", "CodePatching", "LockSwitching"].contains($0.name.module)
    }
    if chosen.isEmpty {
      let own = named.filter { $0.name.module == "ProtocolModels" }
      chosen = Array(
        own.drop {
          $0.name.short.hasPrefix("ModelMachine.") || $0.name.short.hasPrefix("Mutation.")
        }
        .prefix(1))
    }
    guard let first = chosen.first ?? named.last else { return nil }
    var functions: [String] = []
    for entry in chosen where !functions.contains(entry.name.short) {
      functions.append(entry.name.short)
    }
    return Place(
      function: functions.isEmpty ? first.name.short : functions.joined(separator: " in "),
      line: line(first.frame, first.name))
  }

  private static func line(_ frame: Frame, _ name: FunctionName) -> String? {
    guard frame.Line > 0 else { return nil }
    // A specialisation may keep its lines and not its file.
    let file =
      frame.FileName.hasSuffix("<compiler-generated>") ? name.module : relative(frame.FileName)
    return "\(file):\(frame.Line)"
  }

  private static func relative(_ path: String) -> String {
    guard let range = path.range(of: "/Sources/", options: .backwards) else { return path }
    return String(path[range.upperBound...])
  }
}

/// A function's name as people write it, from its linker name.
struct FunctionName {
  /// The Swift module, or "".
  let module: String
  /// `NativeQueue.slowPath`: without module, parameters and the compiler's derivations.
  let short: String

  init(_ linked: String) {
    var name = demangled(linked)
    for word in [" of ", " for ", " in "] {
      // "generic specialization <A> of static M.T.f(B) -> C", "closure #1 () in M.f()"; but
      // "M.T.(f in _0123456789ABCDEF)(B)" is a private function.
      if let found = name.range(of: word, options: .backwards),
        !name[found.upperBound...].hasPrefix("_")
      {
        name = String(name[found.upperBound...])
      }
    }
    name = name.replacing(/\((\w+) in _[0-9A-F]+\)/) { $0.1 }
    if name.hasPrefix("static ") { name = String(name.dropFirst(7)) }
    let path = name.prefix { !"(<: ".contains($0) }
    let parts = path.split(separator: ".", maxSplits: 1)
    module = parts.count == 2 ? String(parts[0]) : ""
    short = String(parts.last ?? path)
  }
}
