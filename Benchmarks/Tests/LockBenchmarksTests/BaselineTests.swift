import Foundation
import Runs
import Testing

@testable import LockBenchmarks

@Suite struct BaselineTests {
  private func decode(_ text: String, cpus: Int? = nil) throws(BaselineError) -> Results {
    let here = Results.madeUp()
    return try Baseline.decode(
      Data(text.utf8), "run.json", processor: here.processor, cpus: cpus ?? here.machine.cpus)
  }

  private func saved() throws -> String {
    let figure = Figure(.contended, "a", in: .sameCache, .atLeast, 1, "x", [1, 2, .infinity])
    return try jsonText(
      Results.madeUp([.madeUp(rounds: [(.all(.sameCache), 1, .infinity)])], [figure]),
      isSnakeCase: false)
  }

  @Test func `what --json prints is read again, whole`() throws {
    let text = try saved()
    let results = try decode(text)
    #expect(results.figures.first?.measured?.maximum == .infinity)
    #expect(try jsonText(results, isSnakeCase: false) == text)
  }

  @Test func `a run of another machine is refused`() throws {
    let text = try saved()
    #expect {
      _ = try decode(text, cpus: 64)
    } throws: { error in
      "\(error)".hasPrefix("run.json was measured on another machine")
    }
  }

  @Test func `a run of another format is refused, also of the first, which had no number`() throws {
    let text = try saved()
    let other = text.replacing("\"format\" : \(Results.currentFormat)", with: "\"format\" : 99")
    let first = text.replacing("\"format\" : \(Results.currentFormat),", with: "")
    #expect(throws: BaselineError.otherFormat("run.json", 99)) { _ = try decode(other) }
    #expect(throws: BaselineError.otherFormat("run.json", 1)) { _ = try decode(first) }
  }

  @Test func `what is no run is refused`() throws {
    let cut = String(try saved().dropLast(40))
    for text in ["", "{}", "[1, 2]", "no JSON", cut, #"{"format": 2, "machine": 7}"#] {
      #expect(throws: BaselineError.notARun("run.json")) { _ = try decode(text) }
    }
  }

  @Test func `a file that is not there is named`() {
    #expect {
      _ = try Baseline.load("/nonexistent/run.json", processor: "", cpus: 1)
    } throws: { error in
      "\(error)".hasPrefix("The saved run /nonexistent/run.json cannot be read (")
    }
  }

  @Test func `two generations of one name are two processors`() {
    let text = "processor\t: 0\nmodel name\t: AMD EPYC\ncpu family\t: 26\nmodel\t\t: 2\n"
    #expect(Processor(in: text).description == "AMD EPYC (family 26, model 2)")
    #expect(Processor(in: text).family == 26)
    #expect(Processor(in: "").description == "unknown")
  }
}
