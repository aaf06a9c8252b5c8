import Glibc
import LockHarness
import LockSites
import TestShims
import Testing
import Tidelock

extension Platform {
  /// The child of a fork has one thread, in one set or the other, and every lock that no vanished
  /// thread held.
  @Suite struct Forks {
    @Test func inTheMiddleOfSwitches() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let stop = Flag()
          let locks = SharedWords(3)
          // 0 and 1 are what the threads quarrel about; 2 belongs to the thread that forks.
          let (first, second, own) = (locks.address(0), locks.address(1), locks.address(2))
          let workers = Workers(8) { number in
            while !stop.isRaised {
              tidelock_lock(first)
              if number.isMultiple(of: 2) {
                tidelock_lock(second)
                tidelock_unlock(second)
              }
              tidelock_unlock(first)
              // Somebody waits for it when its holder forks.
              if number == 7 {
                tidelock_lock(own)
                tidelock_unlock(own)
              }
            }
          }
          let switching = ContinuousSwitching(poking: .store, .breakpoint)
          var free = 0
          for number in 0..<Sizes.forks {
            tidelock_lock(own)
            let child = test_fork()
            if child == 0 {
              exitChild(takes: [first, second], holding: own)
            }
            tidelock_unlock(own)
            let code = test_wait(child)
            guard code & ~3 == 0 else {
              check(false, "fork \(number): the child ended with \(code)")
              break
            }
            free += code.nonzeroBitCount
          }
          check(switching.count > 0, "nothing was switched meanwhile")
          switching.finish()
          stop.raise()
          workers.join()
          check(free > 0, "no child found a lock free that others fought for: proves nothing")
        }
      }
    }

    /// A lock that nobody holds and for which vanished threads waited: kept from taking it by a
    /// signal handler that does not return, in the slow path of each set.
    @Test(arguments: [LockSet.native, .paravirtual, .testAndSet])
    func abandonedQueue(set: LockSet) async {
      await #expect(processExitsWith: .success) { [set] in
        inOwnProcess {
          try LockOperations.switch(to: set)
          test_park_install(SIGUSR1)
          let locks = SharedWords(2)
          let (lock, own) = (locks.address(0), locks.address(1))
          tidelock_lock(lock)
          let before = LockOperations.statistics
          let workers = Workers(4) { _ in
            tidelock_lock(lock)
            tidelock_unlock(lock)
          }
          wait {
            let now = LockOperations.statistics
            return now.slowPaths >= before.slowPaths + 4
              && (set == .testAndSet || now.queued + 1 >= before.queued + 4)
              && (set != .paravirtual || now.halts >= before.halts + 4)
          }
          for number in 0..<4 { workers.signal(number, SIGUSR1) }
          wait { test_parked() == 4 }
          tidelock_unlock(lock)
          check(set == .testAndSet || locks[0] != 0, "nobody waits in \(set): proves nothing")

          for _ in 0..<5 {
            tidelock_lock(own)
            let child = test_fork()
            if child == 0 { exitChild(takes: [lock], holding: own) }
            tidelock_unlock(own)
            check(test_wait(child), is: 1, "what the child took")
          }
          test_park_release()
          workers.join()
        }
      }
    }

    /// Whatever locks of the Swift runtime other threads hold: the child cannot wait for them.
    @Test func whileTypesAreMade() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let stop = Flag()
          let words = SharedWords(2)
          let lock = words.address(1)
          let making = Workers(2) { number in
            // What has been made once is found without a lock: it ends before it runs out.
            number == 0
              ? makeTypes(Int8.self, depth: 40, until: stop)
              : makeTypes(Int16.self, depth: 40, until: stop)
            words[0] = 1
          }
          for number in 0..<300 {
            let child = test_fork()
            if child == 0 {
              tidelock_lock(lock)
              tidelock_unlock(lock)
              _exit(0)
            }
            let code = test_wait(child)
            guard code == 0 else {
              check(false, "fork \(number): the child ended with \(code)")
              break
            }
          }
          check(words[0], is: 0, "whether types ran out, which proves nothing")
          stop.raise()
          making.join()
        }
      }
    }

    /// The child of a child, and a child whose parent switched to paravirtual.
    @Test func generations() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          try LockOperations.switch(to: .paravirtual)
          let child = test_fork()
          if child == 0 {
            guard LockOperations.current == .paravirtual else { _exit(101) }
            guard (try? switchAround()) != nil else { _exit(102) }
            let grandchild = test_fork()
            if grandchild == 0 { _exit((try? switchAround()) == nil ? 103 : 0) }
            _exit(test_wait(grandchild) == 0 ? 0 : 104)
          }
          check(test_wait(child), is: 0, "how the child ended")
        }
      }
    }
  }
}

private func switchAround() throws {
  let harness = LockHarness(threads: 3, acquisitions: 300)
  for method: PokeMethod in [.store, .breakpoint] {
    for set in allDirections {
      try LockOperations.switch(to: set, poking: method)
      guard LockOperations.current == set, harness.run(BareSpinlock()).isExclusive else {
        _exit(100)
      }
    }
  }
}

/// Makes the runtime make types and look for their conformances, twice as many at each depth.
private func makeTypes<Inner>(_: Inner.Type, depth: Int, until stop: Flag) {
  guard depth > 0, !stop.isRaised, !(Inner.self is any Error.Type) else { return }
  makeTypes([Inner].self, depth: depth - 1, until: stop)
  makeTypes(Inner?.self, depth: depth - 1, until: stop)
}

/// What the child does.
///
/// Ends with a bit for each of the locks that was free and could be taken.
private func exitChild(takes locks: [UInt], holding own: UInt) -> Never {
  var taken: Int32 = 0
  for (bit, lock) in locks.enumerated() where word8(lock) == 0 {
    // Nobody can hold it any more, so this must not wait.
    tidelock_lock(lock)
    tidelock_unlock(lock)
    taken |= 1 << Int32(bit)
  }
  tidelock_unlock(own)
  tidelock_lock(own)
  // A second thread, which waits for the first.
  let other = Workers(1) { _ in
    tidelock_lock(own)
    tidelock_unlock(own)
  }
  let before = LockOperations.current
  do {
    for set: LockSet in [.paravirtual, .native, before] {
      tidelock_unlock(own)
      try LockOperations.switch(to: set)
      tidelock_lock(own)
    }
  } catch {
    _exit(99)
  }
  tidelock_unlock(own)
  other.join()
  _exit(LockOperations.current == before ? taken : 98)
}
