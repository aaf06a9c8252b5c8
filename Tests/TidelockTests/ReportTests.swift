import Foundation
import LockHarness
import LockPlatform
import LockSites
import LockSwitching
import Testing
import Tidelock

extension Library {
  /// A report as JSON: written byte by byte, encoded, and decoded again.
  @Suite struct Reports {
    @Test(arguments: ["staged", "stop-machine", "barrier"])
    func areTheSameInEveryWay(name: String) async {
      await #expect(processExitsWith: .success) { [name] in
        inOwnProcess {
          let chosen = SwitchProtocol.allCases.first { $0.description == name } ?? .staged
          let there = try LockOperations.switch(
            to: .paravirtual, using: chosen, timeLimit: .seconds(60), reason: .hint)
          try checkJSON(of: there)
          check(
            there.json.contains("\"unlock\":{\"from\":\"native\",\"to\":\"paravirtual\"}"),
            "\(there.json)")
          try checkJSON(
            of: LockOperations.switch(
              to: .testAndSet, using: chosen, timeLimit: .seconds(60), reason: .policy))
          try checkJSON(of: LockOperations.switch(to: .testAndSet))
          try checkJSON(of: LockOperations.switch(to: .native))

          let words = SharedWords(1)
          tidelock_lock(words.address(0))
          let slowPaths = LockOperations.statistics.slowPaths
          let waiter = Workers(1) { _ in
            tidelock_lock(words.address(0))
            tidelock_unlock(words.address(0))
          }
          wait { LockOperations.statistics.slowPaths > slowPaths }
          do throws(SwitchError) {
            try LockOperations.switch(to: .paravirtual, timeLimit: .zero)
            check(false, "switched over a thread that waits")
          } catch {
            check(error.report.json.contains("\"undo\":true"), "\(error.report.json)")
            try checkJSON(of: error.report)
          }
          tidelock_unlock(words.address(0))
          waiter.join()
        }
      }
    }

    @Test func whatIsNoReport() {
      for (from, to) in [("\"done\"", "\"finished\""), ("\"unlock\"", "\"lock\""), ("12.5", "-1")] {
        let text = """
          {"from":"native","to":"paravirtual","protocol":"staged","result":"done",\
          "reason":"operator","microseconds":12.5,"sites":1,"breakpoints":0,\
          "longest_stall_microseconds":0.000,"steps":[{"poke":{"unlock":{"from":"native",\
          "to":"paravirtual"}},"microseconds":1.250,"sites":1}],"steps_left_out":2}
          """
        let report = try? JSONDecoder().decode(SwitchReport.self, from: Data(text.utf8))
        #expect(report?.nanoseconds == 12_500)
        #expect(report?.stepsLeftOut == 2)
        #expect(report?.step(0).kind == .poke(from: unlock(.native), to: unlock(.paravirtual)))
        let altered = text.replacingOccurrences(of: from, with: to)
        #expect(throws: DecodingError.self) {
          try JSONDecoder().decode(SwitchReport.self, from: Data(altered.utf8))
        }
      }
    }
  }
}

private func unlock(_ implementation: Implementation) -> Batch {
  var batch = Batch()
  batch[.unlock] = implementation
  return batch
}

/// Records an issue unless a report's JSON is what is encoded, and decodes to the same.
private func checkJSON(of report: SwitchReport) throws {
  let written = Data(report.json.utf8)
  let encoded = try JSONEncoder().encode(report)
  let objects = try [written, encoded].map {
    try JSONSerialization.jsonObject(with: $0) as? NSDictionary
  }
  check(
    objects[0] != nil && objects[0] == objects[1],
    "\(report.json) is not \(String(decoding: encoded, as: UTF8.self))")
  let decoded = try JSONDecoder().decode(SwitchReport.self, from: written)
  check(decoded.json, is: report.json, "what was decoded")
}
