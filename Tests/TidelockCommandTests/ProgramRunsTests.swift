import GuestTestBed
import LockPlatform
import Runs
import Testing
import TidelockCommand

/// What the guest's demo makes of the runs of a program.
@Suite struct ProgramRunsTests {
  private func runs(_ rounds: [[Double]]) -> ProgramRuns {
    var runs = ProgramRuns(
      .hackbench(groups: 4, pairs: 10, loops: 60),
      phases: [
        .init("as booted", .native), .init("switched", .paravirtual),
        .init("switched", .testAndSet), .init("switched back", .native),
      ])
    for round in rounds {
      for (phase, seconds) in round.enumerated() { runs.add(phase: phase, seconds: seconds) }
    }
    return runs
  }

  @Test func comparesTheSets() {
    let runs = runs([[4, 0.5, 0.4, 8], [6, 1, 0.6, 2], [5, 0.75, 0.5, 5]])
    #expect(
      runs.byPhase.map(\.phase.set) == [.native, .paravirtual, .testAndSet, .native])
    #expect(runs.byPhase.map(\.spread.median) == [5, 0.75, 0.5, 5])
    #expect(runs.spread(.native) == .init([4, 6, 5, 8, 2, 5]))
    let table = runs.table.text(width: 200)
    #expect(table.contains("paravirtual") && table.contains("750 ms") && table.contains("6.67"))
    let finding = runs.finding(vcpus: 8, on: "the host's 2 CPUs") ?? ""
    #expect(finding.contains("With 8 vCPUs on the host's 2 CPUs hackbench takes 5.00 s"))
    #expect(finding.contains("750 ms with paravirtual") && finding.contains("6.67 times as fast"))
    #expect(finding.contains("test-and-set 500 ms"))
    let page = RunPage(title: "", summary: "", spreads: runs.plots).html()
    #expect(page.contains("median 750 ms, longest 1.00 s"))
    #expect(page.contains("Time of a run of hackbench by lock set"))
  }

  /// A run that was interrupted shows what there is.
  @Test func showsPartOfARound() {
    let part = runs([[4]])
    #expect(part.byPhase.count == 1 && part.plots.count == 1 && !part.table.isEmpty)
    #expect(part.finding(vcpus: 8, on: "2 CPUs") == nil)
    let none = runs([])
    #expect(none.byPhase.isEmpty && none.plots.isEmpty && none.table.isEmpty)
  }
}
