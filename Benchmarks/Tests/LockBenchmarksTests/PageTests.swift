import Foundation
import Testing

@testable import LockBenchmarks

@Suite struct PageTests {
  private let page = Page(path: "page.md")

  private func marked(_ text: String, _ name: String = "contended") -> String {
    "<!-- benchmarks \(name): from here -->\n\n\(text)\n\n<!-- benchmarks \(name): to here -->"
  }

  @Test func `a section takes the place of the one before, and nothing else changes`() throws {
    let before = "# Page\n\n\(marked("old"))\n\n\(marked("kept", "switches"))\n\nend\n"
    #expect(
      try page.replacing(.contended, by: "new", in: before)
        == "# Page\n\n\(marked("new"))\n\n\(marked("kept", "switches"))\n\nend\n")
  }

  @Test func `a section that the page does not have is appended`() throws {
    #expect(try page.replacing(.contended, by: "new", in: "") == marked("new") + "\n")
    #expect(try page.replacing(.contended, by: "new", in: "text\n") == "text\n\n\(marked("new"))\n")
  }

  @Test func `a page with broken marks is left alone`() {
    let one = marked("old").replacing("to here", with: "")
    let twice = marked("a") + marked("b")
    for text in [one, twice] {
      #expect(throws: PageError.self) { _ = try page.replacing(.contended, by: "new", in: text) }
    }
  }

  @Test func `a page is written to where it is, and a folder that is not there is named`() throws {
    let path =
      NSTemporaryDirectory() + "benchmarks-page-\(ProcessInfo.processInfo.processIdentifier).md"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Page(path: path).write([(.contended, "one")])
    try Page(path: path).write([(.contended, "two"), (.switches, "three")])
    #expect(
      try String(contentsOfFile: path, encoding: .utf8)
        == marked("two") + "\n\n" + marked("three", "switches") + "\n")
    #expect {
      try Page(path: "/nonexistent/page.md").write([(.contended, "one")])
    } throws: { error in
      "\(error)".hasPrefix("The page /nonexistent/page.md cannot be read or written (")
    }
  }

  @Test func `a section says machine, date and command, and has figures and tables as Markdown`() {
    let results = Results.madeUp(
      [.madeUp(rounds: [(.all(.sameCache), 1, 2)])],
      [
        Figure(.contended, "one / other", in: .sameCache, note: "peer", .atMost, 2, "x", [0.5]),
        Figure(.switches, "elsewhere", .atMost, 2, "x", [0.5]),
      ])
    let text = Report(results: results).markdown(of: .contended)
    #expect(text.hasPrefix("## Contended locks\n\n\(results.processor), "))
    #expect(text.contains("; \(results.date), by\n\n    swift run -c release"))
    #expect(text.contains("| one / other (peer); same cache | ≤ 2.00 x | 0.500 |"))
    #expect(text.contains("| one | 1 | 1.00 | 1.00-1.00 |"))
    #expect(!text.contains("elsewhere"))
  }
}
