import ELFReader
import Foundation
import Testing

/// Files of the kernel's are longer than they say.
@Suite struct KernelFileTests {
  @Test func areReadToTheirEnd() throws {
    let bytes = try readKernelFile("/proc/self/smaps")
    // Longer than a page, which is what one call gives.
    #expect(bytes.count > 8192)
    // The last lines of the last mapping.
    #expect(String(decoding: bytes.suffix(2000), as: UTF8.self).contains("VmFlags:"))
  }

  @Test func saysWhatCannotBeRead() {
    #expect(throws: ELFError.self) { try readKernelFile("/proc/nothing/of/the/kind") }
    #expect(throws: ELFError.self) { try readKernelFile("/proc") }
  }
}
