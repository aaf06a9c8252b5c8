import CompiledFixtures
import ELFReader
import KernelImages
import Testing

/// Images damaged on purpose: always an error that names the file, never a crash.
@Suite struct DamagedImageTests {
  let fixture: CompiledFixture
  let vmlinux: [UInt8]
  let image: [UInt8]

  init() throws {
    fixture = try CompiledFixture()
    let path = try SyntheticKernel(.alternatives).link(in: fixture)
    vmlinux = try readRegularFile(path)
    image = try SyntheticBootImage.pack(path, .xz)
  }

  func read(_ bytes: [UInt8]) async throws -> KernelImage {
    try await KernelImage(path: fixture.write(bytes, to: "damaged"))
  }

  func refusal(of bytes: [UInt8]) async throws -> KernelImageError {
    let error = try #require(
      await #expect(throws: KernelImageError.self) { try await read(bytes) })
    #expect(error.description.contains("/damaged"))
    return error
  }

  @Test func truncatedImagesAreErrors() async throws {
    _ = try await read(image)
    let payload = SyntheticBootImage.payload(of: image)
    for length in [0, 1, 0x1ff, 0x202, 0x206, 0x24f, 0x250, 1024, payload.upperBound - 1] {
      let error = try await refusal(of: Array(image.prefix(length)))
      switch error {
      case .notAKernel, .truncated: break
      default: Issue.record("\(length) bytes: \(error)")
      }
    }
    // What follows the payload is not needed.
    _ = try await read(Array(image.prefix(payload.upperBound)))
  }

  @Test func wrongMagicNumbersAreErrors() async throws {
    for offset in [0x1fe, 0x1ff, 0x202, 0x205] {
      var bytes = image
      bytes[offset] ^= 0xff
      #expect(try await refusal(of: bytes) == .notAKernel(file: fixture.path("damaged")))
    }
    let payload = SyntheticBootImage.payload(of: image).lowerBound
    for (magic, name) in [
      ([0x42, 0x5a, 0x68, 0x39], "bzip2"), ([0x5d, 0, 0, 0], "lzma"), ([1, 2, 3, 4], "unknown"),
    ] as [([UInt8], String)] {
      var bytes = image
      bytes.replaceSubrange(payload..<(payload + 4), with: magic)
      #expect(try await refusal(of: bytes).description.contains(name))
    }
    var old = image
    old.replaceSubrange(0x206..<0x208, with: [0x07, 0x02])
    #expect(try await refusal(of: old).description.contains("boot protocol 2.7"))
    #expect(
      try await refusal(of: Array("#!/bin/sh\n".utf8)) == .notAKernel(file: fixture.path("damaged"))
    )
  }

  @Test func absurdLengthsAreErrors() async throws {
    for field in [0x248, 0x24c] {
      for value in [UInt32.max, UInt32.max - 0x400, 1 << 31] {
        var bytes = image
        bytes.replaceSubrange(field..<(field + 4), with: SyntheticBootImage.littleEndian(value))
        guard case .truncated = try await refusal(of: bytes) else {
          Issue.record("field \(field), value \(value)")
          continue
        }
      }
    }
    for length in [0, 3] as [UInt32] {
      var bytes = image
      bytes.replaceSubrange(0x24c..<0x250, with: SyntheticBootImage.littleEndian(length))
      _ = try await refusal(of: bytes)
    }
    // The size that the kernel claims to unpack to: nothing, far too much, a byte more or less.
    let end = SyntheticBootImage.payload(of: image).upperBound
    let size = UInt32(vmlinux.count)
    for claimed in [0, UInt32.max, size - 1, size + 1, 16] {
      var bytes = image
      bytes.replaceSubrange((end - 4)..<end, with: SyntheticBootImage.littleEndian(claimed))
      switch try await refusal(of: bytes) {
      case .absurdSize, .wrongSize: break
      case let error: Issue.record("claimed \(claimed): \(error)")
      }
    }
  }

  @Test func damagedPayloadIsAnError() async throws {
    let payload = SyntheticBootImage.payload(of: image)
    var bytes = image
    bytes[payload.lowerBound + payload.count / 2] ^= 0x55
    guard case .unpackingFailed(_, "xz", _) = try await refusal(of: bytes) else {
      Issue.record("a damaged xz stream was unpacked")
      return
    }
  }

  @Test func noDamagedKernelCrashes() async throws {
    // Every byte of the tables once; the kernel's code and constants in steps.
    let file = try ELFFile(bytes: vmlinux, name: "vmlinux")
    let tables = [".altinstructions", ".altinstr_replacement", ".note.gnu.build-id"]
    for section in file.sections where section.occupiesFile {
      let step = tables.contains(section.name) ? 1 : 23
      for offset in stride(from: section.offset, to: section.offset + section.size, by: step) {
        var bytes = vmlinux
        bytes[Int(offset)] ^= 0xff
        _ = try? await read(bytes)
      }
    }
    for length in stride(from: 0, to: vmlinux.count, by: 61) {
      _ = try await refusal(of: Array(vmlinux.prefix(length)))
    }
  }
}
