import CodePatching
import LockPlatform

/// A switch under way by one of the published protocols: what it has done so far, and how that is
/// undone.
struct SwitchRun<Target: TextTarget> {
  let request: SwitchRequest
  var report: SwitchReport
  let began: UInt64
  /// What is in place of each operation, by raw value; of operations that are text, what their sites
  /// held before this run, until all of them hold something else.
  private(set) var inPlace: InlineArray<5, Implementation>
  /// Where the counted entry leads.
  private(set) var entered: Implementation
  private var textIsOpen = false

  init(_ request: SwitchRequest, _ protocol: SwitchProtocol) {
    self.request = request
    report = SwitchReport(request, `protocol`)
    began = Target.nanoseconds
    entered = request.from.implementation(of: .slowPath)
    inPlace = InlineArray(repeating: .native)
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      inPlace[Int(operation.rawValue)] = request.from.implementation(of: operation)
    }
  }

  var deadline: UInt64 { request.deadline(from: began) }

  func holds(_ operation: LockOperation) -> Implementation { inPlace[Int(operation.rawValue)] }

  // MARK: Steps

  /// Does a step and takes its time; the body says how many sites it wrote.
  mutating func step(
    _ step: Step, _ body: () throws(SwitchFailure) -> UInt32
  ) throws(SwitchFailure) {
    let before = Target.nanoseconds
    let sites = try body()
    report.add(StepRecord(step: step, nanoseconds: Target.nanoseconds &- before, sites: sites))
  }

  /// Changes an operation that is not text.
  private mutating func poke(_ operation: LockOperation, to new: Implementation)
    throws(SwitchFailure)
  {
    let (old, method) = (holds(operation), request.method)
    try step(.poke(operation, from: old, to: new)) { () throws(SwitchFailure) in
      try Target.poke(operation, from: old, to: new, by: method)
    }
    inPlace[Int(operation.rawValue)] = new
  }

  /// Changes what only paravirtual bodies call, as far as it is not text.
  mutating func pokeHelpers() throws(SwitchFailure) {
    for index in LockOperation.helpers.indices {
      let operation = LockOperation.helpers[index]
      if !Target.isText(operation) {
        try poke(operation, to: request.to.implementation(of: operation))
      }
    }
  }

  /// Leads those who come to the slow path elsewhere.
  mutating func enter(_ new: Implementation) throws(SwitchFailure) {
    try step(.poke(.slowPath, from: entered, to: new)) {
      Target.enter(new)
      return 0
    }
    entered = new
  }

  mutating func drain(_ body: Implementation) throws(SwitchFailure) {
    let deadline = deadline
    try step(.drain(body)) { () throws(SwitchFailure) in
      try Self.drain(body, deadline)
      return 0
    }
  }

  private static func drain(_ body: Implementation, _ deadline: UInt64) throws(SwitchFailure) {
    try Target.beginDrain()
    while !Target.isDrained() {
      guard Target.nanoseconds < deadline else { throw .notDrained(body) }
      Target.rest()
    }
  }

  // MARK: Text

  /// Opens the text and verifies every site before the first is written.
  mutating func openText() throws(SwitchFailure) {
    try Target.openText()
    textIsOpen = true
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      guard Target.isText(operation) else { continue }
      do throws(PatchError) {
        _ = try Poke<Target.Code>.ready(
          Target.sites, operation, from: holds(operation),
          to: request.to.implementation(of: operation))
      } catch {
        throw .patch(error)
      }
    }
  }

  /// Notes that all sites of an operation have their new form.
  mutating func hasPoked(_ operation: LockOperation) {
    let new = request.to.implementation(of: operation)
    inPlace[Int(operation.rawValue)] = new
    Target.note(operation, holds: new)
  }

  // MARK: The end

  /// Ends the run, undoing it if it failed; `undone` is called before the text is closed.
  mutating func finish(
    _ failure: SwitchFailure?, undone: () -> Void = {}
  ) -> (SwitchReport, SwitchFailure?) {
    report.result = failure == nil ? .done : undo()
    if failure != nil { undone() }
    // Not before: the last step may fail as well.
    if textIsOpen { Target.closeText() }
    textIsOpen = false
    report.nanoseconds = Target.nanoseconds &- began
    (report.longestStall, report.breakpoints) = Target.measured
    return (report, failure)
  }

  func refused(_ failure: SwitchFailure) -> (SwitchReport, SwitchFailure?) {
    var report = report
    report.result = .refused
    report.nanoseconds = Target.nanoseconds &- began
    return (report, failure)
  }

  /// Puts everything back, wherever the run stands.
  ///
  /// While the gate stands and breakpoints are emulated as the paravirtual unlock, every mixture of
  /// sites is sound. So the gate first, unless nobody has left the old slow path; then the text;
  /// then the old slow path; and what it calls.
  private mutating func undo() -> SwitchResult {
    do throws(SwitchFailure) {
      let old = request.from.implementation(of: .slowPath)
      if entered != old, entered != .gate {
        let new = entered
        lead(to: .gate)
        try Self.drain(new, request.deadline(from: Target.nanoseconds))
      }
      if textIsOpen { try putTextBack() }
      lead(to: old)
      for index in LockOperation.helpers.indices {
        let operation = LockOperation.helpers[index]
        try put(operation, request.from.implementation(of: operation))
      }
      return .undone
    } catch {
      return .stuck
    }
  }

  private mutating func lead(to slowPath: Implementation) {
    guard slowPath != entered else { return }
    Target.enter(slowPath)
    entered = slowPath
  }

  private mutating func put(
    _ operation: LockOperation, _ wanted: Implementation
  ) throws(SwitchFailure) {
    let now = holds(operation)
    guard !Target.isText(operation), now != wanted else { return }
    _ = try Target.poke(operation, from: now, to: wanted, by: request.method)
    inPlace[Int(operation.rawValue)] = wanted
  }

  private mutating func putTextBack() throws(SwitchFailure) {
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      guard Target.isText(operation) else { continue }
      let old = request.from.implementation(of: operation)
      do throws(PatchError) {
        try Poke<Target.Code>.putBack(Target.sites, operation, old)
      } catch {
        throw .patch(error)
      }
      inPlace[Int(operation.rawValue)] = old
      Target.note(operation, holds: old)
    }
  }
}

extension SiteTable {
  /// How many sites there are of an operation.
  func count(of operation: LockOperation) -> UInt32 {
    var sum: UInt32 = 0
    for index in 0..<count where site(index).operation == operation { sum &+= 1 }
    return sum
  }
}

extension LockOperation {
  @inlinable static var all: InlineArray<5, LockOperation> {
    [.wait, .kick, .vcpuIsPreempted, .unlock, .slowPath]
  }
  /// What only paravirtual bodies call.
  @inlinable static var helpers: InlineArray<3, LockOperation> { [.wait, .kick, .vcpuIsPreempted] }
}
