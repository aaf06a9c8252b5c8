import LockPlatform
import LockSwitching
import Testing

let directions: [(LockSet, LockSet)] = [
  (.native, .paravirtual), (.paravirtual, .native), (.native, .testAndSet),
  (.testAndSet, .native), (.paravirtual, .testAndSet), (.testAndSet, .paravirtual),
]

@Suite struct PlanTests {
  @Test func upwardIsThePlanOfTheDesign() {
    let plan = Plan.staged(from: .native, to: .paravirtual)
    #expect(
      steps(plan) == [
        .poke(.wait, from: .native, to: .paravirtual),
        .poke(.kick, from: .native, to: .paravirtual),
        .poke(.vcpuIsPreempted, from: .native, to: .paravirtual),
        .poke(.unlock, from: .native, to: .paravirtual),
        .poke(.slowPath, from: .native, to: .gate),
        .drain(.native),
        .poke(.slowPath, from: .gate, to: .paravirtual),
      ])
  }

  @Test func downwardIsThePlanOfTheDesign() {
    let plan = Plan.staged(from: .paravirtual, to: .native)
    #expect(
      steps(plan) == [
        .poke(.slowPath, from: .paravirtual, to: .gate),
        .drain(.paravirtual),
        .poke(.unlock, from: .paravirtual, to: .native),
        .poke(.slowPath, from: .gate, to: .native),
        .poke(.wait, from: .paravirtual, to: .native),
        .poke(.kick, from: .paravirtual, to: .native),
        .poke(.vcpuIsPreempted, from: .paravirtual, to: .native),
      ])
  }

  @Test(arguments: directions)
  func everyStagedPlanIsSound(_ from: LockSet, _ to: LockSet) {
    #expect(Plan.staged(from: from, to: to).isSound(from: from, to: to))
  }

  @Test(arguments: [LockSet.native, .paravirtual, .testAndSet])
  func stayingNeedsNoStep(_ set: LockSet) {
    #expect(Plan.staged(from: set, to: set).count == 0)
  }

  /// Every step is needed, save those that no rule is about: advice, and the drain of waiters that
  /// are queued nowhere.
  @Test(arguments: directions)
  func noStepCanBeDropped(_ from: LockSet, _ to: LockSet) {
    let all = steps(Plan.staged(from: from, to: to))
    for index in all.indices {
      if case .poke(.vcpuIsPreempted, _, _) = all[index] { continue }
      var fewer = all
      fewer.remove(at: index)
      #expect(!plan(fewer).isSound(from: from, to: to), "without \(all[index])")
    }
  }

  @Test func stepsInAnotherOrderAreUnsound() {
    // Upward: slow path before unlock, so that a head sleeps and is not woken; up without a gate.
    let up = steps(Plan.staged(from: .native, to: .paravirtual))
    #expect(
      !plan([up[0], up[1], up[4], up[5], up[6], up[3]]).isSound(from: .native, to: .paravirtual))
    #expect(
      !plan([up[3], up[4], up[5], up[6], up[0], up[1]]).isSound(from: .native, to: .paravirtual))
    #expect(
      !plan([up[0], up[1], up[3], .poke(.slowPath, from: .native, to: .paravirtual)])
        .isSound(from: .native, to: .paravirtual))
    // Downward: unlock before the drain.
    let down = steps(Plan.staged(from: .paravirtual, to: .native))
    #expect(
      !plan([down[0], down[2], down[1], down[3], down[4], down[5]])
        .isSound(from: .paravirtual, to: .native))
  }

  func steps(_ plan: Plan) -> [Step] { (0..<plan.count).map { plan[$0] } }

  func plan(_ steps: [Step]) -> Plan {
    var plan = Plan()
    for step in steps { plan.append(step) }
    return plan
  }
}

@Suite struct CompatibilityTests {
  /// The table of DESIGN, row by row.
  @Test func isTheTableOfTheDesign() {
    func mixture(_ slowPaths: [Implementation], _ unlocks: [Implementation]) -> Bool {
      var paths = Implementations(slowPaths[0])
      for path in slowPaths.dropFirst() { paths.insert(path) }
      var bodies = Implementations(unlocks[0])
      for body in unlocks.dropFirst() { bodies.insert(body) }
      return Mixture(slowPaths: paths, unlocks: bodies).isSound
    }
    #expect(mixture([.native], [.native, .paravirtual]))
    #expect(mixture([.paravirtual], [.paravirtual]))
    #expect(!mixture([.paravirtual], [.native]))
    #expect(!mixture([.paravirtual], [.native, .paravirtual]))
    #expect(!mixture([.native, .paravirtual], [.paravirtual]))
    #expect(!mixture([.native, .paravirtual], [.native]))
    #expect(mixture([.testAndSet, .native], [.paravirtual]))
    #expect(mixture([.testAndSet, .paravirtual], [.paravirtual]))
    #expect(mixture([.testAndSet, .native], [.native]))
    #expect(!mixture([.testAndSet, .paravirtual], [.native]))
    #expect(mixture([.gate, .native], [.native, .paravirtual]))
  }
}
