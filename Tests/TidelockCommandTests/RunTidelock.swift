import CompiledFixtures
import Foundation

/// Runs the program that was built beside these tests.
func runTidelock(
  _ arguments: [String], environment: [String: String] = [:]
) throws -> ProgramResult {
  let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
  return try runProgram(
    folder.appendingPathComponent("tidelock").path, arguments, environment: environment)
}
