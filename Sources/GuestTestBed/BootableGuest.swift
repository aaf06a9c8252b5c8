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
  /// After so many seconds it is ended, whatever happens.
  var lifetime: Int { get set }

  /// Boots the guest, runs the closure with a shell in it, and ends it.
  ///
  /// - Parameters:
  ///   - progress: Told what goes on, a sentence without a full stop.
  ///   - body: What to do in the guest.
  /// - Returns: What the closure returned, and what the guest's kernel said.
  /// - Throws: ``GuestError``, or what the closure throws.
  func run<Answer: Sendable>(
    progress: @Sendable (String) -> Void,
    _ body: @Sendable (GuestShell) async throws -> Answer
  ) async throws -> (answer: Answer, log: KernelLog)
}

extension BootableGuest {
  /// Boots the guest, runs the closure with a shell in it, and ends it, without a word on the way.
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
  /// Where each CPU stands, as QEMU sees it, for the message about a guest that says nothing; empty if
  /// QEMU does not tell.
  func standing() async -> [String]
  /// What the guest's QEMU said, for the message about a guest that is gone.
  func lastWords() async -> [String]
  /// Has QEMU write memory into a file of this machine; returns when it is there.
  func saveMemory(from address: UInt64, count: Int, to file: URL) async throws(GuestError)
}

extension GuestLink {
  /// Nothing to wait for, where QEMU itself writes the log.
  func settleLog() {}

  /// Of a QEMU whose words nobody keeps.
  func lastWords() -> [String] { [] }

  /// A QEMU inside another machine writes there.
  func saveMemory(from _: UInt64, count _: Int, to file: URL) throws(GuestError) {
    throw .file(
      path: file.path, reason: "only an emulated guest's memory can be written to a file here")
  }
}
