import Foundation
import Testing

/// Guest/ABI.md against the module's sources: what it names is there, and what is there it names.
@Suite struct InterfaceTests {
  private func source(_ name: String) throws -> String {
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return try String(contentsOf: repository.appending(path: name), encoding: .utf8)
  }

  /// The names in the first column of the tables of a section.
  private func documented(_ heading: String) throws -> Set<String> {
    let sections = try source("Guest/ABI.md").components(separatedBy: "\n## ")
    let section = try #require(sections.first { $0.hasPrefix(heading) })
    let names = section.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { row in
      row.split(separator: "|")[0].split(separator: "`").filter { !$0.contains(" ") && $0 != "," }
    }
    return Set(names.map(String.init))
  }

  /// The first group of each match in some sources.
  private func found(_ pattern: Regex<(Substring, Substring)>, in files: String...) throws -> Set<
    String
  > {
    Set(try files.flatMap { try source($0).matches(of: pattern).map { String($0.output.1) } })
  }

  @Test func filesAreThoseOfThePage() throws {
    let attributes = try found(
      #/__ATTR\((\w+),/#, in: "Guest/Module/glue.c", "Guest/Module/policy.c")
    let binary = try found(#/\.name = "(\w+)", \.mode/#, in: "Guest/Module/policy.c")
    #expect(attributes.count >= 9 && binary == ["decisions"])
    #expect(try documented("/sys/kernel/tidelock") == attributes.union(binary))
  }

  @Test func parametersAreThoseOfThePage() throws {
    let parameters = try found(
      #/module_param\((\w+),/#, in: "Guest/Module/glue.c", "Guest/Module/policy.c",
      "Guest/Module/text.c", "Guest/Module/kernel.c", "Guest/Module/hypervisor_none.c")
    #expect(try documented("Loading") == parameters)
  }

  @Test func linesOfStatusAreThoseOfThePage() throws {
    // Each begins a line of its own; the first one has none before it.
    let names = try found(#/"(?:\\n)?([a-z_]+):/#, in: "Guest/Module/Report.swift")
    #expect(names.count > 10)
    #expect(try documented("Lines of `status`") == names)
  }
}
