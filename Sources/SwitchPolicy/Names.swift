// What people call these things: in sysfs, in reports, on the command line.

extension PolicyMode {
  /// `off`, `hint` or `auto`.
  public var name: StaticString {
    switch self {
    case .off: "off"
    case .hint: "hint"
    case .automatic: "auto"
    }
  }
}

extension DedicationHint {
  /// `unknown`, `none` or `dedicated`.
  public var name: StaticString {
    switch self {
    case .unknown: "unknown"
    case .none: "none"
    case .dedicated: "dedicated"
    }
  }
}

extension PolicyReason {
  /// One word, for machines.
  public var name: StaticString {
    switch self {
    case .best: "best"
    case .notWorthIt: "not-worth-it"
    case .losing: "losing"
    case .unsteady: "unsteady"
    case .tooSoon: "too-soon"
    case .hint: "hint"
    case .blind: "blind"
    case .hintOnly: "hint-only"
    case .pinned: "pinned"
    case .off: "off"
    case .underWay: "under-way"
    case .backingOff: "backing-off"
    case .notACandidate: "not-a-candidate"
    case .noTimePassed: "no-time-passed"
    case .gap: "gap"
    case .ranBackwards: "ran-backwards"
    case .moreThanTime: "more-than-time"
    case .impossibleCPUs: "impossible-cpus"
    case .switched: "switched"
    case .switchFailed: "switch-failed"
    case .switchedByOthers: "switched-by-others"
    }
  }

  /// A sentence, for people.
  public var sentence: StaticString {
    switch self {
    case .best: "The set in force loses least."
    case .notWorthIt: "Another set loses less, but not yet enough to pay for a switch."
    case .losing: "The set in force has lost more than another, by the price of a switch."
    case .unsteady: "Another set is better on average, but was worse a moment ago."
    case .tooSoon: "The last switch was too recent."
    case .hint: "The hypervisor's hint changed."
    case .blind: "No signal but the hint is offered: the policy is blind and follows the hint."
    case .hintOnly: "Only the hint is followed."
    case .pinned: "An operator chose the set."
    case .off: "The policy is off."
    case .underWay: "A switch is under way."
    case .backingOff: "A switch failed; it is too early to retry."
    case .notACandidate: "The set in force is not among the candidates."
    case .noTimePassed: "No time passed since the last sample; it is ignored."
    case .gap: "The system was stopped during the sample; it is ignored."
    case .ranBackwards: "A counter ran backwards, as after a migration; the sample is ignored."
    case .moreThanTime: "More steal than time passed; the sample is ignored."
    case .impossibleCPUs: "The number of CPUs is impossible; the sample is ignored."
    case .switched: "The switch succeeded."
    case .switchFailed: "The switch failed; the old set stays in force."
    case .switchedByOthers: "Somebody else switched."
    }
  }
}
