import Foundation
import KernelImages
import LockPlatform
import Testing

/// The kernels at hand: those in `/boot`, and those that `TIDELOCK_KERNEL_IMAGES` names, separated by
/// colons.
@Suite struct RealImageTests {
  static let images: [String] = {
    let named = ProcessInfo.processInfo.environment["TIDELOCK_KERNEL_IMAGES"] ?? ""
    let boot = (try? FileManager.default.contentsOfDirectory(atPath: "/boot")) ?? []
    return named.split(separator: ":").map(String.init)
      + boot.filter { $0.hasPrefix("vmlinuz-") }.map { "/boot/\($0)" }
  }()

  @Test(.enabled(if: !images.isEmpty, "no kernel image at hand"), arguments: images)
  func findsTheSites(image: String) async throws {
    let kernel = try await KernelImage(path: image)
    func functions(_ operation: LockOperation) -> [String] {
      kernel.sites.filter { $0.operation == operation }
        .map { kernel.functions.containing($0.address)?.name ?? "?" }
    }
    // Where these two are called is known, so that a wrong slot shows in the wrong function.
    #expect(Set(functions(.wait)) == ["__pv_queued_spin_lock_slowpath"])
    #expect(Set(functions(.kick)) == ["__pv_queued_spin_unlock_slowpath"])
    #expect(functions(.slowPath).contains("_raw_spin_lock"))
    // The plain one is a function of its own only where the kernel does not inline it.
    #expect(functions(.unlock).contains { $0.hasPrefix("_raw_spin_unlock") })
    #expect(functions(.vcpuIsPreempted).contains("available_idle_cpu"))
    #expect(image.hasSuffix(kernel.identity.release) || !image.contains("vmlinuz-"))
    #expect(try kernel.siteTable().count == 204 + 8 * kernel.sites.count)

    // Counted in the running kernel by hand.
    if kernel.identity.release == "6.1.0-56-amd64" {
      #expect(LockOperation.inSlotOrder.map { functions($0).count } == [35, 39, 2, 1, 9])
    }
  }
}
