import CompiledFixtures
import ELFReader
import KernelImages
import Testing

/// The text of small kernels that the test makes beside what memory would hold.
@Suite struct KernelTextTests {
  /// Where the linker puts it.
  private static let linked: UInt64 = 0x100_0000

  private let fixture: CompiledFixture
  private let vmlinux: [UInt8]
  private let code: [UInt8]

  init() throws {
    fixture = try CompiledFixture()
    let path = try SyntheticKernel(.separate).link(in: fixture)
    vmlinux = try readRegularFile(path)
    let kernel = try ELFFile(bytes: vmlinux, name: path)
    code = Array(try kernel.contents(of: try #require(kernel.section(named: ".text"))))
  }

  /// The symbols of a kernel whose own tables are empty.
  private static func marks(
    movedBy distance: UInt64 = 0, trampolines: [UInt64] = [], tables: UInt64 = 0
  ) -> TextMarks {
    var addresses: [String: UInt64] = [:]
    for name in TextMarks.names where name.hasPrefix("__start") { addresses[name] = 0 }
    for name in TextMarks.names where name.hasPrefix("__stop") { addresses[name] = tables }
    return TextMarks(text: linked &+ distance, addresses: addresses, trampolines: trampolines)
  }

  @Test func findsWhatNoTableNames() throws {
    let text = try KernelText(vmlinux: vmlinux, file: "vmlinux", Self.marks())
    #expect(text.size == code.count)
    // Seven calls of six bytes in the text are patched at boot.
    #expect(text.compared == code.count - 7 * 6)
    #expect(text.differences(in: code).isEmpty)

    var memory = code
    // A call through pv_ops, its neighbour on either side, and the last byte.
    memory[0x20] ^= 0xff
    memory[0x25] ^= 0xff
    #expect(text.differences(in: memory).isEmpty)
    memory[0x1f] ^= 0xff
    memory[0x26] ^= 0xff
    memory[code.count - 1] ^= 0xff
    let found = text.differences(in: memory)
    #expect(
      found.map(\.address) == [0x1f, 0x26, UInt64(code.count) - 1].map { Self.linked + $0 })
    #expect(found.map(\.image) == [[code[0x1f]], [code[0x26]], [code[code.count - 1]]])
    #expect(found.map(\.memory) == found.map { $0.image.map { $0 ^ 0xff } })
  }

  /// Each list is begun by a zero; they follow the file as 64 bits, 32 bits the other way, 32 bits.
  @Test func isMovedAsABootImageIs() throws {
    func list(_ offsets: [UInt32]) -> [UInt8] {
      ([0] + offsets.map { UInt32(Self.linked) + $0 }).flatMap { word in
        (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) }
      }
    }
    let distance: UInt64 = 0x12_3456_0000
    // The last ones lie partly, and wholly, outside the text, as in a damaged image.
    let packed =
      vmlinux + list([0x80]) + list([0x90]) + list([0xa0, UInt32(code.count) - 2, 0xffff])
    let text = try KernelText(
      vmlinux: packed, file: "vmlinuz", Self.marks(movedBy: distance))

    var memory = code
    func add(_ value: UInt64, at offset: Int, _ width: Int) {
      var word = (0..<width).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(memory[offset + $1]) }
      word &+= value
      for index in 0..<width {
        memory[offset + index] = UInt8(truncatingIfNeeded: word >> (8 * UInt64(index)))
      }
    }
    #expect(text.differences(in: memory).count == 3)
    add(distance, at: 0x80, 8)
    add(0 &- distance, at: 0x90, 4)
    add(distance, at: 0xa0, 4)
    #expect(text.differences(in: memory).isEmpty)
  }

  /// Places that are none of the text's change nothing, and tables that are not there are refused.
  @Test func damagedTablesAreNamed() throws {
    let end = Self.linked + UInt64(code.count)
    let text = try KernelText(
      vmlinux: vmlinux, file: "vmlinux", Self.marks(trampolines: [.max, end, end - 1, 0]))
    #expect(text.compared == code.count - 7 * 6 - 1)
    for length: UInt64 in [16, .max] {
      #expect(throws: KernelImageError.self) {
        try KernelText(vmlinux: vmlinux, file: "vmlinux", Self.marks(tables: length))
      }
    }
    #expect(throws: KernelImageError.self) {
      try KernelText(
        vmlinux: vmlinux, file: "vmlinux",
        TextMarks(text: Self.linked, addresses: [:], trampolines: []))
    }
  }
}
