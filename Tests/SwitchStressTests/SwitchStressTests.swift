import Testing

@Suite(.serialized) struct SwitchStressTests {
  static let protocols = [
    "staged method=store", "staged method=breakpoint", "stop-machine", "stop-machine mode=nmi",
    "barrier", "barrier accounting=slow-path",
  ]

  /// In all directions, under load, with threads that come and go.
  @Test(arguments: protocols, [2, 16])
  func switchesUnderLoad(_ name: String, _ threads: Int) throws {
    let count = Sizes.switches(name.hasPrefix("stop") ? 60 : 240)
    let run = try Stress(
      "protocol=\(name) threads=\(threads) switches=\(count) lasting=300 churn=1")
    #expect(run.done > 0 && run.done.isMultiple(of: count))
    #expect(run.threadsComeAndGone > 0)
  }

  /// With up to four handlers nested over a thread, which take locks, some of them held by threads
  /// that are themselves held: every depth occurs during a switch, by the fast path and by the slow.
  @Test(arguments: protocols)
  func switchesUnderNestedHandlers(_ name: String) throws {
    let count = Sizes.switches(name.hasPrefix("stop") ? 120 : 480)
    var fast = [0, 0, 0, 0, 0], slow = fast
    // As often as it takes: that a lock is taken when the fourth handler comes is chance.
    for _ in 0..<10 where fast.contains(0) || slow.contains(0) {
      let run = try Stress(
        "protocol=\(name) threads=4 switches=\(count) lasting=500 nested=1 churn=1")
      #expect(run.done > 0 && run.done.isMultiple(of: count))
      fast = zip(fast, run.fastInSwitches).map(+)
      slow = zip(slow, run.slowInSwitches).map(+)
    }
    for nested in 0...4 {
      #expect(fast[nested] > 0, "\(nested) nested")
      #expect(slow[nested] > 0, "\(nested) nested")
    }
  }

  /// A handler over a held thread meets a site that is being patched.
  @Test func heldThreadsMeetSitesInTransit() throws {
    var met = 0
    // As often as it takes: whether one comes at the right moment is chance.
    for _ in 0..<20 where met == 0 {
      met += try Stress("protocol=stop-machine threads=8 switches=60 nested=1").breakpoints
    }
    #expect(met > 0)
  }

  @Test(arguments: ["barrier", "barrier accounting=slow-path"])
  func unlocksMeetBreakpoints(_ name: String) throws {
    let run = try Stress("protocol=\(name) threads=4 switches=\(Sizes.switches(240)) lasting=300")
    #expect(run.breakpoints > 0)
  }

  /// A lock that is held too long: undone in its time, and everything as it was.
  @Test(arguments: protocols)
  func isUndoneWhenTheTimeIsOver(_ name: String) throws {
    let run = try Stress("protocol=\(name) threads=4 switches=6 limit=200 with=holder sets=two")
    #expect(run.undone > 0)
    #expect(run.done >= 6)
    #expect(run.failures.contains { $0.contains("the switch was undone") })
  }

  @Test func stopMachineNamesTheThreadThatCannotBeGathered() throws {
    let blocked = try Stress("protocol=stop-machine threads=2 switches=2 with=blocker sets=two")
    #expect(blocked.other == 1)
    #expect(blocked.done == 2)
    #expect(blocked.failures.contains { $0.contains("Thread \(blocked.hindrance) blocks every") })

    let absent = try Stress(
      "protocol=stop-machine threads=2 switches=2 with=vfork limit=2000 sets=two")
    #expect(absent.undone == 1)
    #expect(absent.done == 2)
    #expect(absent.failures.contains { $0.contains("Thread \(absent.hindrance) did not come") })
  }
}
