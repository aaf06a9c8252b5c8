import LockPlatform

/// Who decides.
@frozen public enum PolicyMode: UInt8, Sendable {
  /// Nobody: the set stays.
  case off = 0
  /// The hypervisor's hint.
  case hint = 1
  /// What is seen.
  case automatic = 2
}

/// When to switch, and to which set.
///
///     var policy = Policy(in: .native, .guest)
///     let decision = policy.decide(sample)
///     if let set = decision.change {
///       ... switch ...                       // LockSwitching; meanwhile, more samples may come
///       policy.switched(to: set, at: now)    // or policy.switchFailed(at: now)
///     }
///
/// It has no clock and no thread, allocates nothing and takes time proportional to nothing: the
/// kernel's worker, a program's thread, a simulation and a test run this same code. Calls must not
/// overlap. Every call returns a ``Decision`` for the ``DecisionLog``.
///
/// The rule is ``WorkFunction``. Around it, in this order: an operator's word; samples that cannot be
/// true; a hint that changed; blindness; the rule; then what may only ever keep a change back.
public struct Policy: Sendable {
  /// What it is told.
  public let settings: PolicySettings
  /// Who decides while no set is pinned.
  public private(set) var mode: PolicyMode
  /// The set in force, as far as the policy was told.
  public private(set) var inForce: LockSet
  /// The set that an operator chose.
  public private(set) var pinned: LockSet?
  /// The set that a switch under way leads to.
  public private(set) var underWay: LockSet?
  /// How many samples could not be true.
  public private(set) var impossibleSamples: UInt64 = 0
  /// How many switches failed since the last that did not.
  public private(set) var failures: UInt32 = 0
  /// The rule's state.
  public private(set) var work: WorkFunction

  private var promise: PromiseLeft
  private var worst = RecentWorst()
  private var before: PolicySample?
  private var hint = DedicationHint.unknown
  /// What a hint that changed asks for, until it is done.
  private var asked: LockSet?
  private var lastChange: UInt64?
  private var nextTry: UInt64 = 0
  private var retry: UInt64

  /// A policy for a system that runs with `set`.
  public init(in set: LockSet, _ settings: PolicySettings, mode: PolicyMode = .automatic) {
    self.settings = settings
    self.mode = mode
    inForce = set
    work = WorkFunction(
      startingIn: set, candidates: settings.candidates, prices: settings.prices)
    promise = PromiseLeft(settings)
    retry = settings.firstRetry
  }

  // MARK: Samples

  /// What to do after a sample.
  public mutating func decide(_ sample: PolicySample) -> Decision {
    var decision = Decision(sample.time, in: inForce, .best, hint: sample.hint)
    let longest = min(settings.longestSample, PolicySettings.mostSample)
    if let fault = sample.fault(after: before, longest: longest) {
      let (count, overflow) = impossibleSamples.addingReportingOverflow(1)
      impossibleSamples = overflow ? .max : count
      // The next one is measured from here.
      if fault != .noTimePassed || sample.time < (before?.time ?? 0) { before = sample }
      // The hint is no counter: after a migration, it is just what can be believed.
      note(sample.hint)
      decision.reason = PolicyReason(fault)
      return carriedOut(decision)
    }
    before = sample
    let evidence = Evidence(sample)
    note(sample.hint)
    note(evidence, &decision)
    return carriedOut(decision, evidence)
  }

  /// What the decision is, once it is known what was seen.
  private mutating func carriedOut(_ seen: Decision, _ evidence: Evidence? = nil) -> Decision {
    var decision = seen
    // What keeps its reason below is a sample that cannot be true.
    if let pinned {
      if pinned != inForce || evidence != nil { decision.reason = .pinned }
      return pinned == inForce ? decision : go(to: pinned, decision)
    }
    if mode == .off {
      if evidence != nil { decision.reason = .off }
      return decision
    }
    if let asked, asked != inForce {
      decision.reason = .hint
      return go(to: asked, decision)
    }
    guard let evidence else { return decision }
    if mode == .hint || evidence.isBlind {
      decision.reason = mode == .hint ? .hintOnly : .blind
      guard let set = settings.set(for: hint), set != inForce else { return decision }
      return go(to: set, decision)
    }
    return follow(evidence, decision)
  }

  /// What was seen, in the decision and in the memory of the worst.
  private mutating func note(_ evidence: Evidence, _ decision: inout Decision) {
    decision.steal = evidence.steal
    decision.stall = evidence.stall
    guard !evidence.isBlind else { return }
    decision.losses = settings.losses(steal: evidence.steal, stall: evidence.stall)
    worst.note(evidence, at: decision.time, memory: settings.memory)
  }

  // MARK: The rule, and what keeps it back

  private mutating func follow(_ evidence: Evidence, _ seen: Decision) -> Decision {
    var decision = seen
    guard let rates = decision.losses else { return decision }
    let losses = evidence.losses(at: rates)
    let growth = work.charge(losses)
    promise.charge(own: losses[inForce], best: growth)

    let choice = work.choice(from: inForce)
    guard choice != inForce else {
      decision.reason = work.best == inForce ? .best : .notWorthIt
      return decision
    }
    decision.reason = settings.candidates.contains(inForce) ? .losing : .notACandidate
    if decision.reason == .losing {
      if wasWorse(choice), promise.value >= losses[inForce] {
        decision.reason = .unsteady
        return decision
      }
      if let lastChange, decision.time &- lastChange < settings.leastStay {
        decision.reason = .tooSoon
        return decision
      }
    }
    return go(to: choice, decision)
  }

  /// Whether a set would have lost more than the one in force at the worst recent moment.
  private func wasWorse(_ set: LockSet) -> Bool {
    guard settings.memory > 0 else { return false }
    let losses = settings.losses(steal: worst.steal, stall: worst.stall)
    return losses[set] > losses[inForce]
  }

  /// Asks for a switch, if now is a time to.
  private mutating func go(to set: LockSet, _ decision: Decision) -> Decision {
    var decision = decision
    if underWay != nil {
      decision.reason = .underWay
    } else if failures > 0, decision.time < nextTry {
      decision.reason = .backingOff
    } else {
      underWay = set
      decision.change = set
    }
    return decision
  }

  // MARK: The hint

  private mutating func note(_ new: DedicationHint) {
    guard new != .unknown else { return }
    // What it was in the beginning, the system has heeded when it started.
    if hint != .unknown, hint != new {
      asked = settings.set(for: new)
      // A new word is worth a try at once.
      failures = 0
    }
    hint = new
    if asked == inForce, underWay == nil { asked = nil }
  }

  // MARK: What became of a switch

  /// A switch ended well, whoever asked for it.
  @discardableResult
  public mutating func switched(to set: LockSet, at time: UInt64) -> Decision {
    let isOurs = set == underWay
    let isRule = isOurs && pinned == nil && asked == nil && settings.candidates.contains(inForce)
    if isOurs { underWay = nil }
    if set == asked { asked = nil }
    inForce = set
    lastChange = time
    failures = 0
    retry = settings.firstRetry
    if isRule {
      promise.charge(change: settings.prices[set])
    } else {
      startAnew()
    }
    return Decision(time, in: set, isOurs ? .switched : .switchedByOthers, hint: hint)
  }

  /// The switch under way failed; the set in force is as it was.
  @discardableResult
  public mutating func switchFailed(at time: UInt64) -> Decision {
    underWay = nil
    if failures == 0 { retry = settings.firstRetry }
    let (count, overflow) = failures.addingReportingOverflow(1)
    failures = overflow ? .max : count
    let (then, late) = time.addingReportingOverflow(retry)
    nextTry = late ? .max : then
    let (twice, tooLong) = retry.multipliedReportingOverflow(by: 2)
    retry = tooLong ? settings.lastRetry : min(twice, settings.lastRetry)
    return Decision(time, in: inForce, .switchFailed, hint: hint)
  }

  /// The switch under way is not made: somebody with more right to decide came first.
  public mutating func abandon() { underWay = nil }

  private mutating func startAnew() {
    work = WorkFunction(
      startingIn: inForce, candidates: settings.candidates, prices: settings.prices)
    promise = PromiseLeft(settings)
  }

  // MARK: The operator

  /// Keeps a set until ``giveBack(to:)``, whatever is seen.
  ///
  /// Where another is in force, because a switch of the policy's ended after the operator's, the
  /// next decision is to go back.
  public mutating func pin(_ set: LockSet) {
    pinned = set
    asked = nil
    failures = 0
  }

  /// Lets the policy decide again, beginning from the set in force.
  public mutating func giveBack(to mode: PolicyMode) {
    pinned = nil
    self.mode = mode
    asked = nil
    failures = 0
    startAnew()
  }
}

extension PolicySettings {
  /// The set that a hint asks for; nil if it says nothing.
  public func set(for hint: DedicationHint) -> LockSet? {
    switch hint {
    case .unknown: nil
    case .dedicated: candidates.contains(.native) ? .native : nil
    case .none:
      candidates.contains(.paravirtual)
        ? .paravirtual : candidates.contains(.testAndSet) ? .testAndSet : nil
    }
  }

  /// What each set loses, in parts per million.
  ///
  /// Where locks stood still, native ones lost at least that time, whatever the table says.
  public func losses(steal: UInt32?, stall: UInt32?) -> PerSet<UInt32> {
    var losses = estimates.losses(atSteal: steal ?? 0)
    losses.native = max(losses.native, stall ?? 0)
    return losses
  }
}
