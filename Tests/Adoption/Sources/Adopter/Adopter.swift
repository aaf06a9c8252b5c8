import Tidelock

// Names that only the library's lower floors declare stay free.
struct Plan {}
struct Patcher {}

@main
enum Adopter {
  static let table = Mutex<[String: Int]>([:])
  static let bare = Mutex<Void>(())

  static func main() async {
    _ = (Plan(), Patcher())
    precondition(Beside.run() == 2)
    precondition(BesideByName.run() == 1)
    precondition(Calls.run() == 2)
    Contended.run()
    table.withLock { $0["tide", default: 0] += 1 }
    unsafe bare._unsafeLock()
    precondition(unsafe !bare._unsafeTryLock())
    unsafe bare._unsafeUnlock()
    do throws(SwitchError) {
      let wanted: LockSet = LockOperations.current == .paravirtual ? .native : .paravirtual
      let report = try await LockOperations.switch(
        to: wanted, using: .staged, poking: .breakpoint, timeLimit: .seconds(60))
      precondition(report.result == .done && report.to == wanted && report.reason == .operator)
      precondition(report.duration > .zero && report.longestStall >= .zero)
      for step in report.steps {
        if case .drain = step.kind { print("drained in \(step.duration)") }
        if case .phase(let phase) = step.kind { precondition(phase != .count) }
      }
      let options = SwitchOptions(stopMode: .task, accounting: .untilUnlock)
      precondition(options.stopMode == .task && report.failure == nil)
      if case .poke(let before, let after) = report.steps[0].kind {
        precondition(before != after && after[.unlock] != .testAndSet)
      }
      if case .unchecked(.noProc) = report.failure { fatalError("no /proc") }
      for entry in LockPolicy.decisions {
        print(entry.decision.reason == .losing, entry.count, entry.last - entry.first)
      }
    } catch {
      fatalError("\(error), \(error.report.result == .refused)")
    }
    let count = table.withLockIfAvailable { $0["tide"] }
    print("adopted: \(count.flatMap(\.self) ?? 0)")
  }
}
