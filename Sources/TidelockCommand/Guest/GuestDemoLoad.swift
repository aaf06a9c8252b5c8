import Foundation
import GuestTestBed
import Runs
import Synchronization

/// The load on the guest's locks as it is sampled: acquisitions per second, by the guest's clock.
final class GuestDemoLoad: Sendable {
  private let torture: GuestTorture
  private let display: GuestDemoDisplay
  private let state = Synchronization.Mutex(State())

  private struct State {
    var rates = RateSampler()
    var sampled = ContinuousClock.now
  }

  /// Between two samples; each costs the guest a command.
  static let interval = Duration.milliseconds(500)

  init(torture: GuestTorture, display: GuestDemoDisplay) {
    self.torture = torture
    self.display = display
  }

  /// Since the load was started last.
  var samples: [ThroughputPlot.Sample] { state.withLock { $0.rates.samples } }

  /// Whether the last sample is old enough for another.
  var isDue: Bool { state.withLock { ContinuousClock.now - $0.sampled >= Self.interval } }

  /// The guest has another load from now on, whose counts begin at zero.
  func restart() { state.withLock { $0 = State() } }

  /// Asks the guest, and shows what it says.
  func sample() async throws -> GuestTorture.Statistics {
    let now = try await torture.statistics
    let at = display.elapsed
    let samples = state.withLock { state in
      state.rates.note(now.acquisitions, at: at, clock: Double(now.milliseconds) / 1000)
      state.sampled = .now
      return state.rates.samples
    }
    display.show(samples)
    return now
  }
}

/// NMIs that the machine's monitor injects, one after the other, until it is ended.
///
/// Only while the torture runs with nested contexts: a kernel that expects none complains.
final class NMIStorm: Sendable {
  private let injected: Counter
  private let task: Task<Void, Never>

  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
  }

  init(_ shell: GuestShell, period: Duration) {
    let counter = Counter()
    injected = counter
    task = Task {
      while true {
        try? await Task.sleep(for: period)
        guard !Task.isCancelled, (try? await shell.injectNMI()) != nil else { return }
        counter.value.add(1, ordering: .relaxed)
      }
    }
  }

  /// How many were sent to every vCPU.
  var count: Int { injected.value.load(ordering: .relaxed) }

  /// Ends it; returns once no more NMIs will arrive.
  func end() async {
    task.cancel()
    await task.value
  }

  /// Ends it without waiting.
  func cancel() { task.cancel() }
}
