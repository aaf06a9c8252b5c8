import Foundation
import Testing

/// What the program `SwitchStress` says at its end.
struct Stress: Decodable {
  var done: Int
  var undone: Int
  var other: Int
  var breakpoints: Int
  var violations: Int
  var lost: Int
  var textAsBefore: Bool
  /// By how many handlers were nested over a thread.
  var fastInSwitches: [Int]
  var slowInSwitches: [Int]
  var threadsComeAndGone: Int
  var hindrance: Int
  var failures: [String]

  /// Runs it: a process of its own, because what is switched is the process.
  init(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
    let process = Process()
    // Beside the program that runs the tests.
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("SwitchStress")
    // A hang ends by itself, and fails.
    process.arguments =
      ["alarm=120"] + arguments.flatMap { $0.split(separator: " ").map(String.init) }
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: output, as: UTF8.self)
    #expect(process.terminationStatus == 0, "\(text)", sourceLocation: sourceLocation)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Stress.self, from: output)
    #expect(violations == 0 && lost == 0 && textAsBefore, "\(text)", sourceLocation: sourceLocation)
  }
}

/// How many switches.
///
/// `TIDELOCK_STRESS=full` is what a change of a protocol is tried with; debug
/// builds leave the generic floors unspecialised and only show that the code works.
enum Sizes {
  #if DEBUG
    static let share = 4
  #else
    static let share = 1
  #endif
  static let isFull = ProcessInfo.processInfo.environment["TIDELOCK_STRESS"] == "full"

  /// All six directions come equally often.
  static func switches(_ usual: Int) -> Int { (isFull ? 6000 : usual / share) / 6 * 6 }
}
