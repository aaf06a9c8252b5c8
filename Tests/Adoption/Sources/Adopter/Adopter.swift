import Tidelock

// Names that only the library's lower floors declare stay free.
struct Plan {}
struct Patcher {}

@main
enum Adopter {
  static let table = Mutex<[String: Int]>([:])
  static let bare = Mutex<Void>(())

  static func main() {
    _ = (Plan(), Patcher())
    table.withLock { $0["tide", default: 0] += 1 }
    unsafe bare._unsafeLock()
    precondition(unsafe !bare._unsafeTryLock())
    unsafe bare._unsafeUnlock()
    do throws(SwitchError) {
      let wanted: LockSet = LockOperations.current == .paravirtual ? .native : .paravirtual
      let report = try LockOperations.switch(
        to: wanted, using: .staged, poking: .breakpoint, timeLimit: .seconds(60))
      precondition(report.result == .done && report.to == wanted && report.reason == .operator)
      for index in 0..<report.stepCount {
        if case .drain = report.step(index).kind { print("drained") }
      }
      let options = SwitchOptions(stopMode: .task, accounting: .untilUnlock)
      precondition(options.stopMode == .task && report.failure == nil)
      if case .poke(let before, let after) = report.step(0).kind {
        precondition(before != after && after[.unlock] != .testAndSet)
      }
      if case .unchecked(.noProc) = report.failure { fatalError("no /proc") }
      for entry in LockPolicy.decisions {
        print(entry.decision.reason == .losing, entry.count)
      }
    } catch {
      fatalError("\(error), \(error.report.result == .refused)")
    }
    let count = table.withLockIfAvailable { $0["tide"] }
    print("adopted: \(count.flatMap(\.self) ?? 0)")
  }
}
