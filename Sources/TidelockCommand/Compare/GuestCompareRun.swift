import GuestTestBed
import Runs

/// The comparison in guests: one with a vCPU for each CPU, and one with more.
struct GuestCompareRun: Sendable {
  let kernel: GuestKernel
  let contestants: [ComparePlan.Contestant]
  let vcpus: Int
  let cpus: Int
  /// How many switches each contestant makes in each guest.
  let switches: Int
  let timeLimit: Duration
  let display: RunDisplay

  /// Boots the guests, one after the other, and returns what was measured.
  ///
  /// A guest that is interrupted or fails leaves nothing to show.
  func execute() async throws -> Comparison {
    var comparison = Comparison(runner: .vCPU, loads: [], isVerified: true)
    for (name, vcpus) in [
      ("CPUs to spare", ComparePlan.spareThreads(cpus: cpus)), ("oversubscribed", vcpus),
    ] {
      var machine = GuestMachine(kernel: kernel, vcpus: vcpus)
      // A switch that stops all CPUs takes some seconds; the windows without a switch double that.
      machine.lifetime = 600 + contestants.count * switches * 40
      display.show("\(name): \(Quantity.exact(vcpus, "vCPU")) on \(Quantity.exact(cpus, "CPU"))")
      let found = try await GuestComparison.measure(
        contestants.map(\.method), switches: switches, in: machine, timeLimit: timeLimit
      ) { display.begin($0, every: .seconds(5)) }
      comparison.loads.append(
        Comparison.Load(
          name: name, runners: vcpus, cpus: cpus,
          rows: zip(contestants, found.trials).map { Comparison.Row($0, $1) }))
      comparison.isVerified = comparison.isVerified && found.exclusion && found.textRestored
    }
    return comparison
  }
}

extension ComparePlan.Contestant {
  /// The same in a guest.
  fileprivate var method: GuestSwitcher.Method {
    var method = GuestSwitcher.Method(`protocol`.name.description)
    method.stopMode = options.stopMode.name.description
    method.accounting = options.accounting.name.description
    return method
  }
}

extension Comparison.Row {
  fileprivate init(_ contestant: ComparePlan.Contestant, _ trial: GuestTrial) {
    self.init(
      protocol: contestant.protocol.description, option: contestant.option,
      switches: trial.switching.count, undone: trial.undone, took: Spread(trial.times) ?? .none,
      gap: Spread(trial.gapsSwitching) ?? .none, quietGap: Spread(trial.gapsResting) ?? .none,
      switchingPerSecond: trial.rateSwitching, quietPerSecond: trial.rateResting,
      breakpoints: UInt64(trial.breakpoints))
  }
}
