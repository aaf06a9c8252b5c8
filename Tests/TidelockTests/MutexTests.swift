import LockHarness
import Synchronization
import Testing
import Tidelock

/// What a mutex offers, word for word that of `Synchronization.Mutex`: both conform, so the two
/// interfaces are the same, and the tests below run on both, so they mean the same.
private protocol MutexInterface<Value>: ~Copyable, Sendable {
  associatedtype Value: ~Copyable
  init(_ initialValue: consuming sending Value)
  borrowing func withLock<Result: ~Copyable, E: Error>(
    _ body: (inout sending Value) throws(E) -> sending Result
  ) throws(E) -> sending Result
  borrowing func withLockIfAvailable<Result: ~Copyable, E: Error>(
    _ body: (inout sending Value) throws(E) -> sending Result
  ) throws(E) -> sending Result?
}

extension Tidelock.Mutex: MutexInterface where Value: ~Copyable {}
extension Synchronization.Mutex: MutexInterface where Value: ~Copyable {}

/// A value that cannot be copied and tells when it ends.
private struct Resource: ~Copyable {
  let ended: Flag
  var uses = 0
  deinit { ended.raise() }
}

private struct Refusal: Error, Equatable {
  var code: Int
}

/// A mutex in a place that several threads reach.
private final class Shared<M: MutexInterface<Int> & ~Copyable>: Sendable {
  let mutex = M(0)
}

private struct Wrapper<Value: ~Copyable>: ~Copyable {
  let mutex: Tidelock.Mutex<Value>
  let number = 1
}

private final class Holder<Value: ~Copyable> {
  let mutex: Tidelock.Mutex<Value>
  init(_ value: consuming sending Value) { mutex = Tidelock.Mutex(value) }
}

@_optimize(none)
private func end<Thing: ~Copyable>(_ thing: consuming Thing) {}

extension Library {
  /// Changing the import is the whole migration from `Synchronization.Mutex`.
  @Suite struct MutexInterfaceTests {
    @Test func valuesGoInAndOut() {
      check(Tidelock.Mutex(0))
      check(Synchronization.Mutex(0))

      func check(_ mutex: borrowing some MutexInterface<Int> & ~Copyable) {
        mutex.withLock { $0 = 41 }
        #expect(
          mutex.withLock {
            $0 += 1; return $0
          } == 42)
        #expect(mutex.withLockIfAvailable { $0 } == 42)
        mutex.withLock { _ in #expect(mutex.withLockIfAvailable { $0 } == nil) }
      }
    }

    @Test func throwingReleases() {
      check(Tidelock.Mutex(0))
      check(Synchronization.Mutex(0))

      func check(_ mutex: borrowing some MutexInterface<Int> & ~Copyable) {
        do throws(Refusal) {
          try mutex.withLock { (value) throws(Refusal) in
            value = 1
            throw Refusal(code: 5)
          }
        } catch {
          #expect(error == Refusal(code: 5))
        }
        #expect(throws: Refusal(code: 6)) {
          try mutex.withLockIfAvailable { (_) throws(Refusal) in throw Refusal(code: 6) }
        }
        // Free again, and what was done before the error stays.
        #expect(mutex.withLockIfAvailable { $0 } == 1)
      }
    }

    @Test func noncopyableValues() {
      let flags = (Flag(), Flag())
      let last = check(Tidelock.Mutex(Resource(ended: flags.0)), flags.0)
      let lastOfOther = check(Synchronization.Mutex(Resource(ended: flags.1)), flags.1)
      // The mutex is gone, and its value with it.
      #expect(last.isRaised)
      #expect(lastOfOther.isRaised)

      func check(
        _ mutex: consuming some MutexInterface<Resource> & ~Copyable, _ ended: Flag
      ) -> Flag {
        let uses = mutex.withLock {
          $0.uses += 1
          return $0.uses
        }
        #expect(uses == 1)
        // A value can be taken out and another put in its place.
        let other = Flag()
        mutex.withLock { value in
          let old = exchange(&value, with: Resource(ended: other, uses: 7))
          #expect(old.uses == 1)
        }
        #expect(ended.isRaised)
        #expect(mutex.withLock { $0.uses } == 7)
        #expect(!other.isRaised)
        return other
      }
    }

    /// The value ends with its mutex, wherever that is and however it is destroyed: unoptimized
    /// generic code goes through the type's witness tables.
    @Test func valuesEndWithTheirMutex() {
      #expect(endsOnce { end(Tidelock.Mutex($0)) })
      #expect(endsOnce { end(Optional.some(Tidelock.Mutex($0))) })
      #expect(endsOnce { end(Wrapper(mutex: Tidelock.Mutex($0))) })
      #expect(endsOnce { end(Optional.some(Wrapper(mutex: Tidelock.Mutex($0)))) })
      #expect(endsOnce { _ = Holder($0) })

      func endsOnce(_ body: (consuming sending Resource) -> Void) -> Bool {
        let flag = Flag()
        body(Resource(ended: flag))
        return flag.isRaised
      }
    }

    @Test func threadsTakeTurns() {
      check(Shared<Tidelock.Mutex<Int>>())
      check(Shared<Synchronization.Mutex<Int>>())

      func check(_ shared: Shared<some MutexInterface<Int> & ~Copyable>) {
        Workers(2) { _ in
          for _ in 0..<2_000 { shared.mutex.withLock { $0 += 1 } }
        }.join()
        #expect(shared.mutex.withLock { $0 } == 4_000)
      }
    }
  }
}
