import Runs
import Testing

@testable import LockBenchmarks

extension SwitchingTests {
  @Suite struct LoadTests {
    // Long sections, so that owners without a lock meet.
    private let sections = Sections(inside: 5000, outside: 1000)

    @Test func `every contestant excludes, and each of its threads is counted`() throws {
      for contestant in Contended.contestants + Uncontended.contestants
      where contestant.name != Name.none {
        let result = try contestant.load(3, sections) { Clock.sleep(seconds: 0.02) }
        #expect(result.lostUpdates == 0, "\(contestant.name)")
        #expect(result.operations.count == 3)
        #expect(result.operations.reduce(0, +) > 0, "\(contestant.name)")
        // The work inside alone takes the CPU longer.
        #expect(result.cpuNanosecondsPerSection > 1000, "\(contestant.name)")
      }
    }

    @Test func `a background thread gets something done, and so does what it is beside`() throws {
      var rate = 0.0
      let result = try Load.run(PthreadMutex(), threads: 1, sections: sections) {
        rate = try Background.rate { Clock.sleep(seconds: 0.1) }
      }
      #expect(rate > 0)
      #expect(result.operations.reduce(0, +) > 0)
    }

    @Test(.enabled(if: Machine.current.cpus > 1))
    func `a lock that excludes nobody is caught`() throws {
      let result = try Load.run(NoLock(), threads: 2, sections: sections) {
        Clock.sleep(seconds: 0.2)
      }
      #expect(result.lostUpdates > 0)
    }

    @Test func `what is timed is all there`() {
      #expect(Uncontended.time(TidelockMutex(), seconds: 0.001).lostUpdates == 0)
      #expect(Uncontended.time(NoLock(), seconds: 0.001).lostUpdates == 0)
    }
  }
}
