import Foundation

/// A guest that can be booted, wherever it runs: emulated as a whole (``GuestMachine``), or on a real
/// KVM (``GuestOnKVM``).
public protocol BootableGuest: Sendable {
  /// What it boots.
  var kernel: GuestKernel { get }
  /// How many virtual CPUs it has.
  var vcpus: Int { get }
  /// Files that lie in its root folder, by name.
  var files: [String: URL] { get set }
  /// After this many seconds it is ended, whatever happens.
  var lifetime: Int { get set }

  /// Boots the guest, runs the closure with a shell in it, and ends it.
  ///
  /// - Parameters:
  ///   - progress: Called with what happens, a sentence without a full stop.
  ///   - body: What to do in the guest.
  /// - Returns: What the closure returned, and what the guest's kernel said.
  /// - Throws: ``GuestError``, or what the closure throws.
  func run<Answer: Sendable>(
    progress: @Sendable (String) -> Void,
    _ body: @Sendable (GuestShell) async throws -> Answer
  ) async throws -> (answer: Answer, log: KernelLog)
}

extension BootableGuest {
  /// Boots the guest, runs the closure with a shell in it, and ends it, without reporting progress.
  public func run<Answer: Sendable>(
    _ body: @Sendable (GuestShell) async throws -> Answer
  ) async throws -> (answer: Answer, log: KernelLog) {
    try await run(progress: { _ in }, body)
  }
}

/// How a shell reaches its guest.
protocol GuestLink: Sendable {
  /// Types a line.
  func type(_ line: String) async throws
  /// Makes the hypervisor send an NMI.
  func injectNMI() async throws(GuestError)
  /// Waits until the kernel's log holds all that was said before.
  func settleLog() async
  /// The state of each CPU, as QEMU sees it, for the message about a guest that is silent; empty if QEMU
  /// does not answer.
  func standing() async -> [String]
  /// What the guest's QEMU printed, for the message about a guest that has died.
  func lastWords() async -> [String]
  /// Makes QEMU write memory into a file of this machine; returns when it is complete.
  func saveMemory(from address: UInt64, count: Int, to file: URL) async throws(GuestError)
}

extension GuestLink {
  /// Nothing to wait for, where QEMU itself writes the log.
  func settleLog() {}

  /// Nothing, where no one keeps what QEMU prints.
  func lastWords() -> [String] { [] }

  /// A QEMU inside another machine writes there.
  func saveMemory(from _: UInt64, count _: Int, to file: URL) throws(GuestError) {
    throw .file(
      path: file.path, reason: "only an emulated guest's memory can be written to a file here")
  }
}
