import CompiledFixtures
import KernelImages
import LockPlatform
import Testing

/// Sites found in small kernels that the test makes, packed in all ways.
@Suite struct SyntheticImageTests {
  let fixture: CompiledFixture

  init() throws { fixture = try CompiledFixture() }

  @Test(arguments: SyntheticKernel.Tables.allCases, SyntheticBootImage.Packing.allCases)
  func findsTheSites(tables: SyntheticKernel.Tables, packing: SyntheticBootImage.Packing)
    async throws
  {
    let vmlinux = try SyntheticKernel(tables).link(in: fixture)
    let image = try fixture.write(SyntheticBootImage.pack(vmlinux, packing), to: "vmlinuz")
    let kernel = try await KernelImage(path: image)

    let operations: [Int: LockOperation] = [
      3: .slowPath, 4: .unlock, 5: .wait, 6: .kick, 7: .vcpuIsPreempted,
    ]
    let expected = SyntheticKernel.calls.filter {
      $0.section == ".text" && operations[$0.slot] != nil
    }
    #expect(kernel.sites.map(\.offset) == expected.map(\.offset))
    #expect(kernel.sites.map(\.operation) == expected.compactMap { operations[$0.slot] })
    #expect(kernel.sites.allSatisfy { $0.address == 0x100_0000 + UInt64($0.offset) })
    #expect(kernel.sites.allSatisfy { $0.bytes.starts(with: [0xff, 0x15]) && $0.bytes.count == 6 })
    #expect(kernel.discardedSites == 1)
    #expect(
      kernel.sites.map { kernel.functions.containing($0.address)?.name }
        == expected.map(\.function.name))
    #expect(kernel.identity.release == SyntheticKernel.release)
    #expect(kernel.identity.version == SyntheticKernel.version)
    #expect(kernel.identity.buildID == [0x0b, 0xad, 0xca, 0xfe, 0x01])
  }

  /// Replaces words of a sound kernel's source and returns what the reader says of the result.
  func refusal(
    _ tables: SyntheticKernel.Tables, replacing words: String, with others: String,
    _ options: [String] = []
  ) async throws -> KernelImageError {
    var kernel = SyntheticKernel(tables)
    try #require(kernel.source.contains(words))
    kernel.source = kernel.source.replacing(words, with: others)
    let vmlinux = try kernel.link(in: fixture, options)
    return try #require(
      await #expect(throws: KernelImageError.self) { try await KernelImage(path: vmlinux) })
  }

  @Test func refusesAKernelWithoutParavirtualLocks() async throws {
    for tables in SyntheticKernel.Tables.allCases {
      let error = try await refusal(tables, replacing: "store: movb $0,", with: "store: movb $1,")
      guard case .noLockOperations = error else {
        Issue.record("\(error)")
        continue
      }
    }
  }

  @Test func refusesKernelsWithTheirLockOperationsElsewhere() async throws {
    let error = try await refusal(.alternatives, replacing: "6.1.0-test", with: "7.0.0-test")
    #expect(error.description.contains("Linux 7.0.0-test-amd64, which keeps its lock operations"))
  }

  @Test func refusesTablesThatContradictTheCode() async throws {
    let inconsistent: [(SyntheticKernel.Tables, String, String)] = [
      // A type that is not the slot the code calls through.
      (.separate, ".byte 5, 6", ".byte 6, 6"),
      // Entries cut off, or of a length that no version has.
      (.separate, ".byte 4, 6\n.balign 8", ".byte 4, 6"),
      (.alternatives, ".byte 6, 5", ".byte 6, 5, 0"),
      // Two slots with the native unlock.
      (.alternatives, "clear: xor %rax, %rax", "clear: movb $0, (%rdi)"),
      // A site listed twice.
      (.separate, ".quad call_text_102", ".quad call_text_96"),
    ]
    for (tables, words, others) in inconsistent {
      let error = try await refusal(tables, replacing: words, with: others)
      guard case .inconsistent = error else {
        Issue.record("\(words): \(error)")
        continue
      }
    }
    // The last caller of wake gone: four operations are not a set.
    let error = try await refusal(
      .alternatives, replacing: "call *pv_ops + 48", with: "call *pv_ops + 40")
    #expect(error.description.contains("nothing calls kick"))
  }

  @Test func refusesAKernelThatDoesNotSayWhichItIs() async throws {
    let noID = try await refusal(
      .separate, replacing: ".data", with: ".data", ["-Wl,--build-id=none"])
    #expect(noID.description.contains("no build id"))
    let noBanner = try await refusal(.separate, replacing: "Linux version", with: "Other version")
    #expect(noBanner.description.contains("no version banner"))
    // Only the draft of the banner, without its build number.
    let draft = try await refusal(
      .separate, replacing: SyntheticKernel.version, with: "# SMP PREEMPT_DYNAMIC")
    #expect(draft.description.contains("no version banner"))
  }
}
