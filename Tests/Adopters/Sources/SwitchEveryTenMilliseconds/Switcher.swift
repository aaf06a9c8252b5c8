import Glibc
import Tidelock

/// Switches from set to set, and ends the process if a switch fails for another reason than that the
/// process ends; says at the end of each hundred how many there were.
@c(switcher_run)
public func run() {
  let sets = [LockSet.native, .paravirtual, .testAndSet, .paravirtual]
  var count = 0
  while true {
    do throws(SwitchError) {
      try LockOperations.switch(to: sets[count % sets.count], timeLimit: .seconds(60))
    } catch {
      if error.failure == .exiting { return }
      say("\(error)")
      abort()
    }
    count += 1
    if count % 100 == 0 { say("\(count) switches") }
    usleep(10_000)
  }
}

private func say(_ words: String) {
  let line = "adopters: \(words)\n"
  // Terminated, for the time of the call.
  _ = line.withCString { write(2, $0, strlen($0)) }
}
