import Tidelock

/// The plan of the demo, as data.
struct DemoPlan: Sendable {
  enum Step: Sendable {
    /// Makes this many threads count for a while.
    case phase(name: String, threads: Int)
    /// Switches the lock operations while they do.
    case switchTo(LockSet)
  }

  let cpus: Int
  let steps: [Step]
  /// How long each phase lasts.
  let phaseLength: Duration
  let `protocol`: SwitchProtocol
  let poke: PokeMethod
  /// Whether the program follows the load by its policy.
  var followsLoad = false

  /// The same load, with a policy that says when to switch.
  init(followingLoadOn cpus: Int, threadsPerCPU: Int, seconds: Double) {
    self.cpus = cpus
    self.protocol = .staged
    poke = .store
    followsLoad = true
    steps = [
      .phase(name: "dedicated", threads: cpus),
      .phase(name: "oversubscribed", threads: cpus * threadsPerCPU),
      .phase(name: "dedicated again", threads: cpus),
    ]
    phaseLength = .seconds(seconds / 3)
  }

  /// As many threads as CPUs, far more, a switch that helps these, and all the way back.
  init(cpus: Int, threadsPerCPU: Int, seconds: Double, protocol: SwitchProtocol, poke: PokeMethod) {
    self.cpus = cpus
    self.protocol = `protocol`
    self.poke = poke
    let many = cpus * threadsPerCPU
    steps = [
      .phase(name: "dedicated", threads: cpus),
      .phase(name: "oversubscribed", threads: many),
      .switchTo(.paravirtual),
      .phase(name: "oversubscribed, switched", threads: many),
      .phase(name: "dedicated, still switched", threads: cpus),
      .switchTo(.native),
      .phase(name: "dedicated, switched back", threads: cpus),
    ]
    phaseLength = .seconds(seconds / 5)
  }

  var phases: Int { steps.count { if case .phase = $0 { true } else { false } } }
  var seconds: Double { phaseLength / .seconds(1) * Double(phases) }
}
