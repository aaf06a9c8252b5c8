/// From a failing schedule to one that people can read: as few preemptions as possible, and among
/// those schedules one with as few actions as possible.
///
/// A preemption stops a CPU that could have gone on; an interrupt and a spurious wake-up count as
/// preemptions, too. Commits of store buffers are free.
public enum Shortening {
  /// Looks for a better schedule with the same kind of flaw; returns the failure itself if there
  /// is none within the limits (which are for each number of preemptions).
  ///
  /// `goOn` is called every so often; false ends the search.
  public static func shorten(
    _ failure: Failure, of program: ModelProgram,
    _ limits: Limits = Limits(states: 5_000_000, seconds: 20), goOn: () -> Bool = { true }
  ) -> Failure {
    // Its way into the cycle was shortened when the cycle was found.
    if failure.flaw == .livelock { return failure }
    for preemptions in 0...6 where goOn() {
      let best = Machine.with(program) { machine in
        machine.start()
        var search = Bounded(
          machine, .flaw(failure.flaw), preemptions: preemptions, limits,
          longest: max(failure.schedule.count * 2, 64))
        defer { search.table.deallocate() }
        search.run { _ in goOn() }
        return search.best
      }
      if let best { return best }
    }
    return failure
  }
}

extension Shortening {
  /// A short way from the machine's present state to one of others; nil if none is found soon.
  static func way(_ machine: Machine, to states: Set<StateKey>, longest: Int) -> [Action]? {
    let snapshots = Snapshots(machine, limit: 1 << 24)
    guard let first = snapshots.push() else { return nil }
    for preemptions in 0...4 {
      snapshots.restore(first)
      var search = Bounded(
        machine, .states(states), preemptions: preemptions,
        Limits(states: 1_000_000, seconds: 5), longest: longest)
      defer { search.table.deallocate() }
      search.run { _ in true }
      if let best = search.best { return best.schedule }
    }
    return nil
  }
}
